//! The simulated applications: they send numbered messages, take what comes, and judge it. Part of
//! the world.

use std::time::Duration;

use oxmq_engine::options::AckMode;
use oxmq_engine::{Error, Message, Msg, SocketType};

use super::{Body, Event, World};
use crate::history::{Judgement, Place, What};
use crate::message::MessageId;
use crate::node::Held;
use crate::plan::Kind;

/// Messages that one read of a connection may bring beyond RCVHWM: the shortest ones in 8 KiB.
const READ_MESSAGES: usize = 8192 / 15;

/// A store keeps segments whose messages are not settled, the one it writes, two that are prepared,
/// and some that are still to be removed or compacted.
const SEGMENTS_SPARE: u64 = 8;
const SEGMENT_BYTES: u64 = 16 * 1024;

/// A program that could not send waits a moment before it tries again; microseconds.
const RETRY_PAUSE: u64 = 20_000;

/// Messages that an application with explicit verdicts holds at once.
const HELD_MAX: usize = 5;

impl World {
    /// The next message of a node.
    fn next_id(&mut self, node: usize) -> MessageId {
        let own = &mut self.nodes[node];
        own.number += 1;
        MessageId { sender: node as u32, number: own.number - 1 }
    }

    fn body(&mut self, id: MessageId) -> Vec<u8> {
        let filling = self.random.below(self.plan.filling);
        id.body(filling as usize)
    }

    /// The application sends, if it has something to send.
    pub(super) fn send(&mut self, node: usize, life: u32) {
        if self.nodes[node].lives != life || self.nodes[node].life.is_dead() {
            return;
        }
        if let Body::Stock(_) = &self.nodes[node].body {
            return self.send_stock(node, life);
        }
        let Some(process) = self.process(node, life) else { return };
        if process.sending.is_some() {
            return;
        }
        let next = process.to_send.pop_front();
        let next = next.or_else(|| self.make_message(node));
        let Some((id, message)) = next else { return };
        let parts = message.parts();
        let socket_type = self.plan.nodes[node].socket_type;
        let first = parts.first().filter(|_| parts.len() > 1).map(|part| part.to_vec());
        let to = first.clone().filter(|_| socket_type == SocketType::Router);
        let topic = first.filter(|_| socket_type == SocketType::Pub);
        self.note(node, What::Send { id, to, topic });
        if socket_type == SocketType::Req {
            self.nodes[node].asked = Some((id, false));
        }
        if let Some(process) = self.process(node, life) {
            process.send(id, message);
        }
        self.poll(node, life);
    }

    /// A message that the application sends of itself.
    fn make_message(&mut self, node: usize) -> Option<(MessageId, Message)> {
        let plan = &self.plan.nodes[node];
        let is_req = plan.socket_type == SocketType::Req;
        if self.nodes[node].budget == 0 || (is_req && self.nodes[node].asked.is_some()) {
            return None;
        }
        let topics = plan.topics.clone();
        let is_pub = plan.socket_type == SocketType::Pub;
        self.nodes[node].budget -= 1;
        let id = self.next_id(node);
        let mut message = Message::new();
        if is_pub {
            let topic = self.random.below(topics.len() as u64) as usize;
            message.push(Msg::from_slice(&topics[topic]));
        }
        message.push(Msg::from_slice(&self.body(id)));
        Some((id, message))
    }

    fn send_stock(&mut self, node: usize, life: u32) {
        if self.nodes[node].budget == 0 {
            return;
        }
        self.nodes[node].budget -= 1;
        let id = self.next_id(node);
        let body = self.body(id);
        self.note(node, What::Send { id, to: None, topic: None });
        if let Body::Stock(stock) = &mut self.nodes[node].body {
            stock.outbox.push_back(body);
            stock.look_at_all();
        }
        let pause = self.plan.nodes[node].pause;
        self.plan_within(pause, Event::Send(node, life));
    }

    /// The application's calls go on.
    pub(super) fn poll(&mut self, node: usize, life: u32) {
        if self.nodes[node].lives != life || self.nodes[node].life.is_dead() {
            return;
        }
        if let Body::Stock(_) = &self.nodes[node].body {
            return self.poll_stock(node, life);
        }
        let Some(process) = self.process(node, life) else { return };
        process.planned.poll = false;
        process.looked();
        self.poll_send(node, life);
        self.poll_receive(node, life);
        self.measure(node, life);
    }

