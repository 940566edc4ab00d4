//! A command's socket: made, given its options, bound, connected, and closed at the end. The link
//! owns the context; the command has the two halves of the socket. Used by the main thread.

use std::thread;
use std::time::{Duration, Instant};

use oxmq::kind::{Any, Kind, Receiving, Sending};
use oxmq::{AnySocket, Context, Monitor, Options, Socket, SocketType};

use crate::args::LinkArgs;
use crate::durable;
use crate::duration::Limit;
use crate::endpoint::{EndpointArg, Role};
use crate::failure::Failure;
use crate::limits::CLOSE_GRACE;
use crate::security::Security;
use crate::stop::Stop;
use crate::tell::tell;

/// The half that sends.
pub(crate) type Sender = Socket<Sending<Any>>;
/// The half that receives.
pub(crate) type Receiver = Socket<Receiving<Any>>;

/// See the file's first paragraph.
pub(crate) struct Link {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    /// A server has to accept our credentials before anything is sent.
    pub(crate) is_vetted: bool,
}

/// The socket type of this name.
pub(crate) fn socket_type(name: &str) -> Option<SocketType> {
    Some(match name {
        "pub" => SocketType::Pub,
        "sub" => SocketType::Sub,
        "xpub" => SocketType::XPub,
        "xsub" => SocketType::XSub,
        "push" => SocketType::Push,
        "pull" => SocketType::Pull,
        "req" => SocketType::Req,
        "rep" => SocketType::Rep,
        "dealer" => SocketType::Dealer,
        "router" => SocketType::Router,
        "pair" => SocketType::Pair,
        "stream" => SocketType::Stream,
        _ => return None,
    })
}

impl Link {
    /// Makes the socket; `prepare` sets what is special to the command before it is bound.
    pub(crate) fn open(
        context: &Context,
        socket_type: SocketType,
        args: &LinkArgs,
        prepare: impl FnOnce(&AnySocket) -> oxmq::Result<()>,
    ) -> Result<Link, Failure> {
        let security = Security::read(&args.security)?;
        let linger = args.linger.0;
        let hwm = hwm(args.hwm);
        let socket = AnySocket::with_options(context, socket_type, |options| {
            // A wss server is judged as a browser judges it.
            with_queues(options, hwm).linger(linger).wss_trust_system(true)
        })?;
        security.apply(&socket)?;
        prepare(&socket)?;
        if args.verbose {
            tell_events(socket.monitor()?);
        }
        for bound in attach(&socket, &args.endpoints)? {
            if !args.quiet {
                tell(format_args!("listening on {bound}"));
            }
        }
        let (sender, receiver) = socket.split();
        Ok(Link { sender, receiver, is_vetted: security.is_client() })
    }

    /// Closes the socket and waits until the network has taken what was sent.
    pub(crate) fn close(
        self,
        context: &Context,
        linger: Limit,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let is_durable = durable::is_durable(&self.sender);
        if is_durable {
            durable::flush(&self.sender, linger, stop)?;
        }
        // What is in the store outlives the socket.
        let queued = if is_durable { 0 } else { queued(&self.receiver) };
        self.receiver.close();
        drop(self.sender);
        // Nothing is left to end gently: from here on, the first signal is the last.
        stop.request();
        finish(context, linger, queued)
    }
}

/// Binds and connects; returns what was bound, with wildcards resolved.
pub(crate) fn attach(socket: &AnySocket, to: &[EndpointArg]) -> Result<Vec<String>, Failure> {
    let mut bound = Vec::new();
    for at in to {
        let result = match at.role {
            Role::Bind => socket.bind(&at.endpoint).map(|endpoint| bound.push(endpoint)),
            Role::Connect => socket.connect(&at.endpoint),
        };
        result.map_err(|error| Failure::at_endpoint(&error, at))?;
    }
    Ok(bound)
}

/// What an HWM of the command line is to the library.
pub(crate) fn hwm(messages: u32) -> usize {
    usize::try_from(messages).unwrap_or(usize::MAX)
}

/// Sets the queues of both directions. Every type has the option, whether or not it queues.
pub(crate) fn with_queues(options: &mut Options<Any>, hwm: usize) -> &mut Options<Any> {
    options.send_hwm(hwm).recv_hwm(hwm)
}

/// Messages that were sent and that the network has not taken.
pub(crate) fn queued<K: Kind>(socket: &Socket<K>) -> usize {
    socket.snapshot().peers.iter().map(|peer| peer.queued_out).sum()
}

/// Waits for closed sockets; `queued` messages were not with the network yet when they closed.
pub(crate) fn finish(context: &Context, linger: Limit, queued: usize) -> Result<(), Failure> {
    let began = Instant::now();
    let ended = context.terminate_within(CLOSE_GRACE) || {
        if queued > 0 {
            tell(format_args!("messages that wait to be taken: {queued} (--linger {linger})"));
        }
        match linger.0 {
            Some(limit) => context.terminate_within(limit),
            None => {
                context.clone().terminate();
                true
            }
        }
    };
    let over = linger.0.is_some_and(|limit| limit > Duration::ZERO && began.elapsed() >= limit);
    if queued > 0 && (over || !ended) {
        return Err(Failure::timeout(format!(
            "up to {queued} messages were not taken by any peer within {linger}\n\
             is the other side running, and is its socket type the right one? --verbose tells of \
             connections, --linger waits longer"
        )));
    }
    Ok(())
}

/// Prints events until the socket is closed.
pub(crate) fn tell_events(monitor: Monitor) {
    let watch = move || {
        while let Some(event) = monitor.recv() {
            tell(&event);
        }
    };
    // Without the thread there are no events to see, and the command works all the same.
    if let Err(error) = thread::Builder::new().name("events".to_owned()).spawn(watch) {
        tell(format_args!("cannot show events: {error}"));
    }
}
