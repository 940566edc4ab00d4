//! The simulated world: nodes, network and time, and the events that make them go on.
//!
//! One queue of events in the order of their time; each event is one step of one process, or of the
//! network. Whatever a step brings about is found by looking afterwards (`settle`), and becomes
//! events at times that the seed draws. First the plan's faults come, then nothing goes wrong any
//! more (`Calm`), and the world has to come to rest with every promise kept.

mod apps;
mod faults;
mod processes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oxmq_disk::{Image, Random};
use oxmq_engine::simulation::Time;

use crate::disk::Life;
use crate::history::{History, Operation, What};
use crate::message::MessageId;
use crate::network::{Network, Note};
use crate::node::{self, Process};
use crate::plan::{Control, Kind, Plan};
use crate::stock::Stock;
use crate::wire::Wire;

/// Steps after which a run counts as one that does not come to rest.
const STEPS_MAX: u64 = 400_000;

/// Microseconds in which the world has to come to rest once nothing goes wrong any more.
const CALM_MAX: u64 = 120_000_000;

/// Pause between two looks whether it has.
const LOOK_PAUSE: u64 = 50_000;

/// What happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// A process begins.
    Begin(usize),
    /// It connects to another.
    Dial {
        node: usize,
        life: u32,
        to: usize,
    },
    /// The other end of a connection is accepted.
    Accept(u64),
    /// Octets arrive at an end.
    Deliver(u64),
    /// The process sees what arrived there.
    Look(u64),
    /// The process can write there again.
    Room(u64),
    /// The other end was closed, with an error or not.
    EndSide(u64, bool),
    /// An end is cut off.
    Break(u64),
    /// The socket's timer, its flush, what was posted to it, and the two helpers of its store.
    Timer(usize, u32),
    Tick(usize, u32),
    Obey(usize, u32),
    Syncs(usize, u32),
    Segments(usize, u32),
    /// The application goes on with its calls, begins to send, and judges a message.
    Poll(usize, u32),
    Send(usize, u32),
    Judge(usize, u32, MessageId),
    /// The next fault of the plan.
    Fault(usize),
    /// A disk works again; a partition is over.
    Mend(usize),
    Heal,
    /// Nothing goes wrong any more.
    Calm,
    /// Is the world at rest?
    Rest,
}

/// What runs in a node.
pub(crate) enum Body {
    Down,
    Ours(Box<Process>),
    Stock(Box<Stock>),
}

/// A node over all its lives.
pub(crate) struct Node {
    pub(crate) body: Body,
    pub(crate) image: Image,
    pub(crate) life: Arc<Life>,
    pub(crate) lives: u32,
    pub(crate) paused_until: u64,
    /// The number of its next message, and how many its application still sends of itself.
    pub(crate) number: u32,
    pub(crate) budget: u32,
    /// How its present life ends when it dies, and for how long it is down then.
    pub(crate) doom: (crate::history::End, u64),
    /// Its present life is its last; it does not come back.
    pub(crate) is_last_life: bool,
    pub(crate) retired: bool,
    /// Its machine has lost power at some time.
    pub(crate) lost_power: bool,
    /// REQ: the request that waits for its reply, and that it was sent.
    pub(crate) asked: Option<(MessageId, bool)>,
}

/// See the file's first paragraph.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) time: Time,
    pub(crate) now: u64,
    pub(crate) network: Network,
    pub(crate) history: History,
    pub(crate) nodes: Vec<Node>,
    pub(crate) control: Option<Control>,
    pub(crate) is_calm: bool,
    /// Nodes that do not reach the others.
    pub(crate) island: Option<Vec<usize>>,
    wire: Wire,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    /// Ends to which a delivery is planned, and sessions' ends with whom they lead to.
    delivering: BTreeSet<u64>,
    pub(crate) sessions: BTreeMap<u64, usize>,
    rested: u32,
}

/// How a run ended.
pub(crate) struct Ending {
    pub(crate) plan: Plan,
    pub(crate) history: History,
    pub(crate) steps: u64,
    /// Why the world did not come to rest.
    pub(crate) restless: Option<String>,
}

