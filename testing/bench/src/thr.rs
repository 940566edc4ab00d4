//! `thr`: senders stream messages to one receiver, which binds. The clock of the receiver runs from
//! the last message of the warm-up to the last of all. Over tcp and ipc each sender is a process,
//! over inproc a thread. Each thread owns its socket.

use std::thread;
use std::time::{Duration, Instant};

use oxmq::{AnySocket, Context};
use oxmq_testing::{Child, Doing, Result, cpu_seconds};

use crate::content::{Content, Stream};
use crate::flags::{End, Flags};
use crate::peer;

/// The program.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    let peers: Vec<Child> = match flags.inproc() {
        true => Vec::new(),
        false => (0..flags.senders).map(|_| peer::start("thr", flags)).collect::<Result<_>>()?,
    };
    flags.place(End::Near)?;
    let context = flags.context()?;
    let receiver = flags.socket(&context, flags.types("PUSHPULL")?.1)?;
    let endpoint = receiver.bind(flags.wildcard()).doing("binding")?;
    let (time, peers_cpu) = match flags.inproc() {
        true => (with_threads(flags, &context, &receiver, &endpoint)?, 0.0),
        false => with_processes(flags, &receiver, &endpoint, peers)?,
    };
    drop(receiver);
    drop(context);
    let cpu = cpu_seconds() + peers_cpu;
    let counted = total(flags) - flags.warmup;
    println!(
        "{} pattern={} senders={} sec={:.6} msgs_per_s={:.0} mb_per_s={:.2} cpu_us={:.4} ok=1",
        flags.line("thr"),
        flags.pattern.as_deref().unwrap_or("PUSHPULL"),
        flags.senders,
        time.as_secs_f64(),
        counted as f64 / time.as_secs_f64(),
        counted as f64 * flags.size as f64 / time.as_secs_f64() * 1e-6,
        cpu / total(flags) as f64 * 1e6,
    );
    Ok(())
}

/// A sender's process: told the endpoint and which sender it is; then that all has arrived.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    let line = peer::told()?;
    let (endpoint, sender) = line.split_once(' ').ok_or("an endpoint and a number")?;
    flags.place(End::Far)?;
    let context = flags.context()?;
    let socket = send(flags, &context, endpoint, sender.parse().doing("the sender's number")?)?;
    peer::answer("sent");
    peer::told()?;
    drop(socket);
    drop(context);
    peer::answer(cpu_seconds());
    Ok(())
}

fn with_processes(
    flags: &Flags,
    receiver: &AnySocket,
    endpoint: &str,
    mut peers: Vec<Child>,
) -> Result<(Duration, f64)> {
    for (sender, peer) in peers.iter_mut().enumerate() {
        peer.begin(format_args!("{endpoint} {sender}"))?;
    }
    let time = receive(flags, receiver)?;
    let mut cpu = 0.0;
    for peer in &mut peers {
        peer.finish()?;
        cpu += peer::number::<f64>(&peer.call("done")?, 0)?;
    }
    Ok((time, cpu))
}

fn with_threads(
    flags: &Flags,
    context: &Context,
    receiver: &AnySocket,
    endpoint: &str,
) -> Result<Duration> {
    thread::scope(|scope| {
        let senders: Vec<_> = (0..flags.senders)
            .map(|sender| {
                scope.spawn(move || {
                    flags.place(End::Far)?;
                    send(flags, context, endpoint, sender)
                })
            })
            .collect();
        let time = receive(flags, receiver);
        for sender in senders {
            sender.join().map_err(|_| "a sender panicked")??;
        }
        time
    })
}

/// Sends one sender's share. The socket is still open then.
fn send(flags: &Flags, context: &Context, endpoint: &str, sender: u64) -> Result<AnySocket> {
    let socket = flags.socket(context, flags.types("PUSHPULL")?.0)?;
    socket.connect(endpoint).doing("connecting")?;
    let mut content = Content::new(flags.size);
    let share = total(flags) / flags.senders;
    if flags.futures {
        pollster::block_on(async {
            for sequence in 0..share {
                socket.send_async(content.message(sender, sequence)).await?;
            }
            Ok(())
        })
        .map_err(|error: oxmq::SendError| error.to_string())?;
    } else {
        for sequence in 0..share {
            socket.send(content.message(sender, sequence)).doing("sending")?;
        }
    }
    Ok(socket)
}

fn receive(flags: &Flags, socket: &AnySocket) -> Result<Duration> {
    let mut stream = Stream::new(flags.size, flags.senders);
    let counted = total(flags) - flags.warmup;
    if flags.futures {
        return pollster::block_on(async {
            for _ in 0..flags.warmup {
                stream.take(&socket.recv_async().await.doing("receiving")?)?;
            }
            let start = Instant::now();
            for _ in 0..counted {
                stream.take(&socket.recv_async().await.doing("receiving")?)?;
            }
            Ok(start.elapsed())
        });
    }
    for _ in 0..flags.warmup {
        stream.take(&socket.recv().doing("receiving")?)?;
    }
    let start = Instant::now();
    for _ in 0..counted {
        stream.take(&socket.recv().doing("receiving")?)?;
    }
    Ok(start.elapsed())
}

/// All messages, with those of the warm-up: as many from each sender.
fn total(flags: &Flags) -> u64 {
    (flags.count + flags.warmup) / flags.senders * flags.senders
}
