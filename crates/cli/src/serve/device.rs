//! One device: two sockets, perhaps a third for copies, and the proxy between them on a thread of
//! its own. The main thread owns the sockets and steers the proxy through its handle.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use oxmq::{AnySocket, Context, Error, Proxy, ProxyEnd, ProxyHandle, ProxyStatistics, SocketType};

use crate::args::DeviceArgs;
use crate::durable::{self, Durability};
use crate::endpoint::{EndpointList, Role};
use crate::failure::Failure;
use crate::limits::DRAIN_QUIET;
use crate::link;
use crate::security::Security;
use crate::stop::Stop;

/// What a device shall be.
pub(super) struct Plan {
    pub(super) label: String,
    /// What the names of its durable sockets are made of.
    pub(super) name: String,
    pub(super) front: Side,
    pub(super) back: Side,
    pub(super) capture: Option<Side>,
}

/// What all devices are opened with.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) args: &'a DeviceArgs,
    pub(super) security: &'a Security,
    pub(super) durable: Option<Durability<'a>>,
    pub(super) context: &'a Context,
}

/// One socket of a device.
pub(super) struct Side {
    pub(super) socket_type: SocketType,
    pub(super) endpoints: EndpointList,
}

/// An open socket and where it is.
struct Opened {
    /// What the side is for: front, back, capture.
    name: &'static str,
    socket: AnySocket,
    /// For people: resolved where bound.
    endpoints: Vec<String>,
}

/// See the file's first paragraph.
pub(super) struct Device {
    label: String,
    sides: Vec<Opened>,
    handle: ProxyHandle,
    /// Until it is started.
    proxy: Option<Proxy>,
    thread: Option<JoinHandle<oxmq::Result<ProxyEnd>>>,
}

/// A device whose proxy has returned.
pub(super) struct Ended {
    /// Messages received and not passed on.
    pub(super) kept: usize,
    /// What it did, for people.
    pub(super) summary: String,
    sockets: Vec<AnySocket>,
}

impl Device {
    pub(super) fn open(plan: &Plan, opening: &Opening<'_>) -> Result<Device, Failure> {
        let mut sides = vec![
            open_side("front", plan, &plan.front, opening)?,
            open_side("back", plan, &plan.back, opening)?,
        ];
        let mut proxy = Proxy::new(&sides[0].socket, &sides[1].socket)
            .map_err(|error| misfit(&error, &plan.front, &plan.back))?;
        if let Some(capture) = &plan.capture {
            let opened = open_side("capture", plan, capture, opening)?;
            proxy = proxy.capture(&opened.socket).map_err(|error| match error {
                Error::NotSupported { .. } => Failure::usage(format!(
                    "a {} socket cannot capture: use pub, xpub, push, pair or dealer",
                    capture.socket_type.name().to_lowercase()
                )),
                other => other.into(),
            })?;
            sides.push(opened);
        }
        let handle = proxy.handle();
        Ok(Device { label: plan.label.clone(), sides, handle, proxy: Some(proxy), thread: None })
    }

    /// One line for each socket.
    pub(super) fn description(&self) -> Vec<String> {
        let line = |side: &Opened| {
            let kind = side.socket.socket_type().name();
            let endpoints = side.endpoints.join(", ");
            format!("{:<12} {:<8} {kind:<7} {endpoints}", self.label, side.name)
        };
        self.sides.iter().map(line).collect()
    }

