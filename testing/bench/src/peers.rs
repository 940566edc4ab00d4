//! `peers`: what a message costs one ROUTER that has many peers. The peers are plain TCP, all in
//! one process, and send in turn, a window of messages at a time over all of them; every message is
//! echoed. What counts is the processor time of the ROUTER's process for each message, and its
//! memory for each peer. Each process is driven by its main thread.

use std::io::Write;
use std::net::TcpStream;

use oxmq::SocketType;
use oxmq_testing::{Doing, Result, cpu_seconds, descriptors_max, rss_kib};

use crate::content::Content;
use crate::flags::{End, Flags};
use crate::{peer, raw};

/// Messages under way at a time, whatever the number of peers.
const WINDOW: usize = 64;
/// Connections that are opened before the first of them is waited for.
const OPENED_AHEAD: usize = 256;
/// Connections that wait to be accepted.
const BACKLOG: usize = 8192;

/// The program: the ROUTER.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    if flags.size > 255 || flags.inproc() || flags.transport != "tcp" {
        return Err("-e tcp and at most -s 255 here".to_owned());
    }
    descriptors_max();
    let mut far = peer::start("peers", flags)?;
    flags.place(End::Near)?;
    let context = flags.context()?;
    let router = flags.socket(&context, SocketType::Router)?;
    router.configure(|o| o.backlog(BACKLOG)).doing("the backlog")?;
    let endpoint = router.bind(flags.wildcard()).doing("binding")?;
    let before = rss_kib();
    far.begin(endpoint)?;
    let echo = |count: usize| -> Result<()> {
        for _ in 0..count {
            let message = router.recv().doing("receiving")?;
            router.send(message).doing("sending")?;
        }
        Ok(())
    };
    // One from each: all are there.
    echo(flags.conns)?;
    let memory = rss_kib().saturating_sub(before);
    let cpu = cpu_seconds();
    echo(flags.count as usize)?;
    let cpu = cpu_seconds() - cpu;
    let seconds: f64 = peer::number(&far.finish()?, 0)?;
    println!(
        "{} peers={} sec={seconds:.6} msgs_per_s={:.0} near_cpu_us={:.4} bind_bytes={:.0} ok=1",
        flags.line("peers"),
        flags.conns,
        flags.count as f64 / seconds,
        cpu / flags.count as f64 * 1e6,
        memory as f64 * 1024.0 / flags.conns as f64,
    );
    // What follows is not measured; the peers end when their input does.
    Ok(())
}

/// The peers: told the endpoint; answers with the seconds that the messages took.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    descriptors_max();
    let endpoint = peer::told()?;
    let address = endpoint.strip_prefix("tcp://").ok_or("tcp only")?.to_owned();
    flags.place(End::Far)?;
    let mut peers = Vec::with_capacity(flags.conns);
    while peers.len() < flags.conns {
        let from = peers.len();
        for _ in from..flags.conns.min(from + OPENED_AHEAD) {
            peers.push(raw::introduce(&address, "DEALER")?);
        }
        peers[from..].iter_mut().try_for_each(raw::listen)?;
    }
    let mut content = Content::new(flags.size);
    let total = flags.conns + flags.count as usize;
    let mut start = peer::now_ns();
    let mut sent = 0;
    while sent < total {
        if sent == flags.conns {
            start = peer::now_ns();
        }
        // The warm-up ends with a window of its own.
        let end = if sent < flags.conns { flags.conns } else { total };
        let window = WINDOW.min(end - sent);
        exchange(&mut peers, &mut content, sent, window)?;
        sent += window;
    }
    peer::answer((peer::now_ns() - start) as f64 * 1e-9);
    // The connections stay until the other end has looked at its clock.
    let _ = peer::told();
    Ok(())
}

/// Sends a window of messages and takes their echoes.
fn exchange(
    peers: &mut [TcpStream],
    content: &mut Content,
    first: usize,
    window: usize,
) -> Result<()> {
    let count = peers.len();
    for number in first..first + window {
        let message = content.message(0, number as u64);
        let mut frame = vec![0, message[0].len() as u8];
        frame.extend_from_slice(&message[0]);
        peers[number % count].write_all(&frame).doing("sending")?;
    }
    let mut buffer = [0; 255];
    for number in first..first + window {
        let body = raw::read_short(&mut peers[number % count], &mut buffer)?;
        content.check(body, 0, number as u64)?;
    }
    Ok(())
}
