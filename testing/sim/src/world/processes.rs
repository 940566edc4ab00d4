//! Lives of processes: how they begin, connect, and end. Part of the world.

use std::sync::Arc;

use oxmq_disk::SimDisk;
use oxmq_engine::SocketType;
use oxmq_engine::options::SyncPolicy;

use super::{Body, Event, World};
use crate::disk::{Life, Mounted};
use crate::history::{End, What};
use crate::message::MessageId;
use crate::node::Process;
use crate::plan::{Control, Kind};
use crate::stock::Stock;

impl World {
    pub(super) fn begin_process(&mut self, node: usize) {
        if self.nodes[node].retired || !matches!(self.nodes[node].body, Body::Down) {
            return;
        }
        let plan = self.plan.nodes[node].clone();
        let own = &mut self.nodes[node];
        own.lives += 1;
        own.life = Arc::new(Life::after(&own.life));
        own.paused_until = 0;
        let life = own.lives;
        if plan.kind == Kind::Stock {
            let stock = Stock::new(plan.socket_type, plan.receive_hwm, &plan.name, &plan.topics);
            own.body = Body::Stock(Box::new(stock));
        } else {
            let disk = (plan.kind == Kind::Durable).then(|| self.mount(node));
            let begun = Process::begin(&plan, &self.time, self.plan.tail, disk.clone());
            match begun {
                Ok(process) => self.nodes[node].body = Body::Ours(Box::new(process)),
                Err(error) => {
                    self.nodes[node].life.kill();
                    if let Some(disk) = disk {
                        self.keep(node, &disk);
                    }
                    self.note(node, What::FailedToBegin(error));
                    self.plan_within(50_000, Event::Begin(node));
                    return;
                }
            }
        }
        self.note(node, What::Began);
        for to in plan.dials {
            self.plan_within(2_000, Event::Dial { node, life, to });
        }
        self.plan_within(self.plan.wake, Event::Poll(node, life));
        self.plan_within(plan.pause, Event::Send(node, life));
        if let Some((victim, _)) = plan.takes_over {
            // Its owner does not come back after that.
            let victim = &mut self.nodes[victim];
            victim.is_last_life = true;
            victim.retired |= matches!(victim.body, Body::Down);
        }
        if plan.socket_type == SocketType::Req {
            self.take_up_request(node);
        }
    }

    /// A REQ that has been here before asks for the reply to its last request: it cannot know
    /// whether it had it. One that may have lost the reply with the power does not wait for it.
    fn take_up_request(&mut self, node: usize) {
        let is_weak = self.has_lost_replies(node);
        let own = &mut self.nodes[node];
        let last = MessageId { sender: node as u32, number: own.number - 1 };
        let may_be_outstanding = own.lives > 1 && last.number > 0 && !is_weak;
        own.asked = may_be_outstanding.then_some((last, true));
    }

    /// The node's machine has lost power, and its policy does not cover that.
    fn has_lost_replies(&self, node: usize) -> bool {
        self.nodes[node].lost_power && self.plan.nodes[node].sync != SyncPolicy::Always
    }

    /// Mounts the node's disk for a new life, which may end while it begins.
    fn mount(&mut self, node: usize) -> Mounted {
        let lies = self.control == Some(Control::LyingDisks);
        let image = self.nodes[node].image.clone();
        if !lies
            && self.random.chance(1, 12)
            && let Some(differs) = crate::check::recovery::differs(&image, &mut self.random)
        {
            self.note(node, What::Recovered { differs });
        }
        let own = &self.nodes[node];
        let disk = Mounted::new(image, &own.life, lies);
        if self.plan.nodes[node].sync == SyncPolicy::Os {
            own.life.written_is_safe();
        }
        if own.lives > 1 && !self.is_calm && self.random.chance(1, 6) {
            let calls = 1 + self.random.below(60);
            self.nodes[node].life.die_in(calls);
            let how = if self.random.chance(1, 2) { End::Killed } else { End::PowerLost };
            let down = self.nodes[node].doom.1.clamp(1_000, 100_000);
            self.nodes[node].doom = (how, down);
        }
        disk
    }

    /// Keeps what a dead process has left on its disk.
    fn keep(&mut self, node: usize, disk: &Mounted) {
        let left = disk.left();
        let own = &mut self.nodes[node];
        own.lost_power |= own.doom.0 == End::PowerLost;
        self.nodes[node].image = match self.nodes[node].doom.0 {
            End::PowerLost => SimDisk::with_image(left).crash(&mut self.random).image(),
            End::Killed | End::Closed => left,
        };
    }

    /// A process that is dead is taken away; its kernel, or nobody, tells the others.
    pub(super) fn bury(&mut self, node: usize) {
        let (how, micros) = self.nodes[node].doom;
        self.note(node, What::Ended(how));
        let body = std::mem::replace(&mut self.nodes[node].body, Body::Down);
        let disk = match &body {
            Body::Ours(process) => process.disk.clone(),
            Body::Down | Body::Stock(_) => None,
        };
        drop(body);
        if let Some(disk) = disk {
            self.keep(node, &disk);
        }
        self.leave_connections(node, how);
        self.come_back(node, micros);
    }

