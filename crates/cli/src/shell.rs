//! The shell tools: one socket each, of the type the command names. This file turns arguments
//! into a tool and runs it; what the tool does while it runs is in the files below. Everything
//! runs on the main thread, but for the reading of the input.

mod duplex;
mod receive;
mod reply;
mod request;
mod send;

use std::future::Future;
use std::time::Instant;

use oxmq::{AnySocket, Context, Message, Result as Outcome, SocketType};

use self::reply::Answer;
use crate::args::{
    DuplexArgs, FormArgs, LinkArgs, PubArgs, PullArgs, PushArgs, RepArgs, ReqArgs, RoutedArgs,
    SubArgs, XpubArgs, XsubArgs,
};
use crate::codec::{Codec, Form};
use crate::durable;
use crate::duration::Limit;
use crate::failure::Failure;
use crate::input::Input;
use crate::link::Link;
use crate::output::Output;
use crate::stop::{Stop, Waited};

/// What the process has one of.
#[derive(Clone, Copy)]
pub(crate) struct Process<'a> {
    pub(crate) context: &'a Context,
    pub(crate) stop: &'a Stop,
}

/// What stands between the parts of a text line if nothing else is said.
const TAB: &[u8] = b"\t";

/// A tool with its socket open.
struct Session<'a> {
    link: Link,
    codec: Codec,
    timeout: Limit,
    /// Messages to send or receive; `None` is without end.
    count: Option<u64>,
    stop: &'a Stop,
}

pub(crate) fn publish(args: &PubArgs, process: Process<'_>) -> Result<(), Failure> {
    let codec = codec(&args.form, SocketType::Pub);
    let input = Input::open(&args.source, &codec, args.count)?;
    let prepare = |socket: &AnySocket| args.durable.apply(socket);
    run(process, SocketType::Pub, &args.link, codec, args.count, prepare, |session| {
        session.wait_for_peers(args.source.peers, args.subscribers)?;
        send::run(session, &input, args.source.interval)
    })
}

pub(crate) fn push(args: &PushArgs, process: Process<'_>) -> Result<(), Failure> {
    let codec = codec(&args.form, SocketType::Push);
    let input = Input::open(&args.source, &codec, args.count)?;
    let prepare = |socket: &AnySocket| args.durable.apply(socket);
    run(process, SocketType::Push, &args.link, codec, args.count, prepare, |session| {
        session.wait_for_peers(args.source.peers, 0)?;
        send::run(session, &input, args.source.interval)
    })
}

pub(crate) fn subscribe(args: &SubArgs, process: Process<'_>) -> Result<(), Failure> {
    let codec = codec(&args.form, SocketType::Sub);
    let mut output = Output::open(&args.shown, &codec)?;
    let prepare = |socket: &AnySocket| {
        args.durable.apply(socket)?;
        subscribe_to(socket, &args.subscribe)
    };
    run(process, SocketType::Sub, &args.link, codec, args.count, prepare, |session| {
        receive::run(session, &mut output)
    })
}

pub(crate) fn pull(args: &PullArgs, process: Process<'_>) -> Result<(), Failure> {
    let codec = codec(&args.form, SocketType::Pull);
    let mut output = Output::open(&args.shown, &codec)?;
    let prepare = |socket: &AnySocket| args.durable.apply(socket);
    run(process, SocketType::Pull, &args.link, codec, args.count, prepare, |session| {
        receive::run(session, &mut output)
    })
}

pub(crate) fn request(args: &ReqArgs, process: Process<'_>) -> Result<(), Failure> {
    let codec = codec(&args.form, SocketType::Req);
    let input = Input::open(&args.source, &codec, args.count)?;
    let mut output = Output::open(&args.shown, &codec)?;
    let prepare = |socket: &AnySocket| {
        args.durable.apply(socket)?;
        name(socket, args.routing_id.as_deref())
    };
    run(process, SocketType::Req, &args.link, codec, args.count, prepare, |session| {
        session.wait_for_peers(args.source.peers, 0)?;
        request::run(session, &input, &mut output, args.source.interval)
    })
}

pub(crate) fn reply(args: &RepArgs, process: Process<'_>) -> Result<(), Failure> {
    let codec = codec(&args.form, SocketType::Rep);
    let answer = Answer::of(args, &codec)?;
    let mut output = Output::open(&args.shown, &codec)?;
    let prepare = |socket: &AnySocket| args.durable.apply(socket);
    run(process, SocketType::Rep, &args.link, codec, args.count, prepare, |session| {
        reply::run(session, &answer, &mut output)
    })
}

pub(crate) fn dealer(args: &RoutedArgs, process: Process<'_>) -> Result<(), Failure> {
    let prepare = |socket: &AnySocket| {
        args.durable.apply(socket)?;
        name(socket, args.routing_id.as_deref())
    };
    duplex(SocketType::Dealer, &args.duplex, 0, process, prepare)
}

pub(crate) fn router(args: &RoutedArgs, process: Process<'_>) -> Result<(), Failure> {
    let prepare = |socket: &AnySocket| {
        socket.configure(|options| options.router_mandatory(true))?;
        args.durable.apply(socket)?;
        name(socket, args.routing_id.as_deref())
    };
    duplex(SocketType::Router, &args.duplex, 0, process, prepare)
}

pub(crate) fn pair(args: &DuplexArgs, process: Process<'_>) -> Result<(), Failure> {
    duplex(SocketType::Pair, args, 0, process, plain)
}

pub(crate) fn stream(args: &DuplexArgs, process: Process<'_>) -> Result<(), Failure> {
    duplex(SocketType::Stream, args, 0, process, plain)
}

