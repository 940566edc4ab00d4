//! Queues that go to disk when memory is short: SPILL_DIR, SPILL_MEMORY and SPILL_LIMIT.
//!
//! A socket that was told to spill has its type's pattern inside another one, put there at the
//! first bind or connect. `Overflow` is the queue between them: in memory up to a limit, then in a
//! file without a name that only this process can read, in order all the while. Nothing of it
//! survives the process. Owned by the socket, under its lock; writes and reads of the file happen
//! there too, and go to the system's cache.

mod both_ways;
mod publish;

use std::collections::VecDeque;
use std::path::PathBuf;

use oxmq_journal::Spill;
use oxmq_message::Msg;
use oxmq_zmtp::SocketType;

pub(crate) use self::both_ways::BothWays;
pub(crate) use self::publish::Publish;
use crate::error::{Error, Result};
use crate::options::DurableOptions;
use crate::pattern::Pattern;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// What a message in memory counts for beside its bytes: the parts themselves.
const PART_BYTES: u64 = 64;

/// What a socket with these options may take. A directory that cannot be used is told now and not
/// when memory is short.
pub(crate) fn limits(options: &DurableOptions) -> Result<Limits> {
    let limits = Limits {
        directory: PathBuf::from(&options.spill_dir),
        memory_bytes: options.spill_memory.unwrap_or(u64::MAX),
        disk_bytes: options.spill_limit.unwrap_or(u64::MAX),
    };
    limits.open().map(|_| limits)
}

/// The pattern of a socket that spills.
pub(crate) fn wrap(
    plain: Box<dyn Pattern>,
    socket_type: SocketType,
    limits: Limits,
) -> Box<dyn Pattern> {
    match socket_type {
        SocketType::Pub | SocketType::XPub => {
            Box::new(Publish::new(limits, socket_type == SocketType::XPub))
        }
        socket_type => {
            let queues_sends = matches!(socket_type, SocketType::Push | SocketType::Dealer);
            Box::new(BothWays::new(plain, queues_sends, limits))
        }
    }
}

/// What a queue may take.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    directory: PathBuf,
    /// Half of it is for the queue, and half for what the pipes hold.
    memory_bytes: u64,
    disk_bytes: u64,
}

impl Limits {
    fn open(&self) -> Result<Spill> {
        Spill::open(&self.directory, self.disk_bytes)
            .map_err(|error| Error::store("making a file to spill to", error))
    }

    /// The same for one of several pipes, each of which has its share.
    fn let_pass_to(&self, pipes: &mut Pipes, id: PipeId) -> bool {
        let share = self.memory_bytes / 2 / pipes.len().max(1) as u64;
        if pipes.queued_bytes_of(id) >= share {
            pipes.flush(id);
        }
        pipes.queued_bytes_of(id) < share
    }

    /// The pipes may hold more. If they may not after all was offered to the kernel, the kernel
    /// tells when it takes some.
    fn let_pass(&self, pipes: &mut Pipes) -> bool {
        if pipes.queued_bytes() >= self.memory_bytes / 2 {
            pipes.flush_all();
        }
        pipes.queued_bytes() < self.memory_bytes / 2
    }
}

/// See the file's first paragraph. What is on disk is newer than what is in memory.
pub(crate) struct Overflow {
    limits: Limits,
    memory: VecDeque<Vec<Msg>>,
    memory_bytes: u64,
    disk: Option<Spill>,
    /// A message that the disk had no room for; the queue is full until it goes.
    held: Option<Vec<Msg>>,
}

