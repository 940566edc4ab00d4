//! A ZAP handler of ours that is asked about libzmq's clients: whom our server lets in, refuses, or
//! puts off, over CURVE and PLAIN. RFC 27. Run by the main thread, which is the handler.

use std::time::Duration;

use oxmq_engine::{Event, EventKind, Message, Monitor, Msg, Socket, SocketType, Wait};
use oxmq_testing::{Child, Doing, Result, Spec};

use crate::Run;
use crate::matrix::join;
use crate::ours::Ours;
use crate::peers::{PEERS, Peer};
use crate::security::{Mechanism, PASSWORD, Server, USER, exchange, keys, theirs_secure};

/// Time after which something counts as never coming.
const NEVER: Duration = Duration::from_secs(20);

/// Where RFC 27 has the handler.
const ZAP: &str = "inproc://zeromq.zap.01";

const DOMAIN: &[u8] = b"interop";

/// One property, `X-Room` with the value `7`, as a handler writes it.
const ROOM: &[u8] = b"\x06X-Room\0\0\0\x017";

/// What the handler says.
#[derive(Clone, Copy)]
enum Verdict {
    Welcome,
    Refused(u16),
}

/// Prints a line for each cell.
pub(crate) fn run(run: &mut Run) {
    for peer in PEERS.iter().filter(|peer| peer.name.ends_with("zmq")) {
        for mechanism in [Mechanism::Curve, Mechanism::Plain] {
            for transport in ["tcp", "ipc"] {
                let name = |what: &str| {
                    format!("our ZAP handler {what}: {mechanism:?}, {transport}, {}", peer.name)
                };
                run.cell(&name("lets in"), || lets_in(peer, mechanism, transport));
                for status in [400, 500] {
                    let what = format!("refuses with {status}");
                    run.cell(&name(&what), || refuses(peer, mechanism, transport, status));
                }
                run.cell(&name("puts off"), || puts_off(peer, mechanism, transport));
            }
        }
    }
}

/// A server of ours with its handler and its monitor, and a client of theirs that is to connect.
struct Scene {
    ours: Ours,
    handler: Socket,
    monitor: Monitor,
    theirs: Child,
    mechanism: Mechanism,
}

impl Scene {
    fn open(peer: &Peer, mechanism: Mechanism) -> Result<Scene> {
        let ours = Ours::open("DEALER")?;
        let handler = ours.socket.context().socket(SocketType::Rep).doing("the handler")?;
        handler.bind(ZAP).doing("binding the handler")?;
        let configured = ours.socket.configure(|options| {
            let security = &mut options.security;
            security.zap_domain = DOMAIN.to_vec();
            match mechanism {
                Mechanism::Curve => {
                    security.set_curve_server(true);
                    security.set_curve_secret_key(keys(1).secret);
                }
                Mechanism::Plain => security.set_plain_server(true),
            }
            Ok(())
        });
        configured.doing("setting our security options")?;
        let monitor = ours.socket.monitor().doing("a monitor")?;
        let mut theirs = peer.start()?;
        theirs.call("open DEALER")?;
        theirs_secure(&mut theirs, mechanism, Server::Ours, &keys(2), PASSWORD)?;
        Ok(Scene { ours, handler, monitor, theirs, mechanism })
    }

    /// Takes the next request, checks each of its parts, and answers it.
    fn judge(&self, transport: &str, verdict: Verdict) -> Result<()> {
        let request = self.handler.recv_message(Wait::For(NEVER)).doing("the request")?;
        let parts: Vec<&[u8]> = request.iter().map(|part| &part[..]).collect();
        let key = keys(2).public;
        let (mechanism, credentials): (&[u8], Vec<&[u8]>) = match self.mechanism {
            Mechanism::Curve => (b"CURVE", vec![key.as_bytes()]),
            Mechanism::Plain => (b"PLAIN", vec![USER.as_bytes(), PASSWORD.as_bytes()]),
        };
        let [version, id, domain, address, routing_id, theirs, rest @ ..] = parts.as_slice() else {
            return Err(format!("a request of {} parts", parts.len()));
        };
        let is_right = *version == b"1.0"
            && *domain == DOMAIN
            && (transport != "tcp" || *address == b"127.0.0.1")
            && routing_id.is_empty()
            && *theirs == mechanism
            && rest == credentials;
        if !is_right {
            return Err(format!("the request is {parts:?}"));
        }
        let (status, user, metadata) = match verdict {
            Verdict::Welcome => (200, "guest", ROOM),
            Verdict::Refused(status) => (status, "", &b""[..]),
        };
        let status = status.to_string();
        let reply: [&[u8]; 6] =
            [b"1.0", id, status.as_bytes(), b"so it is", user.as_bytes(), metadata];
        let mut reply: Message = reply.into_iter().map(Msg::from_slice).collect();
        self.handler.send_message(&mut reply, Wait::For(NEVER)).doing("the reply")
    }

    fn event(&self) -> Result<Event> {
        self.monitor.recv_timeout(NEVER).ok_or_else(|| "nothing more is told".to_owned())
    }

    /// The monitor tells of a refusal with this status before anything else of a handshake.
    fn is_refused(&self, wanted: u16) -> Result<()> {
        loop {
            match self.event()?.kind {
                EventKind::HandshakeFailedAuth { status } if status == wanted => return Ok(()),
                EventKind::HandshakeFailedAuth { .. } | EventKind::HandshakeSucceeded => {
                    return Err("another end of the handshake is told".to_owned());
                }
                _ => {}
            }
        }
    }

    /// Messages pass, and bear what the handler said.
    fn is_served(&mut self) -> Result<()> {
        exchange(&mut self.ours, &mut self.theirs, 1)?;
        let question = Spec::of(7, &[3]);
        self.theirs.call(format_args!("send {question}"))?;
        let message = self.ours.recv_any(&question)?;
        let meta = message.iter().next().and_then(Msg::meta).ok_or("a message without metadata")?;
        let found = (meta.property("User-Id"), meta.property("X-Room"));
        if found != (Some(b"guest"), Some(b"7")) {
            return Err(format!("the message bears {found:?}"));
        }
        Ok(())
    }
}

fn lets_in(peer: &Peer, mechanism: Mechanism, transport: &str) -> Result<String> {
    let mut scene = Scene::open(peer, mechanism)?;
    join(&scene.ours, &mut scene.theirs, peer, transport, "connect")?;
    scene.judge(transport, Verdict::Welcome)?;
    scene.is_served()?;
    Ok(String::new())
}

fn refuses(peer: &Peer, mechanism: Mechanism, transport: &str, status: u16) -> Result<String> {
    let mut scene = Scene::open(peer, mechanism)?;
    join(&scene.ours, &mut scene.theirs, peer, transport, "connect")?;
    scene.judge(transport, Verdict::Refused(status))?;
    scene.is_refused(status)?;
    if !scene.ours.socket.snapshot().peers.is_empty() {
        return Err("a peer is known that was refused".to_owned());
    }
    Ok(String::new())
}

/// A client that is put off is told nothing: it gives the handshake up and comes again.
fn puts_off(peer: &Peer, mechanism: Mechanism, transport: &str) -> Result<String> {
    let mut scene = Scene::open(peer, mechanism)?;
    scene.theirs.call("option HANDSHAKE_IVL 200")?;
    join(&scene.ours, &mut scene.theirs, peer, transport, "connect")?;
    scene.judge(transport, Verdict::Refused(300))?;
    scene.is_refused(300)?;
    scene.judge(transport, Verdict::Welcome)?;
    scene.is_served()?;
    Ok(String::new())
}
