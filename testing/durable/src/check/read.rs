//! Histories as values: what each sender and each receiver wrote, line by line. Read once, never
//! changed.

use std::path::Path;

/// A message: its lane and its number.
pub(crate) type Number = (u64, u64);
/// A message's place: log, epoch, offset.
pub(crate) type Place = (u128, u64, u64);

/// One operation of a sender.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sending {
    Begin,
    Send(Number),
    /// With the time in microseconds.
    Sent(Number, u64),
    Failed,
    /// Offsets may have been lost before this process began.
    Lost,
}

/// One operation of a receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiving {
    Begin,
    Recv(Place, Number),
    /// Received by a program that knows no places.
    Got(Number),
    Skip,
    Done(Place, Number),
    Ack(Place),
    /// Offsets from and to.
    Gap(u64, u64),
    Replaced,
    Failed,
}

/// Everything that was written.
#[derive(Default)]
pub(crate) struct Histories {
    pub(crate) senders: Vec<Vec<Sending>>,
    pub(crate) receivers: Vec<Vec<Receiving>>,
}

/// Reads the histories in a folder.
pub(crate) fn histories(folder: &Path) -> Result<Histories, String> {
    let mut all = Histories::default();
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".history") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let wrong = |line: &str| format!("{name} has a line {line:?}");
        if name.starts_with("sender") {
            let lines = text.lines().map(|line| sending(line).ok_or_else(|| wrong(line)));
            all.senders.push(lines.collect::<Result<_, _>>()?);
        } else if name.starts_with("receiver") {
            let lines = text.lines().map(|line| receiving(line).ok_or_else(|| wrong(line)));
            all.receivers.push(lines.collect::<Result<_, _>>()?);
        }
    }
    Ok(all)
}

fn sending(line: &str) -> Option<Sending> {
    let words: Vec<&str> = line.split(' ').collect();
    Some(match words[..] {
        ["begin"] => Sending::Begin,
        ["send", lane, number] => Sending::Send(message(lane, number)?),
        ["sent", lane, number, time] => Sending::Sent(message(lane, number)?, time.parse().ok()?),
        ["failed", ..] => Sending::Failed,
        ["lost", _, _] => Sending::Lost,
        _ => return None,
    })
}

fn receiving(line: &str) -> Option<Receiving> {
    let words: Vec<&str> = line.split(' ').collect();
    Some(match words[..] {
        ["begin"] => Receiving::Begin,
        ["recv", log, epoch, offset, _, lane, number] => {
            Receiving::Recv(place(log, epoch, offset)?, message(lane, number)?)
        }
        ["got", lane, number] => Receiving::Got(message(lane, number)?),
        ["skip", _, _, _] => Receiving::Skip,
        ["done", log, epoch, offset, lane, number] => {
            Receiving::Done(place(log, epoch, offset)?, message(lane, number)?)
        }
        ["ack", log, epoch, offset] => Receiving::Ack(place(log, epoch, offset)?),
        ["gap", from, to, _] => Receiving::Gap(from.parse().ok()?, to.parse().ok()?),
        ["replaced"] => Receiving::Replaced,
        ["failed-recv", _] => Receiving::Failed,
        _ => return None,
    })
}

fn message(lane: &str, number: &str) -> Option<Number> {
    Some((lane.parse().ok()?, number.parse().ok()?))
}

fn place(log: &str, epoch: &str, offset: &str) -> Option<Place> {
    let log = u128::from_str_radix(log, 16).ok()?;
    Some((log, epoch.parse().ok()?, offset.parse().ok()?))
}