impl World {
    pub(crate) fn new(plan: Plan, seed: u64, control: Option<Control>, prints: bool) -> Self {
        // The plan and the run draw from generators of their own.
        let mut random = Random::new(seed ^ 0x0051_77ED_5EED);
        let time = Time::default();
        node::begin(&time, random.draw());
        let network = Network::new(Random::new(random.draw()), plan.capacity);
        let node = |sends| Node {
            body: Body::Down,
            image: Image::default(),
            life: Arc::default(),
            lives: 0,
            paused_until: 0,
            number: 1,
            budget: sends,
            doom: (crate::history::End::Killed, 0),
            is_last_life: false,
            retired: false,
            lost_power: false,
            asked: None,
        };
        let nodes = plan.nodes.iter().map(|plan| node(plan.sends)).collect();
        let mut world = Self {
            plan,
            random,
            time,
            now: 0,
            network,
            history: History::new(prints),
            nodes,
            control,
            is_calm: false,
            island: None,
            wire: Wire::default(),
            queue: BTreeMap::new(),
            sequence: 0,
            delivering: BTreeSet::new(),
            sessions: BTreeMap::new(),
            rested: 0,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for node in 0..self.nodes.len() {
            let late = self.plan.nodes[node].takes_over.map(|(_, at)| at);
            let at = late.unwrap_or_else(|| self.random.below(5_000));
            self.plan_at(at, Event::Begin(node));
        }
        for index in 0..self.plan.faults.len() {
            self.plan_at(self.plan.faults[index].0, Event::Fault(index));
        }
        self.plan_at(self.plan.calm_at, Event::Calm);
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Ending {
        let mut steps = 0;
        let mut restless = None;
        while let Some(((at, _), event)) = self.queue.pop_first() {
            self.now = self.now.max(at);
            self.time.set(self.now);
            steps += 1;
            if steps > STEPS_MAX || self.now > self.plan.calm_at + CALM_MAX {
                restless = Some(self.describe());
                break;
            }
            if let Some(until) = self.paused(&event) {
                self.plan_at(until, event);
                continue;
            }
            self.history.step(self.now, &event);
            self.step(event);
            self.settle();
            if self.rested >= 3 {
                break;
            }
        }
        // What is dropped now would act; its notes are nobody's.
        for node in &mut self.nodes {
            node.life.kill();
            node.body = Body::Down;
        }
        Ending { plan: self.plan, history: self.history, steps, restless }
    }

    /// Plans an event at a time.
    pub(crate) fn plan_at(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), event);
    }

    /// Plans an event after up to so many microseconds.
    pub(crate) fn plan_within(&mut self, micros: u64, event: Event) {
        let at = self.now + self.random.below(micros + 1);
        self.plan_at(at, event);
    }

    pub(crate) fn note(&mut self, node: usize, what: What) {
        let (at, life) = (self.now, self.nodes[node].lives);
        self.history.note(Operation { at, node, life, what });
    }

    /// Until when the event's process stands still, if it does.
    fn paused(&self, event: &Event) -> Option<u64> {
        let node = match event {
            Event::Dial { node, .. }
            | Event::Timer(node, _)
            | Event::Tick(node, _)
            | Event::Obey(node, _)
            | Event::Syncs(node, _)
            | Event::Segments(node, _)
            | Event::Poll(node, _)
            | Event::Send(node, _)
            | Event::Judge(node, ..) => *node,
            Event::Accept(end) | Event::Look(end) | Event::Room(end) => {
                self.network.look(*end, |end| end.node)?
            }
            _ => return None,
        };
        Some(self.nodes[node].paused_until).filter(|until| *until > self.now)
    }

    fn is_blocked(&self, from: usize, to: usize) -> bool {
        let island = self.island.as_ref();
        island.is_some_and(|island| island.contains(&from) != island.contains(&to))
    }