    /// I5 and I6: queues keep to their marks, and logs to their disk.
    fn measure(&mut self, node: usize, life: u32) {
        let (send_hwm, receive_hwm) = {
            let plan = &self.plan.nodes[node];
            (plan.send_hwm, plan.receive_hwm + READ_MESSAGES)
        };
        let log_max = self.plan.nodes[node].log_max;
        let Some(process) = self.process(node, life) else { return };
        let (send, receive) = process.driver.fullest();
        let mut over_disk = None;
        if let (Some(_), Some(store)) = (log_max, &process.store) {
            let live: u64 = store.logs().iter().map(|log| log.bytes).sum();
            let (bytes, bound) = (store.disk_bytes(), 4 * live + SEGMENTS_SPARE * SEGMENT_BYTES);
            over_disk = (bytes > bound).then_some(What::OverDisk { bytes, bound });
        }
        if send > send_hwm || receive > receive_hwm {
            self.note(node, What::OverMark { send, receive });
        }
        if let Some(what) = over_disk {
            self.note(node, what);
        }
    }

    fn poll_send(&mut self, node: usize, life: u32) {
        let Some(process) = self.process(node, life) else { return };
        let Some((id, done)) = process.poll_send() else { return };
        if self.nodes[node].life.is_dead() {
            return;
        }
        let is_req = self.plan.nodes[node].socket_type == SocketType::Req;
        let mut pause = self.plan.nodes[node].pause;
        match done {
            Ok(()) => {
                self.note(node, What::Sent(id));
                if is_req {
                    self.nodes[node].asked = Some((id, true));
                }
            }
            Err(error) => {
                self.note(node, What::NotSent(id, error.to_string()));
                if is_req {
                    self.nodes[node].asked = None;
                }
                if self.plan.nodes[node].socket_type == SocketType::Rep {
                    self.reply_failed(node, life, id, &error);
                    pause += RETRY_PAUSE;
                }
            }
        }
        self.plan_within(pause, Event::Send(node, life));
    }

    /// A reply that could not be recorded is sent again, until there is nothing to reply to: then
    /// the request comes again.
    fn reply_failed(&mut self, node: usize, life: u32, id: MessageId, error: &Error) {
        let Some(process) = self.process(node, life) else { return };
        let Some(reply) = process.reply.take() else { return };
        if !matches!(error, Error::State { .. }) {
            process.to_send.push_front((id, reply));
            return;
        }
        let held: Vec<Held> = process.held.drain(..).collect();
        if self.plan.nodes[node].ack == AckMode::Explicit {
            for Held { id, place, message } in held {
                self.note(node, What::Judged { id, place, judgement: Judgement::Nack });
                let _ = message.nack(Duration::ZERO);
            }
        }
    }

    /// Whether the application asks for the next message now.
    fn takes(&self, node: usize) -> bool {
        let (own, plan) = (&self.nodes[node], &self.plan.nodes[node]);
        let Body::Ours(process) = &own.body else { return false };
        if process.receiving.is_some() {
            return true;
        }
        let may = match plan.socket_type {
            SocketType::Push | SocketType::Pub => false,
            SocketType::Rep => process.sending.is_none() && process.to_send.is_empty(),
            // After a restart the reply to what was outstanding is asked for first.
            SocketType::Req => own.asked.is_some() && process.sending.is_none(),
            _ => true,
        };
        let holds_too_many = plan.ack == AckMode::Explicit && process.held.len() >= HELD_MAX;
        may && !holds_too_many && process.busy_until <= self.now
    }

    fn poll_receive(&mut self, node: usize, life: u32) {
        if !self.takes(node) {
            return;
        }
        let is_automatic = self.plan.nodes[node].ack == AckMode::Automatic;
        let is_req = self.plan.nodes[node].socket_type == SocketType::Req;
        let Some(process) = self.process(node, life) else { return };
        if process.receiving.is_none() {
            let former: Vec<Held> =
                if is_automatic { process.held.drain(..).collect() } else { Vec::new() };
            process.receive();
            for Held { id, place, .. } in former {
                self.note(node, What::Judged { id, place, judgement: Judgement::Ack });
            }
        }
        let Some(process) = self.process(node, life) else { return };
        let Some(done) = process.poll_receive() else { return };
        if self.nodes[node].life.is_dead() {
            return;
        }
        match done {
            Ok(message) => self.received(node, life, message),
            Err(error) if is_req => {
                // Nothing was outstanding: the request had not been recorded, or is done with.
                if matches!(error, Error::State { .. }) {
                    self.nodes[node].asked = None;
                    self.plan_within(1_000, Event::Send(node, life));
                }
            }
            Err(_) => {}
        }
    }

