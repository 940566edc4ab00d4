//! What happened in a run, one operation after the other, as the checkers read it.
//!
//! Applications' calls and their results, what monitors told, lives that began and ended, and what
//! went over connections. Nothing here comes from inside the code under test.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::message::MessageId;

/// A message's place in the log of its sender, as its receiver was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) log: u128,
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
}

/// What an application says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Judgement {
    Ack,
    Nack,
    Reject,
}

/// How a life of a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Closed,
    Killed,
    PowerLost,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A process began; its durable socket opened.
    Began,
    /// It did not come up.
    FailedToBegin(String),
    Ended(End),
    /// A send was begun, for a peer of a name, or with a topic.
    Send {
        id: MessageId,
        to: Option<Vec<u8>>,
        topic: Option<Vec<u8>>,
    },
    /// It returned well.
    Sent(MessageId),
    /// It returned an error.
    NotSent(MessageId, String),
    /// An application received a message.
    Received {
        id: MessageId,
        place: Option<Place>,
        attempt: u32,
    },
    Judged {
        id: MessageId,
        place: Option<Place>,
        judgement: Judgement,
    },
    /// A REQ got the reply to a request.
    Replied {
        request: MessageId,
    },
    /// Monitors.
    Gap {
        from: u64,
        to: u64,
    },
    DeadLetter {
        offset: u64,
    },
    Fenced,
    Event(&'static str),
    /// A message went out on a connection, with its number if it has one, to an instance of a node.
    WroteMessage {
        end: u64,
        to: usize,
        id: MessageId,
        offset: Option<u64>,
        durable: bool,
    },
    /// A command of the extension, or a PONG, went out; whether both ends speak the extension.
    WroteCommand {
        end: u64,
        to: usize,
        name: String,
        negotiated: bool,
    },
    /// A process read that messages are settled: below the first number, and in ranges; of what it
    /// had sent on this connection, unless it is the opening word.
    ReadSettled {
        end: u64,
        from: usize,
        opening: bool,
        below: u64,
        ranges: Vec<(u64, u64)>,
    },
    /// Queues were longer than their marks.
    OverMark {
        send: usize,
        receive: usize,
    },
    /// A log took more of its disk than it may.
    OverDisk {
        bytes: u64,
        bound: u64,
    },
    /// Two recoveries of one disk disagreed.
    Recovered {
        differs: String,
    },
    /// The control has done its harm.
    Harmed,
}

/// An operation of a node in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    /// Microseconds since the beginning.
    pub(crate) at: u64,
    pub(crate) node: usize,
    pub(crate) life: u32,
    pub(crate) what: What,
}

/// See the file's first paragraph.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) operations: Vec<Operation>,
    hasher: DefaultHasher,
    /// Prints each operation as it comes.
    prints: bool,
}

impl History {
    pub(crate) fn new(prints: bool) -> Self {
        Self { operations: Vec::new(), hasher: DefaultHasher::new(), prints }
    }

    pub(crate) fn note(&mut self, operation: Operation) {
        operation.hash(&mut self.hasher);
        if self.prints {
            println!("{operation}");
        }
        self.operations.push(operation);
    }

    /// A step that is no operation: it counts for the hash, so that two runs are told apart.
    pub(crate) fn step(&mut self, at: u64, step: &(impl Hash + fmt::Debug)) {
        (at, step).hash(&mut self.hasher);
        if self.prints {
            println!("{at:>10}      {step:?}");
        }
    }

    /// The same for two runs that did the same.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, node, life, what } = self;
        write!(f, "{at:>10} {node}.{life}  {what:?}")
    }
}
