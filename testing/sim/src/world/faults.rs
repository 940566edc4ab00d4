//! What goes wrong, and what harm a control does on purpose. Part of the world.

use oxmq_disk::Plan as DiskPlan;
use oxmq_engine::EventKind;
use oxmq_zmtp::{DurableCommand, OffsetRange};

use super::{Body, Event, World};
use crate::history::{End, What};
use crate::plan::{Control, Fault};

impl World {
    pub(super) fn fault(&mut self, index: usize) {
        match self.plan.faults[index].1.clone() {
            Fault::Cut => {
                let ends = self.network.open_ends();
                if !ends.is_empty() {
                    let end = ends[self.random.below(ends.len() as u64) as usize];
                    self.cut(end);
                }
            }
            Fault::Partition { island, micros } => {
                self.heal();
                self.island = Some(island);
                self.plan_at(self.now + micros, Event::Heal);
            }
            Fault::Pause { node, micros } => {
                if !matches!(self.nodes[node].body, Body::Down) {
                    self.nodes[node].paused_until = self.now + micros;
                }
            }
            Fault::Kill { node, calls, micros } => self.strike(node, End::Killed, calls, micros),
            Fault::Power { node, calls, micros } => {
                self.strike(node, End::PowerLost, calls, micros);
            }
            Fault::Close { node, micros } => {
                if !matches!(self.nodes[node].body, Body::Down) {
                    self.close_process(node, micros);
                }
            }
            Fault::Disk { node, calls, fault } => {
                if let Body::Ours(process) = &self.nodes[node].body
                    && let Some(disk) = &process.disk
                {
                    let disk = disk.disk();
                    let for_ever = self.random.chance(1, 3);
                    let at = Some((disk.calls() + calls, fault));
                    disk.plan(DiskPlan { at, for_ever, room_bytes: None });
                    self.plan_within(500_000, Event::Mend(node));
                }
            }
        }
    }

    /// A connection breaks; one end notices at once, the other soon or late.
    fn cut(&mut self, end: u64) {
        let Some(other) = self.network.look(end, |end| end.other) else { return };
        self.network.break_end(end);
        self.plan_within(self.plan.wake, Event::Look(end));
        let late = [0, 1_000, 1_000_000][self.random.below(3) as usize];
        self.plan_within(late, Event::Break(other));
    }

    /// A process dies, now or before a later call of its disk.
    fn strike(&mut self, node: usize, how: End, calls: u64, micros: u64) {
        if matches!(self.nodes[node].body, Body::Down) {
            return;
        }
        self.nodes[node].doom = (how, micros);
        if calls == 0 {
            self.nodes[node].life.kill();
        } else {
            self.nodes[node].life.die_in(calls);
        }
    }

    pub(super) fn mend(&self, node: usize) {
        if let Body::Ours(process) = &self.nodes[node].body
            && let Some(disk) = &process.disk
        {
            disk.disk().plan(DiskPlan::default());
        }
    }

    /// The partition is over. Some connections have not survived it.
    pub(super) fn heal(&mut self) {
        let Some(island) = self.island.take() else { return };
        for end in self.network.open_ends() {
            let Some((node, other)) = self.network.look(end, |end| (end.node, end.other_node))
            else {
                continue;
            };
            if island.contains(&node) != island.contains(&other) && self.random.chance(1, 4) {
                self.cut(end);
            }
            self.deliver_later(end);
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn calm(&mut self) {
        self.is_calm = true;
        self.heal();
        for node in 0..self.nodes.len() {
            self.mend(node);
            self.nodes[node].life.live_on();
            self.nodes[node].paused_until = 0;
            if self.nodes[node].is_last_life && !self.nodes[node].retired {
                // Whoever has lost the name ends at the latest now.
                self.close_process(node, 0);
                self.nodes[node].retired = true;
            }
        }
        self.plan_at(self.now + 50_000, Event::Rest);
    }

    /// What the monitor of a node's socket tells.
    pub(super) fn take_events(&mut self, node: usize) {
        let Body::Ours(process) = &self.nodes[node].body else { return };
        let Some(monitor) = &process.monitor else { return };
        let mut told = Vec::new();
        while let Some(event) = monitor.try_recv() {
            match event.kind {
                EventKind::Gap { from, to, .. } => told.push(What::Gap { from, to }),
                EventKind::DeadLetter { offset } => told.push(What::DeadLetter { offset }),
                EventKind::Fenced { .. } => told.push(What::Fenced),
                EventKind::LogReplaced { .. } => told.push(What::Event("log replaced")),
                EventKind::StoreFailed { .. } => told.push(What::Event("store failed")),
                _ => {}
            }
        }
        let is_fenced = told.contains(&What::Fenced);
        for what in told {
            self.note(node, what);
        }
        let lost_name = is_fenced && self.nodes[node].is_last_life;
        if lost_name && !self.nodes[node].retired {
            self.close_process(node, 0);
        }
    }

    /// The harm that a control does when something has passed.
    pub(super) fn harm(&mut self, node: usize, end: u64, what: &What) {
        let What::WroteMessage { offset: Some(offset), .. } = what else { return };
        let (to, command) = match self.control {
            Some(Control::ForgedAcks) if self.random.chance(1, 2) => {
                let range = OffsetRange { from: *offset, to: *offset };
                (end, DurableCommand::Ack { settled: vec![range] })
            }
            Some(Control::ForgedNumbers) if self.random.chance(1, 2) => {
                let Some(other) = self.network.look(end, |end| end.other) else { return };
                (other, DurableCommand::Seq { offset: offset + 3, attempt: 1 })
            }
            _ => return,
        };
        let mut frame = Vec::new();
        command.encode(&mut frame);
        if self.network.forge(to, &frame) {
            self.note(node, What::Harmed);
        }
    }
}
