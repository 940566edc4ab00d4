//! The measuring end of a bench: gives an order, sends or asks for as long as it was told, and
//! takes what the other end has counted. Blocks in its calls; the main thread has it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use oxmq::{AnySocket, Error, Message, Msg, Wait};
use rustix::time::{ClockId, clock_gettime};

use super::progress::Bar;
use super::talk::{self, Kind, Order, Talk, Tally};
use crate::duration::Limit;
use crate::failure::Failure;

/// How long a measurement goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    Messages(u64),
    Time(Duration),
}

/// A measurement.
pub(super) struct Measured {
    pub(super) order: Order,
    /// What the other end counted.
    pub(super) far: Tally,
    /// Processor time of this process.
    pub(super) near_cpu_nanoseconds: u64,
    /// Round trips, in nanoseconds each; none of a throughput.
    pub(super) round_trips: Option<Histogram<u64>>,
    /// As this end saw it.
    pub(super) elapsed: Duration,
}

/// Longest round trip that is told from longer ones, and what one is kept to.
const LONGEST_NANOSECONDS: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// About so many octets are sent between two looks at the clock.
const LOOK_BYTES: u64 = 64 * 1024;
const LOOK_MESSAGES_MAX: u64 = 256;

/// Carries one measurement out.
pub(super) fn run(
    socket: &AnySocket,
    order: Order,
    extent: Extent,
    timeout: Limit,
    bar: &Bar,
) -> Result<Measured, Failure> {
    say(socket, &Talk::Order(order), timeout)?;
    match hear(socket, timeout)? {
        Talk::Ready => {}
        other => return Err(unexpected(&other)),
    }
    let cpu = cpu_nanoseconds();
    let began = Instant::now();
    let mut round_trips = None;
    let messages = match order.kind {
        Kind::Throughput => stream(socket, order.size, extent, bar)?,
        Kind::Latency => {
            let times = ask(socket, order.size, extent, bar)?;
            let count = times.len();
            round_trips = Some(times);
            count
        }
    };
    say(socket, &Talk::End { messages }, timeout)?;
    let far = match hear(socket, timeout)? {
        Talk::Tally(tally) => tally,
        other => return Err(unexpected(&other)),
    };
    Ok(Measured {
        order,
        far,
        near_cpu_nanoseconds: cpu_nanoseconds().saturating_sub(cpu),
        round_trips,
        elapsed: began.elapsed(),
    })
}

/// Tells the other end that no more orders come.
pub(super) fn say_goodbye(socket: &AnySocket, timeout: Limit) -> Result<(), Failure> {
    say(socket, &Talk::Bye, timeout)
}

/// Sends messages one way; returns how many.
fn stream(socket: &AnySocket, size: u64, extent: Extent, bar: &Bar) -> Result<u64, Failure> {
    let mut content = content(size)?;
    let look_every = (LOOK_BYTES / size.max(1)).clamp(1, LOOK_MESSAGES_MAX);
    let began = Instant::now();
    let mut sent = 0;
    loop {
        talk::number(&mut content, sent);
        socket.send_from(&mut Message::from(Msg::from_slice(&content)), Wait::Forever)?;
        sent += 1;
        if let Extent::Messages(count) = extent
            && sent == count
        {
            return Ok(sent);
        }
        if sent.is_multiple_of(look_every) {
            let elapsed = began.elapsed();
            bar.show(sent, elapsed);
            if matches!(extent, Extent::Time(time) if elapsed >= time) {
                return Ok(sent);
            }
        }
    }
}

/// Sends one message after the other, each when the one before is back; returns how long each took.
fn ask(
    socket: &AnySocket,
    size: u64,
    extent: Extent,
    bar: &Bar,
) -> Result<Histogram<u64>, Failure> {
    let cannot = |error| Failure::error(format!("cannot count round trips: {error}"));
    let mut times = Histogram::new_with_bounds(1, LONGEST_NANOSECONDS, DIGITS).map_err(cannot)?;
    let mut content = content(size)?;
    let began = Instant::now();
    let mut sent = 0;
    let mut at = began;
    loop {
        talk::number(&mut content, sent);
        socket.send_from(&mut Message::from(Msg::from_slice(&content)), Wait::Forever)?;
        let message = socket.recv()?;
        let now = Instant::now();
        if message.len() > 1 {
            return Err(Talk::read(&message).map_or_else(no_sense, |talk| unexpected(&talk)));
        }
        talk::check(&message[0], size, sent).map_err(Failure::error)?;
        times.saturating_record(nanoseconds(now - at));
        sent += 1;
        at = Instant::now();
        let elapsed = at - began;
        bar.show(sent, elapsed);
        let done = match extent {
            Extent::Messages(count) => sent == count,
            Extent::Time(time) => elapsed >= time,
        };
        if done {
            return Ok(times);
        }
    }
}

/// Room for a message.
fn content(size: u64) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::error(format!("no memory for messages of {size} octets"));
    let size = usize::try_from(size).map_err(|_| too_large())?;
    let mut content = Vec::new();
    content.try_reserve_exact(size).map_err(|_| too_large())?;
    content.resize(size, b'x');
    Ok(content)
}

fn say(socket: &AnySocket, talk: &Talk, timeout: Limit) -> Result<(), Failure> {
    socket.send_from(&mut talk.message(), wait(timeout)).map_err(|error| failed(error, timeout))
}

/// What the other end says next.
fn hear(socket: &AnySocket, timeout: Limit) -> Result<Talk, Failure> {
    let heard = match timeout.0 {
        Some(limit) => socket.recv_timeout(limit),
        None => socket.recv(),
    };
    let message = heard.map_err(|error| failed(error, timeout))?;
    match Talk::read(&message).filter(|_| message.len() > 1) {
        Some(Talk::Fault(text)) => Err(Failure::error(format!("the other end: {text}"))),
        Some(talk) => Ok(talk),
        None => Err(no_sense()),
    }
}

fn wait(timeout: Limit) -> Wait {
    timeout.0.map_or(Wait::Forever, Wait::For)
}

fn failed(error: Error, timeout: Limit) -> Failure {
    match error {
        Error::TimedOut | Error::WouldBlock => no_answer(timeout),
        error => error.into(),
    }
}

fn no_answer(timeout: Limit) -> Failure {
    Failure::timeout(format!(
        "the other end did not answer within {timeout}\n\
         is `oxmq bench --answer` running there, and no other bench with it?"
    ))
}

fn unexpected(talk: &Talk) -> Failure {
    match talk {
        Talk::Fault(text) => Failure::error(format!("the other end: {text}")),
        talk => Failure::error(format!("the other end said what was not due: {talk:?}")),
    }
}

fn no_sense() -> Failure {
    Failure::error("the other end is no `oxmq bench --answer` of this version")
}

/// The processor time of the process.
pub(super) fn cpu_nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0)
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
