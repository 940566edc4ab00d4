//! Hostile input: bad peers attack a bound socket of every type while a healthy peer exchanges
//! messages with it. Each bad peer has to be dropped, at once or when the handshake's time is over;
//! an event has to name the fault; memory stays flat and the healthy peer goes on. Then thousands
//! of bad CURVE handshakes.
//!
//! `oxmq-hostile [TEXT]` runs the attacks whose name contains TEXT. The main thread attacks and
//! reads the monitor; one thread keeps the socket under attack and its healthy peer.

mod attacks;
mod curve;
mod healthy;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use oxmq_engine::{EventKind, Monitor};
use oxmq_testing::{Doing, Result, Score, Watchdog, rss_kib};

use crate::attacks::{Attack, End, Input, attacks};
use crate::healthy::{Healthy, KINDS};

/// The handshake's time at the socket under attack.
const HANDSHAKE_IVL: Duration = Duration::from_millis(500);
/// Time after which a bad peer counts as never dropped.
const NEVER: Duration = Duration::from_secs(20);
/// Memory that all attacks on one socket may leave behind or need at a time, beyond the bound that
/// the options set for one unfinished message.
const GROWTH_KIB_MAX: u64 = 48 * 1024;
/// The bound that the socket under attack sets for an unfinished message.
const UNFINISHED_KIB_MAX: u64 = 4096;

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let watchdog = Watchdog::start(Duration::from_secs(90));
    let mut score = Score::new();
    curve::run(&mut score, &watchdog, &filter);
    for kind in KINDS {
        watchdog.feed(kind.name());
        let healthy = match Healthy::start(kind, HANDSHAKE_IVL, UNFINISHED_KIB_MAX * 1024) {
            Ok(healthy) => healthy,
            Err(error) => {
                score.check(kind.name(), || Err(error));
                continue;
            }
        };
        let before = rss_kib();
        for attack in attacks(kind) {
            let name = format!("{} against {}", attack.name, kind.name());
            if !name.contains(&filter) {
                continue;
            }
            watchdog.feed(&name);
            score.check(&name, || strike(&healthy, &attack));
        }
        score.check(&format!("memory after all attacks against {}", kind.name()), || {
            let growth = rss_kib().saturating_sub(before);
            if growth > GROWTH_KIB_MAX {
                return Err(format!("{growth} KiB more than before"));
            }
            Ok(format!("{growth} KiB more"))
        });
        score.check(&format!("the healthy peer of {}", kind.name()), || healthy.stop());
    }
    score.close()
}

/// Carries one attack out on one or many connections, and checks what comes of it.
fn strike(healthy: &Healthy, attack: &Attack) -> Result<String> {
    let rss = rss_kib();
    let rounds = healthy.rounds();
    while healthy.monitor.try_recv().is_some() {}
    let mut peers = Vec::new();
    for input in &attack.inputs {
        peers.push(BadPeer::connect(&healthy.address, input)?);
    }
    let start = Instant::now();
    let mut growth = 0;
    for peer in &mut peers {
        peer.wait_dropped()?;
        growth = growth.max(rss_kib().saturating_sub(rss));
    }
    let took = start.elapsed();
    if growth > GROWTH_KIB_MAX + UNFINISHED_KIB_MAX {
        return Err(format!("took {growth} KiB of memory"));
    }
    let mut faults = Vec::new();
    for peer in &peers {
        let fault = fault_of(&healthy.monitor, &mut faults, &peer.name)?;
        if matches!(attack.end, End::Fault) && fault.is_empty() {
            return Err(format!("no event names a fault of {}", peer.name));
        }
    }
    healthy.wait_round_after(rounds)?;
    let fault = faults.first().map_or("", |(_, fault)| fault.as_str());
    Ok(format!("{} peers, {} ms, {fault}", peers.len(), took.as_millis()))
}

/// A bad peer's end of its connection.
struct BadPeer {
    stream: TcpStream,
    /// Its address as the monitor shows it.
    name: String,
    /// What it goes on to send for as long as it can.
    endless: Vec<u8>,
}

impl BadPeer {
    fn connect(address: &str, input: &Input) -> Result<BadPeer> {
        let mut stream = TcpStream::connect(address).doing("a bad peer connects")?;
        stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
        let name = stream.local_addr().doing("the bad peer's address")?.to_string();
        for bytes in &input.bytes {
            // It may be dropped before it has sent everything.
            if stream.write_all(bytes).is_err() {
                break;
            }
        }
        if input.half_close {
            // Fails only if it has been dropped already.
            let _ = stream.shutdown(Shutdown::Write);
        }
        Ok(BadPeer { stream, name, endless: input.endless.clone() })
    }

    /// Waits until the other side ends the connection.
    fn wait_dropped(&mut self) -> Result<()> {
        let deadline = Instant::now() + NEVER;
        let mut bytes = [0; 4096];
        loop {
            if Instant::now() > deadline {
                return Err(format!("{} is not dropped", self.name));
            }
            let pause = if self.endless.is_empty() { NEVER } else { Duration::from_millis(1) };
            self.stream.set_read_timeout(Some(pause)).doing("setting a time limit")?;
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                    _ => return Ok(()),
                },
            }
            if !self.endless.is_empty() {
                self.stream.set_write_timeout(Some(NEVER)).doing("setting a time limit")?;
                if self.stream.write_all(&self.endless).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The fault that the monitor reports of a peer: the words of the event that ended it, empty if
/// it names none. Events of other peers go to `seen`, as does this one.
fn fault_of(monitor: &Monitor, seen: &mut Vec<(String, String)>, name: &str) -> Result<String> {
    loop {
        if let Some((_, fault)) = seen.iter().find(|(of, _)| of.ends_with(name)) {
            return Ok(fault.clone());
        }
        let event = monitor.recv_timeout(NEVER);
        let event = event.ok_or_else(|| format!("no event tells the end of {name}"))?;
        let fault = match event.kind {
            EventKind::HandshakeFailedProtocol { code, fault } => format!("{fault} ({code:#x})"),
            EventKind::HandshakeFailedNoDetail { errno } => format!("errno {errno}"),
            EventKind::HandshakeFailedAuth { status } => format!("status {status}"),
            EventKind::PeerRefused { reason } | EventKind::Disconnected { reason, .. } => reason,
            _ => continue,
        };
        seen.push((event.remote, fault));
    }
}