    /// The process of a node in this life, if it is one of ours.
    pub(crate) fn process(&mut self, node: usize, life: u32) -> Option<&mut Process> {
        let node = self.nodes.get_mut(node)?;
        if node.lives != life || node.life.is_dead() {
            return None;
        }
        match &mut node.body {
            Body::Ours(process) => Some(process),
            Body::Down | Body::Stock(_) => None,
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Begin(node) => self.begin_process(node),
            Event::Dial { node, life, to } => self.dial(node, life, to),
            Event::Accept(end) => self.accept(end),
            Event::Deliver(end) => self.deliver(end),
            Event::Look(end) => self.look(end),
            Event::Room(end) => self.room(end),
            Event::EndSide(end, with_error) => self.end_side(end, with_error),
            Event::Break(end) => {
                self.network.break_end(end);
                self.plan_within(self.plan.wake, Event::Look(end));
            }
            Event::Timer(node, life) => {
                if let Some(process) = self.process(node, life) {
                    process.planned.timer = None;
                    process.driver.on_timer();
                }
            }
            Event::Tick(node, life) => {
                if let Some(process) = self.process(node, life) {
                    process.planned.tick = false;
                    process.driver.tick();
                }
            }
            Event::Obey(node, life) => {
                if let Some(process) = self.process(node, life) {
                    process.planned.obey = false;
                    process.driver.obey();
                }
            }
            Event::Syncs(node, life) => {
                if let Some(process) = self.process(node, life) {
                    process.planned.syncs = false;
                    if let Some(store) = &process.store {
                        let _ = store.do_syncs();
                    }
                }
            }
            Event::Segments(node, life) => {
                if let Some(process) = self.process(node, life) {
                    process.planned.segments = false;
                    if let Some(store) = &process.store {
                        let _ = store.do_segments();
                    }
                }
            }
            Event::Poll(node, life) => self.poll(node, life),
            Event::Send(node, life) => self.send(node, life),
            Event::Judge(node, life, id) => self.judge(node, life, id),
            Event::Fault(index) => self.fault(index),
            Event::Mend(node) => self.mend(node),
            Event::Heal => self.heal(),
            Event::Calm => self.calm(),
            Event::Rest => self.rest(),
        }
    }

    fn deliver(&mut self, end: u64) {
        self.delivering.remove(&end);
        let Some((node, from)) = self.network.look(end, |end| (end.node, end.other_node)) else {
            return;
        };
        if self.is_blocked(node, from) {
            // The partition's end delivers it.
            return;
        }
        let octets = match self.random.below(4) {
            0 => 1 + self.random.below(100) as usize,
            _ => usize::MAX,
        };
        let (left, is_new) = self.network.deliver(end, octets);
        if is_new {
            self.plan_within(self.plan.wake, Event::Look(end));
        }
        if left > 0 {
            self.deliver_later(end);
        }
    }

    fn deliver_later(&mut self, end: u64) {
        if self.delivering.insert(end) {
            self.plan_within(self.plan.latency, Event::Deliver(end));
        }
    }

    /// The process of an end, if the end is still its own.
    fn owner(&self, end: u64) -> Option<usize> {
        let (node, mine) = self.network.look(end, |end| {
            let mine = Arc::clone(end.life());
            (end.node, Some(mine).filter(|_| !end.is_closed()))
        })?;
        let is_own = |life: &Arc<Life>| Arc::ptr_eq(life, &self.nodes[node].life);
        mine.filter(|life| is_own(life) && !life.is_dead()).map(|_| node)
    }

    fn look(&mut self, end: u64) {
        let Some(node) = self.owner(end) else { return };
        let over = self.network.look(end, |end| end.is_over()).unwrap_or(true);
        match &mut self.nodes[node].body {
            Body::Ours(process) => process.look(end, true, over, false),
            Body::Stock(stock) => stock.look(end),
            Body::Down => {}
        }
    }

    fn room(&mut self, end: u64) {
        let Some(node) = self.owner(end) else { return };
        match &mut self.nodes[node].body {
            Body::Ours(process) => process.look(end, false, false, true),
            Body::Stock(stock) => stock.look(end),
            Body::Down => {}
        }
    }

    fn end_side(&mut self, end: u64, with_error: bool) {
        let Some((node, from)) = self.network.look(end, |end| (end.node, end.other_node)) else {
            return;
        };
        if self.is_blocked(node, from) {
            self.plan_within(100_000, Event::EndSide(end, with_error));
            return;
        }
        self.network.end_side(end, with_error);
        if with_error {
            self.plan_within(self.plan.wake, Event::Look(end));
        } else {
            self.deliver_later(end);
        }
    }

