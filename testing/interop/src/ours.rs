//! Our side of a cell: one context and one socket, with time limits that are watchdogs, and the
//! messages that both sides know. Owned by the cell.

use std::time::Duration;

use oxmq_engine::{Context, Message, Msg, Profile, Socket, SocketType, Wait};
use oxmq_testing::{Doing, Result, Spec};

/// Time after which something counts as never coming.
const NEVER: Wait = Wait::For(Duration::from_secs(20));

/// A socket of ours and its context.
pub(crate) struct Ours {
    pub(crate) socket: Socket,
    /// The routing id that came with the last message of a ROUTER.
    routing_id: Option<Msg>,
}

impl Ours {
    /// A socket of the type with this name, in a context of its own.
    pub(crate) fn open(kind: &str) -> Result<Ours> {
        let kind = SocketType::from_name(kind.as_bytes()).ok_or("no such socket type")?;
        let socket = Context::new(Profile::Safe).socket(kind).doing("opening our socket")?;
        let short = Duration::from_millis(20);
        socket
            .configure(|options| {
                options.reconnect_ivl = Some(short);
                options.linger = Some(Duration::ZERO);
                Ok(())
            })
            .doing("setting our options")?;
        Ok(Ours { socket, routing_id: None })
    }

    pub(crate) fn bind(&self, endpoint: &str) -> Result<String> {
        self.socket.bind(endpoint).doing("our bind")
    }

    pub(crate) fn connect(&self, endpoint: &str) -> Result<()> {
        self.socket.connect(endpoint).doing("our connect")
    }

    pub(crate) fn subscribe(&self, topic: &[u8]) -> Result<()> {
        self.socket.subscribe(topic).doing("our subscribe")
    }

    /// Sends; a ROUTER to whom it has last received from.
    pub(crate) fn send(&mut self, spec: &Spec) -> Result<()> {
        let mut message = spec.message();
        if let Some(id) = &self.routing_id {
            message.push_front(id.clone());
        }
        self.socket.send_message(&mut message, NEVER).doing(format_args!("our send of {spec}"))
    }

    /// Receives and checks.
    pub(crate) fn recv(&mut self, spec: &Spec) -> Result<()> {
        let message = self.recv_any(spec)?;
        spec.check(&message).doing("we received")
    }

    /// Receives whatever comes; `wanted` is for the report.
    pub(crate) fn recv_any(&mut self, wanted: &Spec) -> Result<Message> {
        let message = self.socket.recv_message(NEVER);
        let mut message = message.doing(format_args!("our receive of {wanted}"))?;
        if self.socket.socket_type() == SocketType::Router {
            self.routing_id = message.pop_front();
        }
        Ok(message)
    }

    /// Receives what comes soon, if anything does.
    pub(crate) fn recv_soon(&self) -> Option<Message> {
        self.socket.recv_message(Wait::For(Duration::from_millis(20))).ok()
    }

    /// Sends so many messages, whose seeds count up.
    pub(crate) fn give(&mut self, count: u32, spec: &Spec) -> Result<()> {
        (0..count).try_for_each(|plus| self.send(&spec.reseeded(spec.seed() + plus)))
    }

    /// Receives so many.
    pub(crate) fn take(&mut self, count: u32, spec: &Spec) -> Result<()> {
        (0..count).try_for_each(|plus| self.recv(&spec.reseeded(spec.seed() + plus)))
    }

    /// Waits until exactly so many peers are connected.
    pub(crate) fn wait_connected(&self, count: usize) -> Result<()> {
        self.socket
            .wait_changed(NEVER, |peers| peers.connected == count)
            .doing(format_args!("waiting for {count} connected peers"))
    }

    /// Whether a peer has subscribed, or does so soon.
    pub(crate) fn subscribed_soon(&self) -> bool {
        let soon = Wait::For(Duration::from_millis(20));
        self.socket.wait_changed(soon, |peers| peers.subscribers == 1).is_ok()
    }

    /// Waits until exactly so many peers have subscribed.
    pub(crate) fn wait_subscribers(&self, count: usize) -> Result<()> {
        self.socket
            .wait_changed(NEVER, |peers| peers.subscribers == count)
            .doing(format_args!("waiting for {count} subscribers"))
    }
}
