//! CURVE and PLAIN with libzmq, either side as the server, with the list that we have or the ZAP
//! handler that they have (ours is in `zap.rs`): the cells of the matrix, heartbeats, a server that
//! comes back, and clients that are not let in. Run by the main thread.

use std::time::Duration;

use oxmq_engine::{AllowList, CurveKeyPair, CurveSecretKey, Error, EventKind, Wait};
use oxmq_testing::{Child, Doing, Result, Spec};

use crate::Run;
use crate::matrix::{PAIRS, cell_with, hex, join};
use crate::ours::Ours;
use crate::peers::{PEERS, Peer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Curve,
    Plain,
}

/// Who is the server of the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Ours,
    Theirs,
}

/// What libzmq cannot do with itself on both sides either (4.3.4 and 4.3.5 were tried): the request
/// arrives, and the REQ ends the connection when it reads the reply.
const REQ_AS_SERVER: &str = "libzmq's REQ takes no reply while it is the server of a mechanism";

pub(crate) const USER: &str = "ada";
pub(crate) const PASSWORD: &str = "lovelace";

pub(crate) fn keys(number: u8) -> CurveKeyPair {
    CurveKeyPair::from_secret(CurveSecretKey::from_bytes([number; 32]))
}

/// Prints a line for each cell.
pub(crate) fn run(run: &mut Run) {
    // Those whose programs are Python's, which has a ZAP handler ready.
    let peers = || PEERS.iter().filter(|peer| peer.name.ends_with("zmq"));
    for peer in peers() {
        for mechanism in [Mechanism::Curve, Mechanism::Plain] {
            for server in [Server::Ours, Server::Theirs] {
                matrix(run, peer, mechanism, server);
                let name = |what: &str| format!("{what}: {mechanism:?}, {server:?}, {}", peer.name);
                run.cell(&name("heartbeats"), || heartbeats(peer, mechanism, server));
                run.cell(&name("a server comes back"), || comes_back(peer, mechanism, server));
                run.cell(&name("a stranger"), || stranger(peer, mechanism, server));
            }
        }
    }
}

fn matrix(run: &mut Run, peer: &Peer, mechanism: Mechanism, server: Server) {
    let ipc = ["REQ", "PUB"];
    for pair in PAIRS {
        for transport in ["tcp", "ipc"] {
            if transport == "ipc" && !ipc.contains(&pair.ours) {
                continue;
            }
            for role in ["bind", "connect"] {
                let name = format!(
                    "{mechanism:?} {} with {} of {}: {server:?} is the server, theirs {role}s, \
                     {transport}",
                    pair.ours, pair.theirs, peer.name
                );
                if server == Server::Theirs && pair.theirs == "REQ" {
                    println!("none   {name}: {REQ_AS_SERVER}");
                    continue;
                }
                run.cell(&name, || {
                    cell_with(peer, pair, transport, role, |ours, theirs| {
                        secure(ours, theirs, mechanism, server, true)
                    })
                });
            }
        }
    }
}

/// Gives both sides what they need; the client is the one that the server expects, or not.
fn secure(
    ours: &mut Ours,
    theirs: &mut Child,
    mechanism: Mechanism,
    server: Server,
    expected: bool,
) -> Result<()> {
    let client = if expected { keys(2) } else { keys(3) };
    let password = if expected { PASSWORD } else { "guess" };
    theirs_secure(theirs, mechanism, server, &client, password)?;
    ours_secure(ours, mechanism, server, &client, password)
}

pub(crate) fn theirs_secure(
    theirs: &mut Child,
    mechanism: Mechanism,
    server: Server,
    client: &CurveKeyPair,
    password: &str,
) -> Result<()> {
    match (mechanism, server) {
        (Mechanism::Curve, Server::Ours) => {
            let (secret, public) = (hex(client.secret.as_bytes()), hex(client.public.as_bytes()));
            let server = hex(keys(1).public.as_bytes());
            theirs.call(format_args!("secure curve-client {secret} {public} {server}"))?;
        }
        (Mechanism::Curve, Server::Theirs) => {
            let (secret, public) = (hex(keys(1).secret.as_bytes()), hex(keys(2).public.as_bytes()));
            theirs.call(format_args!("secure curve-server {secret} {public}"))?;
        }
        (Mechanism::Plain, Server::Ours) => {
            theirs.call(format_args!("secure plain-client {USER} {password}"))?;
        }
        (Mechanism::Plain, Server::Theirs) => {
            theirs.call(format_args!("secure plain-server {USER} {PASSWORD}"))?;
        }
    }
    Ok(())
}

fn ours_secure(
    ours: &Ours,
    mechanism: Mechanism,
    server: Server,
    client: &CurveKeyPair,
    password: &str,
) -> Result<()> {
    let list = AllowList::new();
    list.allow_key(keys(2).public, USER);
    list.allow_user(USER, PASSWORD);
    let configured = ours.socket.configure(|options| {
        let security = &mut options.security;
        match (mechanism, server) {
            (Mechanism::Curve, Server::Ours) => {
                security.set_curve_server(true);
                security.set_curve_secret_key(keys(1).secret);
                security.allow_list = Some(list);
            }
            (Mechanism::Curve, Server::Theirs) => {
                security.set_curve_server_key(keys(1).public);
                security.set_curve_public_key(client.public);
                security.set_curve_secret_key(client.secret.clone());
            }
            (Mechanism::Plain, Server::Ours) => {
                security.set_plain_server(true);
                security.allow_list = Some(list);
            }
            (Mechanism::Plain, Server::Theirs) => {
                security.set_plain_username(USER.as_bytes());
                security.set_plain_password(password.as_bytes());
            }
        }
        Ok(())
    });
    configured.doing("setting our security options")
}