    /// Finds out what the last step has brought about.
    fn settle(&mut self) {
        loop {
            self.take_passed();
            let notes = self.network.take_notes();
            for note in &notes {
                self.take_note(*note);
            }
            let dead: Vec<usize> = (0..self.nodes.len())
                .filter(|node| {
                    let node = &self.nodes[*node];
                    node.life.is_dead() && !matches!(node.body, Body::Down)
                })
                .collect();
            dead.iter().for_each(|node| self.bury(*node));
            if notes.is_empty() && dead.is_empty() {
                break;
            }
        }
        (0..self.nodes.len()).for_each(|node| self.follow_up(node));
        self.network.forget_closed();
    }

    fn take_passed(&mut self) {
        for passed in self.network.take_passed() {
            let Some((node, other)) =
                self.network.look(passed.end, |end| (end.node, end.other_node))
            else {
                continue;
            };
            if self.plan.nodes[node].kind != Kind::Durable {
                continue;
            }
            let end = passed.end;
            if let Some(what) = self.wire.note(passed, other) {
                self.harm(node, end, &what);
                self.note(node, what);
            }
        }
    }

    fn take_note(&mut self, note: Note) {
        match note {
            Note::Sent(end) => self.deliver_later(end),
            Note::Room(end) => self.plan_within(self.plan.wake, Event::Room(end)),
            Note::LookAgain(end) => self.plan_within(self.plan.wake, Event::Look(end)),
            Note::Closed(end) => {
                let looked =
                    self.network.look(end, |end| (end.node, end.other, end.life().is_dead()));
                let Some((node, other, false)) = looked else { return };
                let with_error = self.network.has_unread(end);
                self.plan_within(self.plan.latency, Event::EndSide(other, with_error));
                if let Some(to) = self.sessions.remove(&end) {
                    let life = self.nodes[node].lives;
                    let pause = [10, 1_000, 100_000][self.random.below(3) as usize];
                    self.plan_within(pause, Event::Dial { node, life, to });
                }
            }
        }
    }

    /// Plans what a process asks for.
    fn follow_up(&mut self, node: usize) {
        let life = self.nodes[node].lives;
        let (wake, sync) = (self.plan.wake, self.plan.sync);
        let Some(process) = self.process(node, life) else { return };
        let mut events = Vec::new();
        if process.driver.has_news() && !process.planned.obey {
            process.planned.obey = true;
            events.push((wake, Event::Obey(node, life)));
        }
        if process.driver.is_ticking() && !process.planned.tick {
            process.planned.tick = true;
            events.push((200, Event::Tick(node, life)));
        }
        if let Some(store) = &process.store {
            let (segments, syncs) = store.wants();
            if syncs && !process.planned.syncs {
                process.planned.syncs = true;
                events.push((sync, Event::Syncs(node, life)));
            }
            if segments && !process.planned.segments {
                process.planned.segments = true;
                events.push((sync, Event::Segments(node, life)));
            }
        }
        if process.woken.is_set() && !process.planned.poll {
            process.planned.poll = true;
            events.push((wake, Event::Poll(node, life)));
        }
        let due = process.driver.due_micros();
        let timer = due.filter(|due| process.planned.timer.is_none_or(|planned| *due < planned));
        if let Some(at) = timer {
            process.planned.timer = Some(at);
            self.plan_at(at, Event::Timer(node, life));
        }
        for (within, event) in events {
            self.plan_within(within, event);
        }
        self.take_events(node);
    }

    fn rest(&mut self) {
        let rests = self.nodes.iter().enumerate().all(|(node, _)| self.is_at_rest(node))
            && self.network.is_quiet();
        self.rested = if rests { self.rested + 1 } else { 0 };
        self.plan_at(self.now + LOOK_PAUSE, Event::Rest);
    }

    fn describe(&self) -> String {
        let busy: Vec<String> = (0..self.nodes.len())
            .filter(|node| !self.is_at_rest(*node))
            .map(|node| format!("node{node} {}", self.describe_node(node)))
            .collect();
        format!("at {} still busy: {}", self.now, busy.join(", "))
    }
}
