//! The socket under attack and its healthy peer, which exchange a message round after round in a
//! thread of their own until stopped. What attackers send in between is thrown away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use oxmq_engine::{Context, Message, Monitor, Profile, Socket, SocketType, Wait};
use oxmq_testing::{Doing, Result};

/// The types of the sockets under attack: all that speak ZMTP with messages of several parts.
pub(crate) const KINDS: [SocketType; 11] = [
    SocketType::Req,
    SocketType::Push,
    SocketType::XSub,
    SocketType::Router,
    SocketType::Rep,
    SocketType::Dealer,
    SocketType::Pull,
    SocketType::Sub,
    SocketType::Pub,
    SocketType::XPub,
    SocketType::Pair,
];

/// How long a message that an attacker may have got instead is waited for, before it is sent again.
const AGAIN: Duration = Duration::from_millis(20);
/// Time after which a round counts as never done.
const NEVER: Duration = Duration::from_secs(30);
/// What every message of the healthy peer begins with.
const MARK: &[u8] = b"healthy";

/// A socket under attack with a healthy peer.
pub(crate) struct Healthy {
    /// Where to attack.
    pub(crate) address: String,
    /// The events of the socket under attack.
    pub(crate) monitor: Monitor,
    rounds: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

/// The two sockets.
struct Both {
    attacked: Socket,
    healthy: Socket,
}

impl Healthy {
    /// Binds a socket and joins a healthy peer to it.
    pub(crate) fn start(
        kind: SocketType,
        handshake_ivl: Duration,
        unfinished_bytes_max: u64,
    ) -> Result<Healthy> {
        let attacked = Context::new(Profile::Safe).socket(kind).doing("opening")?;
        attacked
            .configure(|options| {
                options.handshake_ivl = Some(handshake_ivl);
                options.unfinished_bytes_max = Some(unfinished_bytes_max);
                options.linger = Some(Duration::ZERO);
                // A request that an attacker has got is made again.
                options.req_relaxed = true;
                options.req_correlate = true;
                Ok(())
            })
            .doing("setting options")?;
        let monitor = attacked.monitor().doing("monitoring")?;
        if kind == SocketType::Sub {
            attacked.subscribe(b"").doing("subscribing")?;
        }
        if kind == SocketType::XSub {
            send(&attacked, Message::from(b"\x01".to_vec()))?;
        }
        let endpoint = attacked.bind("tcp://127.0.0.1:*").doing("binding")?;
        let healthy = Context::new(Profile::Safe).socket(peer_of(kind)).doing("opening")?;
        if healthy.socket_type() == SocketType::Sub {
            healthy.subscribe(MARK).doing("subscribing")?;
        }
        healthy.connect(&endpoint).doing("connecting")?;
        let subscribes = matches!(kind, SocketType::Sub | SocketType::XSub);
        let publisher = if subscribes { Some(&healthy) } else { None };
        let publisher = if peer_of(kind) == SocketType::Sub { Some(&attacked) } else { publisher };
        if let Some(publisher) = publisher {
            let wait = Wait::For(NEVER);
            let subscribed = publisher.wait_changed(wait, |peers| peers.subscribers > 0);
            subscribed.doing("waiting for the subscriber")?;
        }
        let rounds = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, ended) = (Arc::clone(&rounds), Arc::clone(&stop));
        let both = Both { attacked, healthy };
        let thread = spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let round = count.load(Ordering::Relaxed);
                both.round(round)?;
                count.store(round + 1, Ordering::Relaxed);
            }
            Ok(())
        });
        let address = endpoint.strip_prefix("tcp://").unwrap_or(&endpoint).to_owned();
        Ok(Healthy { address, monitor, rounds, stop, thread })
    }

    /// Rounds done so far.
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits until a round has begun and ended after `rounds` were done.
    pub(crate) fn wait_round_after(&self, rounds: u64) -> Result<()> {
        let deadline = Instant::now() + NEVER;
        while self.rounds() < rounds + 2 {
            if self.thread.is_finished() || Instant::now() > deadline {
                return Err("the healthy peer has come to a halt".to_owned());
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Ends the exchange; an error if it went wrong on the way.
    pub(crate) fn stop(self) -> Result<String> {
        self.stop.store(true, Ordering::Relaxed);
        let rounds = self.rounds();
        self.thread.join().map_err(|_| "the healthy peer's thread panicked")??;
        Ok(format!("{rounds} rounds"))
    }
}

impl Both {
    fn round(&self, number: u64) -> Result<()> {
        let message = [MARK, &number.to_be_bytes()].concat();
        match self.attacked.socket_type() {
            SocketType::Pub | SocketType::XPub => {
                send(&self.attacked, Message::from(message.clone()))?;
                self.throw_away();
                expect(&recv(&self.healthy)?, &message)
            }
            SocketType::Push => self.push_until_received(&message),
            SocketType::Req => self.ask_until_answered(&message),
            SocketType::Pull | SocketType::Sub | SocketType::XSub | SocketType::Dealer => {
                send(&self.healthy, Message::from(message.clone()))?;
                self.healthy_one(&message).map(drop)
            }
            _ => {
                send(&self.healthy, Message::from(message.clone()))?;
                let question = self.healthy_one(&message)?;
                send(&self.attacked, question)?;
                expect(&recv(&self.healthy)?, &message)
            }
        }
    }

    /// Attackers get their share of what a PUSH sends.
    fn push_until_received(&self, message: &[u8]) -> Result<()> {
        let deadline = Instant::now() + NEVER;
        while Instant::now() < deadline {
            send(&self.attacked, Message::from(message.to_vec()))?;
            while let Ok(received) = self.healthy.recv_message(Wait::For(AGAIN)) {
                // What was sent again in an earlier round may come as well.
                if expect(&received, message).is_ok() {
                    return Ok(());
                }
            }
        }
        Err("the healthy exchange: the PULL got nothing".to_owned())
    }

    /// Attackers get their share of the requests, too, and what they answer is thrown away.
    fn ask_until_answered(&self, message: &[u8]) -> Result<()> {
        let deadline = Instant::now() + NEVER;
        while Instant::now() < deadline {
            send(&self.attacked, Message::from(message.to_vec()))?;
            while let Ok(question) = self.healthy.recv_message(Wait::For(AGAIN)) {
                send(&self.healthy, question)?;
                if let Ok(answer) = self.attacked.recv_message(Wait::For(AGAIN))
                    && expect(&answer, message).is_ok()
                {
                    return Ok(());
                }
            }
        }
        Err("the healthy exchange: the REQ got no answer".to_owned())
    }

    /// The next message of the healthy peer at the socket under attack.
    fn healthy_one(&self, wanted: &[u8]) -> Result<Message> {
        loop {
            let message = recv(&self.attacked)?;
            let is_healthy = message.last().is_some_and(|body| body.as_slice().starts_with(MARK));
            if is_healthy {
                expect(&message, wanted)?;
                return Ok(message);
            }
            if self.attacked.socket_type() == SocketType::Rep {
                send(&self.attacked, Message::from("you are an attacker"))?;
            }
        }
    }

    /// Subscriptions and messages that reach an XPUB.
    fn throw_away(&self) {
        if self.attacked.socket_type() == SocketType::XPub {
            while self.attacked.recv_message(Wait::No).is_ok() {}
        }
    }
}

fn send(socket: &Socket, mut message: Message) -> Result<()> {
    socket.send_message(&mut message, Wait::For(NEVER)).doing("the healthy exchange: send")
}

fn recv(socket: &Socket) -> Result<Message> {
    socket.recv_message(Wait::For(NEVER)).doing("the healthy exchange: receive")
}

fn expect(message: &Message, wanted: &[u8]) -> Result<()> {
    match message.last() {
        Some(body) if body.as_slice() == wanted => Ok(()),
        _ => Err(format!("the healthy exchange: {message:?} instead of {wanted:?}")),
    }
}

/// The type of the healthy peer.
pub(crate) fn peer_of(kind: SocketType) -> SocketType {
    match kind {
        SocketType::Router => SocketType::Dealer,
        SocketType::Rep => SocketType::Req,
        SocketType::Dealer => SocketType::Dealer,
        SocketType::Pull => SocketType::Push,
        SocketType::Sub | SocketType::XSub => SocketType::Pub,
        SocketType::Push => SocketType::Pull,
        SocketType::Req => SocketType::Rep,
        SocketType::Pub | SocketType::XPub => SocketType::Sub,
        other => other,
    }
}