/// A message each way between two DEALERs.
pub(crate) fn exchange(ours: &mut Ours, theirs: &mut Child, seed: u32) -> Result<()> {
    let (there, back) = (Spec::of(seed, &[100, 0, 70_000]), Spec::of(seed + 1, &[5]));
    ours.send(&there)?;
    theirs.call(format_args!("recv {there}"))?;
    theirs.call(format_args!("send {back}"))?;
    ours.recv(&back)
}

/// Both sides send PINGs, and nobody is given up while nothing else is said.
fn heartbeats(peer: &Peer, mechanism: Mechanism, server: Server) -> Result<String> {
    let mut theirs = peer.start()?;
    let mut ours = Ours::open("DEALER")?;
    theirs.call("open DEALER")?;
    theirs.call("option HEARTBEAT_IVL 20")?;
    theirs.call("option HEARTBEAT_TIMEOUT 5000")?;
    let beat = ours.socket.configure(|options| {
        options.heartbeat_ivl = Some(Duration::from_millis(20));
        options.heartbeat_timeout = Some(Duration::from_secs(5));
        Ok(())
    });
    beat.doing("setting heartbeats")?;
    secure(&mut ours, &mut theirs, mechanism, server, true)?;
    let monitor = ours.socket.monitor().doing("a monitor")?;
    let role = if server == Server::Ours { "connect" } else { "bind" };
    join(&ours, &mut theirs, peer, "tcp", role)?;
    exchange(&mut ours, &mut theirs, 1)?;
    // Time for many PINGs; whatever happens to the connection is an event.
    while let Some(event) = monitor.recv_timeout(Duration::from_millis(500)) {
        if matches!(event.kind, EventKind::Disconnected { .. }) {
            return Err(format!("the connection was lost: {event}"));
        }
    }
    exchange(&mut ours, &mut theirs, 3)?;
    Ok(String::new())
}

/// The server ends and another takes its place; the client finds it.
fn comes_back(peer: &Peer, mechanism: Mechanism, server: Server) -> Result<String> {
    let mut theirs = peer.start()?;
    let mut ours = Ours::open("DEALER")?;
    theirs.call("open DEALER")?;
    secure(&mut ours, &mut theirs, mechanism, server, true)?;
    let again = |ours: &Ours| ours_secure(ours, mechanism, server, &keys(2), PASSWORD);
    if server == Server::Ours {
        let endpoint = ours.bind("tcp://127.0.0.1:*")?;
        theirs.call(format_args!("connect {endpoint}"))?;
        exchange(&mut ours, &mut theirs, 1)?;
        drop(ours);
        let mut ours = Ours::open("DEALER")?;
        again(&ours)?;
        ours.bind(&endpoint)?;
        ours.socket
            .wait_changed(Wait::For(Duration::from_secs(20)), |peers| peers.connected > 0)
            .doing("waiting for the client")?;
        exchange(&mut ours, &mut theirs, 3)?;
    } else {
        let endpoint = theirs.call(format_args!("bind {}", peer.bind_endpoint("tcp")?))?;
        ours.connect(&endpoint)?;
        exchange(&mut ours, &mut theirs, 1)?;
        let monitor = ours.socket.monitor().doing("a monitor")?;
        drop(theirs);
        while !matches!(
            monitor.recv_timeout(Duration::from_secs(20)).ok_or("the loss was not told")?.kind,
            EventKind::Disconnected { .. }
        ) {}
        let mut theirs = peer.start()?;
        theirs.call("open DEALER")?;
        secure(&mut ours, &mut theirs, mechanism, server, true)?;
        theirs.call(format_args!("bind {endpoint}"))?;
        exchange(&mut ours, &mut theirs, 3)?;
    }
    Ok(String::new())
}

/// A client that the server does not know is refused, and both sides are told.
fn stranger(peer: &Peer, mechanism: Mechanism, server: Server) -> Result<String> {
    let mut theirs = peer.start()?;
    let mut ours = Ours::open("DEALER")?;
    theirs.call("open DEALER")?;
    secure(&mut ours, &mut theirs, mechanism, server, false)?;
    let monitor = ours.socket.monitor().doing("a monitor")?;
    let role = if server == Server::Ours { "connect" } else { "bind" };
    join(&ours, &mut theirs, peer, "tcp", role)?;
    loop {
        let event = monitor.recv_timeout(Duration::from_secs(20)).ok_or("nobody was refused")?;
        match event.kind {
            EventKind::HandshakeFailedAuth { status: 400 } => break,
            EventKind::HandshakeSucceeded => return Err("the stranger came in".to_owned()),
            _ => {}
        }
    }
    if server == Server::Theirs {
        // Our calls tell it, too, instead of waiting for ever.
        let refused =
            ours.socket.wait_changed(Wait::For(Duration::from_secs(20)), |now| now.connected > 0);
        if !matches!(refused, Err(Error::Refused { status: 400, .. })) {
            return Err(format!("our wait ended with {refused:?}"));
        }
    } else if !ours.socket.snapshot().peers.is_empty() {
        return Err("a peer is known that was refused".to_owned());
    }
    Ok(String::new())
}
