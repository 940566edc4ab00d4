//! `startup`: a source (PUSH), a device (PULL to PUSH) and a sink (PULL), each a process of its
//! own, start one after the other, in every order; with a device that binds and one that connects.
//! The time runs from the start of the last to the first message at the sink, which the source has
//! sent at its own start. Over inproc the three are threads of one process.
//!
//! Between two starts is a time in which those who connect to nobody have begun to try again.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use oxmq::{AnySocket, Context, SocketType};
use oxmq_testing::{Child, Doing, Result, reserve_tcp};

use crate::flags::Flags;
use crate::peer;

/// One and a half reconnect intervals.
const BETWEEN_STARTS: Duration = Duration::from_millis(150);
const CONTENT: &str = "first";
/// The three by the words that the peers know them by, in every order.
const ORDERS: [[&str; 3]; 6] = [
    ["source", "device", "sink"],
    ["source", "sink", "device"],
    ["device", "source", "sink"],
    ["device", "sink", "source"],
    ["sink", "source", "device"],
    ["sink", "device", "source"],
];

/// The program: a line for each order, of both roles of the device.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    for device_binds in [true, false] {
        for order in ORDERS {
            let ms = first_message_ms(flags, order, device_binds)?;
            println!(
                "zbench name=startup transport={} device={} order={} first_ms={ms:.3} ok=1",
                flags.transport,
                if device_binds { "bind" } else { "connect" },
                order.join(","),
            );
        }
    }
    Ok(())
}

fn first_message_ms(flags: &Flags, order: [&str; 3], device_binds: bool) -> Result<f64> {
    let endpoints = [endpoint(flags, "front")?, endpoint(flags, "back")?];
    let (own, other) = if device_binds { ("connect", "bind") } else { ("bind", "connect") };
    let processes = if flags.inproc() { 1 } else { order.len() };
    let mut peers: Vec<Child> =
        (0..processes).map(|_| peer::start("startup", flags)).collect::<Result<_>>()?;
    let mut last_start = 0;
    let mut first = None;
    for (place, who) in order.into_iter().enumerate() {
        if place > 0 {
            pause();
        }
        let peer = &mut peers[place % processes];
        last_start = peer::now_ns();
        match who {
            "device" => {
                peer.begin(format_args!("device {other} {} {}", endpoints[0], endpoints[1]))
            }
            "source" => peer.begin(format_args!("source {own} {}", endpoints[0])),
            _ => peer.begin(format_args!("sink {own} {}", endpoints[1])),
        }?;
        // Of one process, the sink's message may come before the answer of the last.
        loop {
            let answer = peer.finish()?;
            if answer == "set" {
                break;
            }
            first = Some(answer);
        }
    }
    let sink = order.iter().position(|who| *who == "sink").unwrap_or(0) % processes;
    let first = match first {
        Some(first) => first,
        None => peers[sink].finish()?,
    };
    drop(peers);
    // Killed processes leave their ipc files; those of the other transports are none.
    let _ = endpoints.map(|endpoint| std::fs::remove_file(endpoint.trim_start_matches("ipc://")));
    let first: u64 = peer::number(&first, 1)?;
    Ok(first.saturating_sub(last_start) as f64 * 1e-6)
}

/// The three, or one of them: told `source|sink bind|connect ENDPOINT` and
/// `device bind|connect FRONT BACK`, each answered by `set`; the sink answers `first` and the time
/// of its first message. The process ends with its input.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    let context = flags.context()?;
    while let Ok(line) = peer::told() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["source", how, endpoint] => {
                let source = open(flags, &context, SocketType::Push, how, endpoint)?;
                // Blocks until there is a peer if it binds, so it has a thread.
                thread::spawn(move || {
                    if source.send(CONTENT).is_ok() {
                        let _ = source.wait_peers(oxmq::Wait::Forever, |_| false);
                    }
                });
            }
            ["sink", how, endpoint] => {
                let sink = open(flags, &context, SocketType::Pull, how, endpoint)?;
                thread::spawn(move || match sink.recv() {
                    Ok(message) if message == [CONTENT] => {
                        peer::answer(format_args!("first {}", peer::now_ns()));
                    }
                    other => eprintln!("the sink received {other:?}"),
                });
            }
            ["device", how, front, back] => {
                let front = open(flags, &context, SocketType::Pull, how, front)?;
                let back = open(flags, &context, SocketType::Push, how, back)?;
                thread::spawn(move || oxmq::proxy(&front, &back).map(drop));
            }
            _ => return Err(format!("`{line}` is nothing to do")),
        }
        peer::answer("set");
    }
    // Threads may wait still; nobody needs them.
    std::process::exit(0)
}

fn open(
    flags: &Flags,
    context: &Context,
    of: SocketType,
    how: &str,
    endpoint: &str,
) -> Result<AnySocket> {
    let socket = flags.socket(context, of)?;
    match how {
        "bind" => socket.bind(endpoint).map(drop),
        _ => socket.connect(endpoint),
    }
    .doing(endpoint)?;
    Ok(socket)
}

/// An endpoint that nobody has yet.
fn endpoint(flags: &Flags, name: &str) -> Result<String> {
    match flags.transport.as_str() {
        "tcp" => reserve_tcp(),
        "ipc" => {
            let folder = std::env::temp_dir();
            let process = std::process::id();
            Ok(format!("ipc://{}/oxmq-bench-{process}-{name}", folder.display()))
        }
        _ => Ok(format!("inproc://{name}")),
    }
}

/// The time between two starts; there is no event to wait for.
fn pause() {
    let (_kept, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(BETWEEN_STARTS);
}