    /// Starts to pass messages on. A device that fails ends the command.
    pub(super) fn start(&mut self, stop: &Stop) -> Result<(), Failure> {
        let Some(proxy) = self.proxy.take() else { return Ok(()) };
        let stop = stop.clone();
        let run = move || {
            let end = proxy.run();
            if end.is_err() {
                stop.request();
            }
            end
        };
        let spawned = thread::Builder::new().name(self.label.clone()).spawn(run);
        let failed = |error| Failure::error(format!("cannot start a thread: {error}"));
        self.thread = Some(spawned.map_err(failed)?);
        Ok(())
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn statistics(&self) -> ProxyStatistics {
        self.handle.statistics()
    }

    /// Whether messages can go from the back to the front.
    pub(super) fn returns(&self) -> bool {
        let [front, back, ..] = self.sides.as_slice() else { return false };
        let one_way = |side: &Opened| {
            matches!(
                side.socket.socket_type(),
                SocketType::Pub | SocketType::Push | SocketType::Pull | SocketType::Sub
            )
        };
        !one_way(front) && !one_way(back)
    }

    /// Gives the bound endpoints up; peers that are connected stay.
    pub(super) fn stop_accepting(&self) {
        for side in &self.sides {
            for endpoint in side.socket.endpoints().bound {
                // It fails only when the context or the socket has ended, and then nothing is
                // accepted either.
                let _ = side.socket.unbind(&endpoint);
            }
        }
    }

    /// Lets the proxy return once nothing is left to pass on.
    pub(super) fn drain(&self, limit: Duration) {
        self.handle.terminate_after_drain(DRAIN_QUIET, limit);
    }

    /// Waits until the proxy has returned; the first value says whether it failed.
    pub(super) fn join(self) -> (Result<(), Failure>, Ended) {
        let end = self.thread.map(JoinHandle::join);
        let failed = |why: String| Err(Failure::error(format!("{}: {why}", self.label)));
        let (result, complete) = match end {
            Some(Ok(Ok(ProxyEnd::Drained { complete }))) => (Ok(()), complete),
            None | Some(Ok(Ok(_))) => (Ok(()), true),
            Some(Ok(Err(error))) => (failed(error.to_string()), false),
            Some(Err(_)) => (failed("the device's thread panicked".to_owned()), false),
        };
        let queued_in = |side: &Opened| {
            side.socket.snapshot().peers.iter().map(|peer| peer.queued_in).sum::<usize>()
        };
        let kept = if complete { 0 } else { self.sides.iter().map(queued_in).sum() };
        let totals = self.handle.statistics();
        let summary = format!(
            "{}: {} messages front to back, {} back to front",
            self.label, totals.frontend.messages_in, totals.backend.messages_in
        );
        let sockets = self.sides.into_iter().map(|side| side.socket).collect();
        (result, Ended { kept, summary, sockets })
    }
}

impl Ended {
    /// Closes the sockets, which then have this long to write. Returns how many messages they
    /// still have to write.
    pub(super) fn close(self, linger: Option<Duration>) -> Result<usize, Failure> {
        let mut queued = 0;
        for socket in self.sockets {
            if durable::is_durable(&socket) {
                durable::tell_kept(&socket);
            } else {
                queued += link::queued(&socket);
            }
            socket.configure(|options| options.linger(linger))?;
            socket.close();
        }
        Ok(queued)
    }
}

fn open_side(
    name: &'static str,
    plan: &Plan,
    side: &Side,
    opening: &Opening<'_>,
) -> Result<Opened, Failure> {
    let Opening { args, security, durable, context } = *opening;
    let hwm = link::hwm(args.hwm);
    let socket = AnySocket::with_options(context, side.socket_type, |options| {
        link::with_queues(options, hwm)
    })?;
    security.apply(&socket)?;
    if let Some(durable) = durable {
        durable.apply(&socket, &format!("/{}/{name}", plan.name))?;
    }
    if side.socket_type == SocketType::Sub {
        socket.subscribe("")?;
    }
    if args.verbose {
        link::tell_events(socket.monitor()?);
    }
    let mut endpoints = link::attach(&socket, &side.endpoints.0)?;
    let connects = side.endpoints.0.iter().filter(|at| at.role == Role::Connect);
    endpoints.extend(connects.map(ToString::to_string));
    Ok(Opened { name, socket, endpoints })
}

fn misfit(error: &Error, front: &Side, back: &Side) -> Failure {
    match error {
        Error::NotSupported { .. } => Failure::usage(format!(
            "no message can go between a {} and a {} socket\n\
             what fits: router and dealer, xsub and xpub, pull and push, pair and pair",
            front.socket_type.name().to_lowercase(),
            back.socket_type.name().to_lowercase()
        )),
        other => Failure::error(other.to_string()),
    }
}
