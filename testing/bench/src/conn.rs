//! `conn`: many DEALER sockets of one process connect to one ROUTER of another, and each has one
//! message echoed. `-M bulk` opens all and then reads the memory of both processes; `-M serial`
//! opens, uses and closes one after the other. Each process is driven by its main thread.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use oxmq::{AnySocket, SocketType};
use oxmq_testing::{Doing, Result, cpu_seconds, descriptors_max, rss_kib};

use crate::flags::{End, Flags};
use crate::peer;

/// Connections that wait to be accepted: those of a burst.
const BACKLOG: usize = 8192;
/// How long both processes rest before their memory is read.
const REST: Duration = Duration::from_millis(300);

/// The program: the side that binds.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    descriptors_max();
    let mut far = peer::start("conn", flags)?;
    flags.place(End::Near)?;
    let context = flags.context()?;
    let router = flags.socket(&context, SocketType::Router)?;
    router.configure(|o| o.backlog(BACKLOG)).doing("the backlog")?;
    let endpoint = router.bind(flags.wildcard()).doing("binding")?;
    let before = rss_kib();
    far.begin(endpoint)?;
    for _ in 0..flags.conns {
        let message = router.recv().doing("receiving")?;
        if message.len() != 2 || message[1].len() != 8 {
            return Err(format!("{message:?} is no request"));
        }
        router.send(message).doing("sending")?;
    }
    let answer = far.finish()?;
    let memory = rss_kib().saturating_sub(before);
    let seconds: f64 = peer::number(&answer, 0)?;
    let far_memory: u64 = peer::number(&answer, 1)?;
    let cpu = cpu_seconds() + peer::number::<f64>(&answer, 2)?;
    let conns = flags.conns as f64;
    let each = |kib: u64| if flags.serial { 0.0 } else { kib as f64 * 1024.0 / conns };
    println!(
        "{} mode={} conns={} sec={seconds:.6} conns_per_s={:.0} cpu_us={:.2} \
         bind_bytes={:.0} connect_bytes={:.0} ok=1",
        flags.line("conn"),
        if flags.serial { "serial" } else { "bulk" },
        flags.conns,
        conns / seconds,
        cpu / conns * 1e6,
        each(memory),
        each(far_memory),
    );
    // What follows is not measured; the peer ends when its input does.
    Ok(())
}

/// The side that connects: told the endpoint; answers with the seconds, the memory and its
/// processor time.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    descriptors_max();
    let endpoint = peer::told()?;
    flags.place(End::Far)?;
    let context = flags.context()?;
    // The I/O thread is there from the first endpoint on; its memory is no connection's.
    let first = flags.socket(&context, SocketType::Dealer)?;
    first.bind(flags.wildcard()).doing("binding")?;
    let before = rss_kib();
    let start = Instant::now();
    let mut open: Vec<AnySocket> = Vec::with_capacity(flags.conns);
    for number in 0..flags.conns as u64 {
        let socket = flags.socket(&context, SocketType::Dealer)?;
        socket.connect(&endpoint).doing("connecting")?;
        socket.send(&number.to_le_bytes()).doing("sending")?;
        if flags.serial {
            reply(&socket, number)?;
        } else {
            open.push(socket);
        }
    }
    for (number, socket) in open.iter().enumerate() {
        reply(socket, number as u64)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    rest();
    let memory = rss_kib().saturating_sub(before);
    peer::answer(format_args!("{seconds} {memory} {}", cpu_seconds()));
    // The other end reads its own memory before it goes.
    let _ = peer::told();
    Ok(())
}

fn reply(socket: &AnySocket, number: u64) -> Result<()> {
    let reply = socket.recv().doing("receiving")?;
    match reply == [number.to_le_bytes()] {
        true => Ok(()),
        false => Err(format!("{reply:?} is the reply to {number}")),
    }
}

/// Lets the system settle: a time, as there is no event to wait for.
fn rest() {
    let (_kept, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(REST);
}
