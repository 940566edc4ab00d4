//! What a seed decides before anything runs: who is there, how each is set up, what the network is
//! like and which faults come when. A plain value; the same seed gives the same one.

use oxmq_disk::{Fault as DiskFault, Random};
use oxmq_engine::SocketType;
use oxmq_engine::options::{AckMode, SyncPolicy};

/// Which sockets talk to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Pattern {
    /// PUSH and PULL.
    Push,
    /// PUB and SUB.
    Publish,
    /// DEALER and ROUTER.
    Route,
    /// REQ and REP.
    Ask,
}

/// A rule broken on purpose, which the checkers have to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Control {
    /// Disks say that they have synchronised and have not.
    LyingDisks,
    /// Senders are told that messages are settled which nobody has dealt with.
    ForgedAcks,
    /// Numbers of messages are changed on their way.
    ForgedNumbers,
}

/// What runs a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A durable socket of ours.
    Durable,
    /// A socket of ours that is not durable.
    Plain,
    /// A peer that knows nothing of durability and answers PINGs.
    Stock,
}

/// One node: a process with one socket.
#[derive(Debug, Clone)]
pub(crate) struct NodePlan {
    pub(crate) socket_type: SocketType,
    pub(crate) kind: Kind,
    /// Its durable name.
    pub(crate) name: String,
    pub(crate) sync: SyncPolicy,
    pub(crate) ack: AckMode,
    pub(crate) send_hwm: usize,
    pub(crate) receive_hwm: usize,
    /// Nodes that it connects to.
    pub(crate) dials: Vec<usize>,
    /// Messages that it sends.
    pub(crate) sends: u32,
    /// Longest pause between two of them, and longest time that a received one takes; microseconds.
    pub(crate) pause: u64,
    pub(crate) work: u64,
    /// SUB: what it subscribes to. PUB: what its messages begin with.
    pub(crate) topics: Vec<Vec<u8>>,
    /// PUB: most messages of its log.
    pub(crate) log_max: Option<u64>,
    /// Messages are given up after this many attempts; 0 is never.
    pub(crate) attempts_max: u32,
    /// It takes the name of this node over, which it does not begin with.
    pub(crate) takes_over: Option<(usize, u64)>,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A connection breaks; one end may notice later than the other.
    Cut,
    /// Some nodes do not reach the others for a time.
    Partition { island: Vec<usize>, micros: u64 },
    /// A process stands still.
    Pause { node: usize, micros: u64 },
    /// A process is killed, before a later call of its disk.
    Kill { node: usize, calls: u64, micros: u64 },
    /// Its machine loses power.
    Power { node: usize, calls: u64, micros: u64 },
    /// A process closes its socket and comes back.
    Close { node: usize, micros: u64 },
    /// A call of a disk fails.
    Disk { node: usize, calls: u64, fault: DiskFault },
}

/// See the file's first paragraph.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) pattern: Pattern,
    pub(crate) nodes: Vec<NodePlan>,
    /// When no more goes wrong, in microseconds.
    pub(crate) calm_at: u64,
    pub(crate) faults: Vec<(u64, Fault)>,
    /// Octets that a direction of a connection holds.
    pub(crate) capacity: usize,
    /// Longest time that octets are under way; longest time before a thread goes on; how long a
    /// sync takes at most. Microseconds.
    pub(crate) latency: u64,
    pub(crate) wake: u64,
    pub(crate) sync: u64,
    /// Octets that the journal keeps in memory: little, so that it reads its files.
    pub(crate) tail: usize,
    /// Octets of filling in a message.
    pub(crate) filling: u64,
}

impl Plan {
    /// What this seed decides.
    pub(crate) fn new(seed: u64, pattern: Option<Pattern>) -> Self {
        let mut random = Random::new(seed);
        let of_seed = match random.below(10) {
            0..4 => Pattern::Push,
            4..7 => Pattern::Publish,
            7..9 => Pattern::Route,
            _ => Pattern::Ask,
        };
        let pattern = pattern.unwrap_or(of_seed);
        let mut plan = Self {
            pattern,
            nodes: Vec::new(),
            calm_at: 20_000 + random.below(2_000_000),
            faults: Vec::new(),
            capacity: 1 << (7 + random.below(8)),
            latency: [100, 1_000, 20_000][random.below(3) as usize],
            wake: [1, 100, 5_000][random.below(3) as usize],
            sync: [1, 500, 20_000][random.below(3) as usize],
            tail: [0, 2048, 1 << 20][random.below(3) as usize],
            filling: [1, 200, 3000][random.below(3) as usize],
        };
        plan.choose_nodes(&mut random);
        plan.choose_faults(&mut random);
        plan
    }