    fn received(&mut self, node: usize, life: u32, message: Message) {
        let socket_type = self.plan.nodes[node].socket_type;
        let last = message.last().map(|part| part.to_vec()).unwrap_or_default();
        let place = message.delivery().map(|delivery| Place {
            log: delivery.log,
            epoch: delivery.epoch,
            offset: delivery.offset,
        });
        let attempt = message.delivery().map_or(0, |delivery| delivery.attempt);
        let Some(id) = MessageId::of_body(&last) else {
            return self.note(node, What::Event("received what nobody sent"));
        };
        self.note(node, What::Received { id, place, attempt });
        match socket_type {
            SocketType::Router if self.random.chance(3, 4) => {
                let name = message.first().map(|part| part.to_vec()).unwrap_or_default();
                self.answer(node, life, vec![name]);
            }
            SocketType::Rep => self.answer(node, life, vec![last]),
            SocketType::Req => {
                let request = message.first().and_then(|part| MessageId::of_body(part));
                self.replied(node, request);
            }
            _ => {}
        }
        let plan = &self.plan.nodes[node];
        let (work, is_explicit) = (plan.work, plan.ack == AckMode::Explicit);
        let work = if self.is_calm { work.min(2_000) } else { work };
        let busy = self.now + self.random.below(work + 1);
        if let Some(process) = self.process(node, life) {
            process.held.push(Held { id, place, message });
            process.busy_until = busy;
        }
        self.plan_at(busy, Event::Poll(node, life));
        if is_explicit {
            self.plan_within(work, Event::Judge(node, life, id));
        }
        if socket_type == SocketType::Req {
            self.plan_within(work, Event::Send(node, life));
        }
    }

    /// Has a message sent that answers one that came, behind these parts.
    fn answer(&mut self, node: usize, life: u32, parts: Vec<Vec<u8>>) {
        let id = self.next_id(node);
        let mut message = Message::new();
        for part in parts {
            message.push(Msg::from_slice(&part));
        }
        message.push(Msg::from_slice(&self.body(id)));
        if let Some(process) = self.process(node, life) {
            process.to_send.push_back((id, message));
        }
        let pause = self.plan.nodes[node].pause;
        self.plan_within(pause, Event::Send(node, life));
    }

    /// A REQ has a reply.
    fn replied(&mut self, node: usize, request: Option<MessageId>) {
        if let Some(request) = request {
            self.note(node, What::Replied { request });
        }
        self.nodes[node].asked = None;
        let Body::Ours(process) = &self.nodes[node].body else { return };
        if self.nodes[node].budget == 0 || self.random.chance(1, 2) {
            // The last reply before a pause is dealt with now.
            let _ = process.socket.acknowledge();
        }
    }

    /// The application judges a message that it holds.
    pub(super) fn judge(&mut self, node: usize, life: u32, id: MessageId) {
        let luck = self.random.below(20);
        let is_calm = self.is_calm;
        let delay = self.random.below(20_000);
        let work = self.plan.nodes[node].work;
        let Some(process) = self.process(node, life) else { return };
        let Some(at) = process.held.iter().position(|held| held.id == id) else { return };
        let is_rep = process.socket.socket_type() == SocketType::Rep;
        if is_rep && (process.sending.is_some() || !process.to_send.is_empty()) {
            // The reply comes first: what was settled without one would have none.
            return self.plan_within(work + 1_000, Event::Judge(node, life, id));
        }
        let held = process.held.remove(at);
        let judgement = match luck {
            0 if !is_calm => Judgement::Reject,
            1..3 if !is_calm => Judgement::Nack,
            _ => Judgement::Ack,
        };
        self.note(node, What::Judged { id, place: held.place, judgement });
        let _ = match judgement {
            Judgement::Ack => held.message.ack(),
            Judgement::Nack => held.message.nack(Duration::from_micros(delay)),
            Judgement::Reject => held.message.reject(),
        };
        self.plan_within(self.plan.wake, Event::Poll(node, life));
    }

    fn poll_stock(&mut self, node: usize, life: u32) {
        let work = self.plan.nodes[node].work;
        let plan_kind = self.plan.nodes[node].kind;
        debug_assert_eq!(plan_kind, Kind::Stock);
        let Body::Stock(stock) = &mut self.nodes[node].body else { return };
        let taken = stock.take();
        let soon = if taken.is_some() { 100 } else { 5_000 };
        if let Some(id) = taken.as_deref().and_then(MessageId::of_body) {
            self.note(node, What::Received { id, place: None, attempt: 0 });
        }
        // It looks again after a while, whether something came or not.
        let pause = if self.is_calm { work.min(2_000) } else { work };
        let at = self.now + soon + self.random.below(pause + 1);
        self.plan_at(at, Event::Poll(node, life));
    }
}
