//! `pub`: one publisher, many subscribers that want everything and lose nothing: the publisher
//! waits for those that do not keep up. The subscribers share one thread of another process, over
//! inproc one other thread. The clock runs from the first message sent to the last delivered.

use std::thread;

use oxmq::{AnySocket, Context, Interest, Poller, SocketType};
use oxmq_testing::{Child, Doing, Result, cpu_seconds};

use crate::content::{Content, Stream};
use crate::flags::{End, Flags};
use crate::{peer, raw};

/// How many messages a subscriber takes before the next has its turn.
const TURN: usize = 256;

/// The program.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    if flags.size < 16 {
        return Err("-s is at least 16 here".to_owned());
    }
    let far = if flags.inproc() { None } else { Some(peer::start("pub", flags)?) };
    flags.place(End::Near)?;
    let context = flags.context()?;
    let publisher = flags.socket(&context, SocketType::Pub)?;
    publisher.configure(|o| o.xpub_nodrop(true)).doing("nodrop")?;
    let endpoint = publisher.bind(flags.wildcard()).doing("binding")?;
    let (start, end, cpu) = match far {
        None => with_thread(flags, &context, &publisher, &endpoint)?,
        Some(far) => with_process(flags, &publisher, &endpoint, far)?,
    };
    let seconds = end.saturating_sub(start) as f64 * 1e-9;
    let deliveries = flags.count as f64 * flags.subs as f64;
    println!(
        "{} subs={} kind={} sec={seconds:.6} deliveries_per_s={:.0} cpu_us={:.4} ok=1",
        flags.line("pub"),
        flags.subs,
        if flags.raw { "raw" } else { "zmq" },
        deliveries / seconds,
        cpu / deliveries * 1e6,
    );
    Ok(())
}

/// The subscribers' process: told the endpoint; answers when all have subscribed, and at the end
/// with the time of the last delivery and its processor time.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    let endpoint = peer::told()?;
    flags.place(End::Far)?;
    let ready = || peer::answer("ready");
    let end = match flags.raw {
        true => raw::subscribe(flags, &endpoint, ready)?,
        false => subscribe(flags, &flags.context()?, &endpoint, ready)?,
    };
    peer::answer(format_args!("{end} {}", cpu_seconds()));
    Ok(())
}

fn with_process(
    flags: &Flags,
    publisher: &AnySocket,
    endpoint: &str,
    mut far: Child,
) -> Result<(u64, u64, f64)> {
    far.begin(endpoint)?;
    publisher.wait_subscribed(flags.subs).doing("waiting for subscribers")?;
    publisher.send(probe(flags)).doing("sending")?;
    far.finish()?;
    let before = cpu_seconds();
    let start = peer::now_ns();
    publish(flags, publisher)?;
    let answer = far.finish()?;
    // The peer's time has its start in it, which is small beside the run.
    let cpu = cpu_seconds() - before + peer::number::<f64>(&answer, 1)?;
    Ok((start, peer::number(&answer, 0)?, cpu))
}

fn with_thread(
    flags: &Flags,
    context: &Context,
    publisher: &AnySocket,
    endpoint: &str,
) -> Result<(u64, u64, f64)> {
    thread::scope(|scope| {
        let subscribing = scope.spawn(|| {
            flags.place(End::Far)?;
            subscribe(flags, context, endpoint, || ())
        });
        publisher.wait_subscribed(flags.subs).doing("waiting for subscribers")?;
        publisher.send(probe(flags)).doing("sending")?;
        let before = cpu_seconds();
        let start = peer::now_ns();
        publish(flags, publisher)?;
        let end = subscribing.join().map_err(|_| "the subscribers panicked")??;
        Ok((start, end, cpu_seconds() - before))
    })
}

/// What is published until every subscriber has seen it: a message that no count has.
fn probe(flags: &Flags) -> oxmq::Message {
    oxmq::Message::from(vec![0xff; flags.size])
}

/// Whether this is a probe, which the publisher in C sends several times.
pub(crate) fn is_probe(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0xff)
}

fn publish(flags: &Flags, socket: &AnySocket) -> Result<()> {
    let mut content = Content::new(flags.size);
    if flags.futures {
        return pollster::block_on(async {
            for sequence in 0..flags.count {
                socket.send_async(content.message(0, sequence)).await.doing("sending")?;
            }
            Ok(())
        });
    }
    for sequence in 0..flags.count {
        socket.send(content.message(0, sequence)).doing("sending")?;
    }
    Ok(())
}

/// One subscriber's stream.
struct Subscriber {
    socket: AnySocket,
    stream: Stream,
    probed: bool,
    left: u64,
}

/// Receives everything with all subscribers, in one thread; returns the time of the last delivery.
fn subscribe(
    flags: &Flags,
    context: &Context,
    endpoint: &str,
    ready: impl FnOnce(),
) -> Result<u64> {
    let mut subscribers = Vec::with_capacity(flags.subs);
    let mut poller = Poller::new().doing("the poller")?;
    for key in 0..flags.subs {
        let socket = flags.socket(context, SocketType::Sub)?;
        socket.subscribe("").doing("subscribing")?;
        socket.connect(endpoint).doing("connecting")?;
        poller.add(&socket, key, Interest::READABLE).doing("the poller")?;
        let stream = Stream::new(flags.size, 1);
        subscribers.push(Subscriber { socket, stream, probed: false, left: flags.count });
    }
    let mut ready = Some(ready);
    let mut events = Vec::new();
    let mut working = flags.subs;
    let mut unprobed = flags.subs;
    while working > 0 {
        poller.wait(&mut events, None).doing("waiting")?;
        for event in &events {
            let subscriber = &mut subscribers[event.key];
            for _ in 0..TURN {
                let message = match subscriber.socket.try_recv() {
                    Ok(message) => message,
                    Err(error) if error.is_would_block() => break,
                    Err(error) => return Err(format!("receiving: {error}")),
                };
                if is_probe(message[0].as_slice()) {
                    unprobed -= usize::from(!std::mem::replace(&mut subscriber.probed, true));
                    continue;
                }
                subscriber.stream.take(&message)?;
                subscriber.left -= 1;
                if subscriber.left == 0 {
                    working -= 1;
                    break;
                }
            }
        }
        if unprobed == 0
            && let Some(ready) = ready.take()
        {
            ready();
        }
    }
    Ok(peer::now_ns())
}