    /// What becomes of the connections of a process that is gone.
    fn leave_connections(&mut self, node: usize, how: End) {
        let life = Arc::clone(&self.nodes[node].life);
        self.network.close_ends(&life);
        for end in self.network.ends_of(&life) {
            self.sessions.remove(&end);
            let Some(other) = self.network.look(end, |end| end.other) else { continue };
            match how {
                End::PowerLost => {
                    // What the machine had not sent is gone, and nobody says that it is.
                    let kept = self.random.below(2000) as usize;
                    self.network.lose_under_way(other, kept);
                    let late = if self.is_calm { 200_000 } else { 8_000_000 };
                    self.plan_within(late, Event::EndSide(other, true));
                }
                End::Killed | End::Closed => {
                    let with_error = self.network.has_unread(end);
                    self.plan_within(self.plan.latency, Event::EndSide(other, with_error));
                }
            }
        }
    }

    /// A process closes its socket, and ends.
    pub(super) fn close_process(&mut self, node: usize, micros: u64) {
        let body = std::mem::replace(&mut self.nodes[node].body, Body::Down);
        let disk = match body {
            Body::Ours(mut process) => {
                process.sending = None;
                process.receiving = None;
                process.held.clear();
                process.socket.close();
                let disk = process.disk.clone();
                drop(process);
                disk
            }
            Body::Down => return,
            Body::Stock(_) => None,
        };
        let died = self.nodes[node].life.is_dead();
        self.nodes[node].life.kill();
        let how = if died { self.nodes[node].doom.0 } else { End::Closed };
        self.nodes[node].doom = (how, micros);
        if let Some(disk) = disk {
            self.keep(node, &disk);
        }
        self.note(node, What::Ended(how));
        self.leave_connections(node, how);
        self.come_back(node, micros);
    }

    /// Plans a node's next life, if there is to be one.
    fn come_back(&mut self, node: usize, micros: u64) {
        if self.nodes[node].is_last_life {
            self.nodes[node].retired = true;
        } else {
            self.plan_at(self.now + micros, Event::Begin(node));
        }
    }

    pub(super) fn dial(&mut self, node: usize, life: u32, to: usize) {
        let own = &self.nodes[node];
        if own.lives != life || own.life.is_dead() {
            return;
        }
        let wants = match &own.body {
            Body::Ours(process) => process.driver.wants(to as u64 + 1),
            Body::Stock(_) => true,
            Body::Down => false,
        };
        if !wants {
            return;
        }
        let is_up = !matches!(self.nodes[to].body, Body::Down) && !self.nodes[to].life.is_dead();
        if !is_up || self.is_blocked(node, to) {
            self.plan_within(100_000, Event::Dial { node, life, to });
            return;
        }
        let (near, far) = {
            let (from, other) = (&self.nodes[node].life, &self.nodes[to].life);
            self.network.connect((node, from), (to, other))
        };
        self.sessions.insert(near, to);
        let tube = self.network.conduit(near);
        match &mut self.nodes[node].body {
            Body::Ours(process) => process.greet(near, tube, Some(to as u64 + 1)),
            Body::Stock(stock) => stock.connect(tube),
            Body::Down => {}
        }
        self.plan_within(self.plan.latency, Event::Accept(far));
    }

    pub(super) fn accept(&mut self, end: u64) {
        let Some(node) = self.owner(end) else { return };
        let tube = self.network.conduit(end);
        match &mut self.nodes[node].body {
            Body::Ours(process) => process.greet(end, tube, None),
            Body::Stock(stock) => stock.connect(tube),
            Body::Down => {}
        }
    }

    /// Whether nothing is left to do in a node.
    pub(super) fn is_at_rest(&self, node: usize) -> bool {
        let own = &self.nodes[node];
        match &own.body {
            Body::Down => own.retired,
            Body::Stock(stock) => stock.is_empty() && stock.outbox.is_empty() && own.budget == 0,
            Body::Ours(process) => {
                let busy = own.budget > 0
                    || own.asked.is_some()
                    || process.sending.is_some()
                    || !process.to_send.is_empty()
                    || process.woken.is_set()
                    || process.busy_until > self.now
                    || process.driver.has_news()
                    || process.store.as_ref().is_some_and(|store| store.wants().1);
                !busy && self.is_settled(node, process)
            }
        }
    }

    /// Whether everything that its socket sent and received is settled.
    fn is_settled(&self, node: usize, process: &Process) -> bool {
        // A REQ looks at replies while it waits for one: what else a REP has sent stays until then.
        let socket_type = self.plan.nodes[node].socket_type;
        let is_rep = socket_type == SocketType::Rep;
        // What it does not wait for any more stays until it asks again.
        let has_given_up = socket_type == SocketType::Req && self.has_lost_replies(node);
        if self.plan.nodes[node].kind != Kind::Durable || is_rep || has_given_up {
            return true;
        }
        let status = process.socket.durable_status();
        status.is_ok_and(|status| status.unsettled == 0 && status.unacknowledged == 0)
    }

    /// What a node waits for, for people.
    pub(super) fn describe_node(&self, node: usize) -> String {
        let own = &self.nodes[node];
        match &own.body {
            Body::Down => "is down".to_owned(),
            Body::Stock(stock) => {
                format!("stock, {} to send, {} left", stock.outbox.len(), own.budget)
            }
            Body::Ours(process) => format!(
                "{:?} left {} asked {:?} sending {:?} queued {} held {} woken {} news {} {:?} {:?}",
                self.plan.nodes[node].socket_type,
                own.budget,
                own.asked,
                process.sending.as_ref().map(|(id, _)| id.to_string()),
                process.to_send.len(),
                process.held.len(),
                process.woken.is_set(),
                process.driver.has_news(),
                process.socket.durable_status(),
                process.driver.fullest(),
            ),
        }
    }
}