impl Overflow {
    fn new(limits: Limits) -> Overflow {
        Overflow { limits, memory: VecDeque::new(), memory_bytes: 0, disk: None, held: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.memory.is_empty()
            && self.disk.as_ref().is_none_or(Spill::is_empty)
            && self.held.is_none()
    }

    /// Another message can be added. Tries again to write what did not fit before.
    fn has_room(&mut self) -> bool {
        if let Some(message) = self.held.take() {
            self.add_to_disk(message);
        }
        self.held.is_none()
    }

    /// Adds a message at the end. The caller asked `has_room`.
    fn push(&mut self, message: Vec<Msg>) {
        let bytes = counted(&message);
        let on_disk = self.disk.as_ref().is_some_and(|disk| !disk.is_empty());
        let fits = self.memory_bytes.saturating_add(bytes) <= self.limits.memory_bytes / 2;
        if self.held.is_none() && !on_disk && (fits || self.memory.is_empty()) {
            self.memory_bytes += bytes;
            self.memory.push_back(message);
            return;
        }
        self.add_to_disk(message);
    }

    fn add_to_disk(&mut self, message: Vec<Msg>) {
        if self.disk.is_none() {
            self.disk = self.limits.open().ok();
        }
        let parts: Vec<&[u8]> = message.iter().map(|part| &part[..]).collect();
        let added = self.disk.as_mut().is_some_and(|disk| disk.push(&parts).is_ok());
        if !added {
            self.held = Some(message);
        }
    }

    /// Takes the oldest message. What the disk cannot give back is lost, and counted.
    pub(crate) fn pop(&mut self, lost: &mut u64) -> Option<Vec<Msg>> {
        if let Some(message) = self.memory.pop_front() {
            self.memory_bytes -= counted(&message);
            return Some(message);
        }
        if let Some(disk) = self.disk.as_mut().filter(|disk| !disk.is_empty()) {
            let waiting = disk.messages();
            match disk.pop() {
                Ok(Some(spilled)) => {
                    let count = spilled.parts_count();
                    let part = |(index, part): (usize, &[u8])| {
                        let mut msg = Msg::from_slice(part);
                        msg.set_more(index + 1 < count);
                        msg
                    };
                    let message = spilled.parts().enumerate().map(part).collect();
                    if disk.is_empty() {
                        self.disk = None;
                    }
                    return Some(message);
                }
                Ok(None) => {}
                Err(_) => {
                    *lost += waiting;
                    self.disk = None;
                }
            }
        }
        self.held.take()
    }
}

/// What a message counts for.
fn counted(message: &[Msg]) -> u64 {
    message.iter().map(|part| part.len() as u64 + PART_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overflow(memory_bytes: u64, disk_bytes: u64) -> Overflow {
        let directory = std::env::temp_dir();
        Overflow::new(Limits { directory, memory_bytes, disk_bytes })
    }

    fn message(n: u32) -> Vec<Msg> {
        let mut first = Msg::from_slice(&n.to_be_bytes());
        first.set_more(true);
        vec![first, Msg::from_slice(&[7; 100])]
    }

    #[test]
    fn order_is_kept_over_memory_and_disk() {
        let mut queue = overflow(2000, u64::MAX);
        let (mut next_in, mut next_out, mut lost) = (0, 0, 0);
        for round in 1..60u32 {
            for _ in 0..round % 23 {
                assert!(queue.has_room());
                queue.push(message(next_in));
                next_in += 1;
            }
            for _ in 0..round % 19 {
                let Some(taken) = queue.pop(&mut lost) else { break };
                assert_eq!(taken, message(next_out));
                assert!(taken[0].more() && !taken[1].more());
                next_out += 1;
            }
        }
        while let Some(taken) = queue.pop(&mut lost) {
            assert_eq!(taken, message(next_out));
            next_out += 1;
        }
        assert_eq!((next_out, lost), (next_in, 0));
        assert!(queue.is_empty() && queue.disk.is_none());
    }

    #[test]
    fn a_full_disk_makes_it_full_and_loses_nothing() {
        let mut queue = overflow(0, 1000);
        let (mut taken_in, mut lost) = (0, 0);
        while queue.has_room() {
            queue.push(message(taken_in));
            taken_in += 1;
        }
        assert!(taken_in > 5);
        assert!(!queue.has_room());
        for n in 0..taken_in {
            assert_eq!(queue.pop(&mut lost), Some(message(n)));
        }
        assert!(queue.is_empty() && queue.has_room());
    }
}