    fn choose_nodes(&mut self, random: &mut Random) {
        let (first, second) = match self.pattern {
            Pattern::Push => (SocketType::Push, SocketType::Pull),
            Pattern::Publish => (SocketType::Pub, SocketType::Sub),
            Pattern::Route => (SocketType::Router, SocketType::Dealer),
            Pattern::Ask => (SocketType::Req, SocketType::Rep),
        };
        let firsts = match self.pattern {
            Pattern::Route => 1,
            _ => 1 + random.below(2),
        };
        let seconds = 1 + random.below(3);
        for _ in 0..firsts {
            let node = self.node(random, first);
            self.nodes.push(node);
        }
        for _ in 0..seconds {
            let node = self.node(random, second);
            self.nodes.push(node);
        }
        // Guarantees need a durable end. What answers requests has to be one of ours.
        let (senders, others) = self.nodes.split_at_mut(firsts as usize);
        let first_plain = senders.iter().any(|node| node.kind != Kind::Durable);
        if self.pattern != Pattern::Push || first_plain {
            for node in others.iter_mut() {
                let may_be_stock = self.pattern == Pattern::Publish && node.kind == Kind::Stock;
                if !may_be_stock {
                    node.kind = Kind::Durable;
                }
            }
        }
        if self.pattern != Pattern::Push {
            senders.iter_mut().for_each(|node| node.kind = Kind::Durable);
        }
        let firsts = firsts as usize;
        let total = self.nodes.len();
        // Who binds: one side or the other.
        if random.chance(1, 2) {
            self.nodes[firsts..].iter_mut().for_each(|node| node.dials = (0..firsts).collect());
        } else {
            self.nodes[..firsts].iter_mut().for_each(|node| node.dials = (firsts..total).collect());
        }
        self.maybe_take_over(random, firsts);
    }

    /// One of the durable receivers may lose its name to a newcomer.
    fn maybe_take_over(&mut self, random: &mut Random, firsts: usize) {
        let victim = firsts + random.below((self.nodes.len() - firsts) as u64) as usize;
        let plan = &self.nodes[victim];
        let fits = matches!(self.pattern, Pattern::Push | Pattern::Publish)
            && plan.kind == Kind::Durable
            && !plan.dials.is_empty()
            && self.nodes[..firsts].iter().all(|node| node.kind == Kind::Durable);
        if fits && random.chance(1, 6) {
            let mut twin = plan.clone();
            twin.takes_over = Some((victim, random.below(self.calm_at)));
            self.nodes.push(twin);
        }
    }

    fn node(&self, random: &mut Random, socket_type: SocketType) -> NodePlan {
        let index = self.nodes.len();
        let kind = match random.below(8) {
            0..6 => Kind::Durable,
            6 => Kind::Plain,
            _ => Kind::Stock,
        };
        let sync = match random.below(6) {
            0..4 => SyncPolicy::Always,
            4 => SyncPolicy::Interval,
            _ => SyncPolicy::Os,
        };
        let hwm = |random: &mut Random| [1, 3, 10, 1000][random.below(4) as usize];
        let sends = match socket_type {
            SocketType::Pull | SocketType::Sub | SocketType::Rep | SocketType::Router => 0,
            _ => 1 + random.below(24) as u32,
        };
        let topics = match socket_type {
            SocketType::Pub => vec![b"a".to_vec(), b"ab".to_vec(), b"c".to_vec()],
            SocketType::Sub => {
                [vec![b"".to_vec()], vec![b"a".to_vec()], vec![b"ab".to_vec(), b"c".to_vec()]]
                    [random.below(3) as usize]
                    .clone()
            }
            _ => Vec::new(),
        };
        let is_publisher = socket_type == SocketType::Pub;
        NodePlan {
            socket_type,
            kind,
            name: format!("node{index}"),
            sync,
            ack: match random.below(2) {
                0 if self.pattern != Pattern::Ask => AckMode::Explicit,
                _ => AckMode::Automatic,
            },
            send_hwm: hwm(random),
            receive_hwm: hwm(random),
            dials: Vec::new(),
            sends,
            pause: [10, 3_000, 60_000][random.below(3) as usize],
            work: [1, 500, 50_000][random.below(3) as usize],
            topics,
            log_max: (is_publisher && random.chance(1, 5)).then(|| 1 + random.below(8)),
            // A request that is set aside has no reply to wait for.
            attempts_max: match random.below(4) {
                0 if self.pattern != Pattern::Ask => 2,
                _ => 0,
            },
            takes_over: None,
        }
    }

    fn choose_faults(&mut self, random: &mut Random) {
        let count = [0, 1, 3, 8][random.below(4) as usize];
        for _ in 0..count {
            let at = random.below(self.calm_at);
            let node = random.below(self.nodes.len() as u64) as usize;
            let longest = [2_000, 100_000, 1_000_000][random.below(3) as usize];
            let micros = 1 + random.below(longest);
            let calls = [0, random.below(40)][random.below(2) as usize];
            let fault = match random.below(16) {
                0..4 => Fault::Cut,
                4..6 => Fault::Partition {
                    island: (0..self.nodes.len()).filter(|_| random.chance(1, 2)).collect(),
                    micros,
                },
                6..8 => Fault::Pause { node, micros },
                8..11 => Fault::Kill { node, calls, micros },
                11..14 => Fault::Power { node, calls, micros },
                14 => Fault::Close { node, micros },
                _ => {
                    let faults = [
                        DiskFault::Broken,
                        DiskFault::NoSpace,
                        DiskFault::ShortWrite,
                        DiskFault::SyncMarksClean,
                        DiskFault::Rot(random.draw()),
                    ];
                    let fault = faults[random.below(5) as usize];
                    Fault::Disk { node, calls: 1 + calls, fault }
                }
            };
            self.faults.push((at, fault));
        }
        self.faults.sort_by_key(|(at, _)| *at);
    }
}