pub(crate) fn xpub(args: &XpubArgs, process: Process<'_>) -> Result<(), Failure> {
    let prepare = |socket: &AnySocket| args.durable.apply(socket);
    duplex(SocketType::XPub, &args.duplex, args.subscribers, process, prepare)
}

pub(crate) fn xsub(args: &XsubArgs, process: Process<'_>) -> Result<(), Failure> {
    let prepare = |socket: &AnySocket| {
        args.durable.apply(socket)?;
        subscribe_to(socket, &args.subscribe)
    };
    duplex(SocketType::XSub, &args.duplex, 0, process, prepare)
}

fn duplex(
    socket_type: SocketType,
    args: &DuplexArgs,
    subscribers: usize,
    process: Process<'_>,
    prepare: impl FnOnce(&AnySocket) -> Outcome<()>,
) -> Result<(), Failure> {
    let codec = codec(&args.form, socket_type);
    let mut output = Output::open(&args.shown, &codec)?;
    let input = if args.echo { None } else { Some(Input::open(&args.source, &codec, None)?) };
    run(process, socket_type, &args.link, codec, args.count, prepare, |session| {
        session.wait_for_peers(args.source.peers, subscribers)?;
        duplex::run(session, input.as_ref(), &mut output, args.source.interval)
    })
}

/// Opens the socket, talks and closes. What was sent before a failure still goes.
fn run(
    process: Process<'_>,
    socket_type: SocketType,
    args: &LinkArgs,
    codec: Codec,
    count: Option<u64>,
    prepare: impl FnOnce(&AnySocket) -> Outcome<()>,
    talk: impl FnOnce(&Session<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let link = Link::open(process.context, socket_type, args, prepare)?;
    let session = Session { link, codec, timeout: args.timeout, count, stop: process.stop };
    let mut talked = talk(&session);
    if talked.is_ok() && durable::is_durable(&session.link.sender) {
        talked = durable::acknowledge(&session.link.receiver);
    }
    let closed = session.link.close(process.context, args.linger, process.stop);
    talked.and(closed)
}

/// For tools whose socket needs no more than the common options.
fn plain(_: &AnySocket) -> Outcome<()> {
    Ok(())
}

fn name(socket: &AnySocket, routing_id: Option<&str>) -> Outcome<()> {
    match routing_id {
        Some(name) => socket.configure(|options| options.routing_id(name)),
        None => Ok(()),
    }
}

/// To everything if no topic is named.
fn subscribe_to(socket: &AnySocket, topics: &[String]) -> Outcome<()> {
    if topics.is_empty() {
        return socket.subscribe("");
    }
    topics.iter().try_for_each(|topic| socket.subscribe(topic))
}

fn codec(args: &FormArgs, socket_type: SocketType) -> Codec {
    let form = match (args.hex, args.json) {
        (true, _) => Form::Hex,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let routing_id = matches!(socket_type, SocketType::Router | SocketType::Stream);
    let usual = if form == Form::Hex { &b" "[..] } else { TAB };
    let given = args.delimiter.as_ref().map(|text| text.as_bytes().to_vec());
    // A ROUTER's message without a routing id goes nowhere, so its lines are always split.
    let split = given.clone().or_else(|| routing_id.then(|| usual.to_vec()));
    Codec { form, join: given.unwrap_or_else(|| usual.to_vec()), split, routing_id }
}

impl Session<'_> {
    /// Waits for peers and subscribers, as many as the command line asks for.
    fn wait_for_peers(&self, peers: usize, subscribers: usize) -> Result<(), Failure> {
        // What is sent to a server that then refuses us would be lost without a word.
        let peers = peers.max(usize::from(self.link.is_vetted));
        if peers > 0 {
            let connected = self.link.sender.wait_connected_async(peers);
            self.within(connected, || format!("{peers} peers did not connect"))?;
        }
        if subscribers > 0 {
            let subscribed = self.link.sender.wait_subscribed_async(subscribers);
            self.within(subscribed, || format!("{subscribers} peers did not subscribe"))?;
        }
        Ok(())
    }

    /// Sends. False if a signal came before there was room.
    fn send(&self, message: &mut Message) -> Result<bool, Failure> {
        let sender = &self.link.sender;
        match sender.send_from(message, oxmq::Wait::No) {
            Ok(()) => return Ok(true),
            Err(error) if error.is_would_block() => {}
            Err(error) => return Err(error.into()),
        }
        let sent = sender.send_from_async(message);
        let sent = self.within(sent, || "nobody took the message".to_owned())?;
        Ok(sent.is_some())
    }

    /// Receives. `None` if a signal came and nothing is left; `idle` runs before a wait.
    fn receive(
        &self,
        idle: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Option<Message>, Failure> {
        match self.link.receiver.try_recv() {
            Ok(message) => return Ok(Some(message)),
            Err(error) if error.is_would_block() => {}
            Err(error) => return Err(error.into()),
        }
        idle()?;
        let received = self.link.receiver.recv_async();
        self.within(received, || "no message came".to_owned())
    }

    /// Waits as long as --timeout says. `None` if a signal ended it.
    fn within<T>(
        &self,
        future: impl Future<Output = Outcome<T>> + Unpin,
        in_vain: impl FnOnce() -> String,
    ) -> Result<Option<T>, Failure> {
        match self.stop.wait(self.deadline(), future) {
            Waited::Ready(Ok(value)) => Ok(Some(value)),
            Waited::Ready(Err(error)) => Err(error.into()),
            Waited::Stopped => Ok(None),
            Waited::TimedOut => {
                Err(Failure::timeout(format!("{} within {}", in_vain(), self.timeout)))
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout.0.and_then(|limit| Instant::now().checked_add(limit))
    }
}
