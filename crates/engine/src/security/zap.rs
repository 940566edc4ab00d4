//! Asking the ZAP handler of the same context (RFC 27), without blocking.
//!
//! Each question has a DEALER of its own that the context does not count: it is connected to the
//! handler's endpoint, sends one request and takes one reply. Whatever the handler does to the
//! reply wakes the I/O thread that asked, by a command in its mailbox. The thread owns the question
//! and drops it with the connection that it is about, whatever the handler does.
//!
//! A handler that has gone without a reply counts as one that does not answer: the connection is
//! refused when the time for the answer is over, and not let in because nobody is there any more.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use oxmq_message::{Message, Msg};
use oxmq_pipe::{Interest, Ticket};
use oxmq_zmtp::{SocketType, ZapFault, ZapRequest, ZapVerdict, parse_zap_reply};

use crate::context::ContextCore;
use crate::error::Error;
use crate::io::{IoCommand, IoHandle};
use crate::options::{Mechanism, SocketOptions};
use crate::socket::{SocketCore, Wait};

/// Where the handler is, by RFC 27 §The ZAP Protocol.
const ENDPOINT: &str = "inproc://zeromq.zap.01";
const NAME: &str = "zeromq.zap.01";

/// Types that a handler can have: RFC 27 has REP or ROUTER.
const HANDLER_TYPES: &[SocketType] = &[SocketType::Rep, SocketType::Router];

/// Whether a peer of this socket may come in only by somebody's word.
// RFC 27 §The ZAP Protocol: NULL asks if there is a domain. PLAIN and CURVE show credentials.
pub(crate) fn wants_zap(options: &SocketOptions) -> bool {
    let security = &options.security;
    match security.mechanism() {
        Mechanism::Null => !security.zap_domain.is_empty() || security.allow_list.is_some(),
        Mechanism::Plain | Mechanism::Curve => security.is_server(),
    }
}

/// What becomes of a peer.
pub(crate) enum Judgement {
    /// It is known.
    Known(ZapVerdict),
    /// The handler has been asked.
    Asked(Inquiry),
    /// Nobody is there to ask, and without that nobody may come in.
    Nobody,
}

/// Finds out about a peer: by the allow-list, or by asking the handler.
pub(crate) fn judge(
    context: &Arc<ContextCore>,
    options: &SocketOptions,
    request: &mut ZapRequest,
    address: &str,
    knock: Knock,
) -> Judgement {
    let security = &options.security;
    // The identity that libzmq tells is the socket's own.
    request.routing_id.clone_from(&options.routing_id);
    if let Some(list) = &security.allow_list {
        return Judgement::Known(list.judge(request));
    }
    let enforced = security.zap_enforce_domain;
    let has_domain = !security.zap_domain.is_empty();
    if has_domain || !enforced {
        let frames = request.frames(&security.zap_domain, address.as_bytes());
        let deadline = security.zap_timeout.and_then(|limit| Instant::now().checked_add(limit));
        if let Some(inquiry) = Inquiry::send(context, frames, deadline, knock) {
            return Judgement::Asked(inquiry);
        }
    }
    // As libzmq has it: a password that nobody checks lets nobody in, encryption alone does.
    let open = match security.mechanism() {
        Mechanism::Null | Mechanism::Curve => !(enforced && has_domain),
        Mechanism::Plain => false,
    };
    if open && !security.authority_required {
        Judgement::Known(ZapVerdict::granted())
    } else {
        Judgement::Nobody
    }
}

/// Which handshake of which I/O thread waits for an answer.
#[derive(Clone)]
pub(crate) struct Knock {
    pub(crate) io: IoHandle,
    pub(crate) token: u64,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.io.post(IoCommand::Judged { token: self.token });
    }
}

/// A question that the handler has not answered yet.
pub(crate) struct Inquiry {
    socket: Arc<SocketCore>,
    waker: Waker,
    ticket: Option<Ticket>,
    /// The peer is refused then.
    pub(crate) deadline: Option<Instant>,
}

impl Inquiry {
    /// Asks; `None` if nobody is bound to the handler's endpoint, or memory is short.
    fn send(
        context: &Arc<ContextCore>,
        frames: Vec<Vec<u8>>,
        deadline: Option<Instant>,
        knock: Knock,
    ) -> Option<Inquiry> {
        let socket = context.internal_socket(SocketType::Dealer).ok()?;
        let inquiry =
            Inquiry { socket, waker: Waker::from(Arc::new(knock)), ticket: None, deadline };
        if !inquiry.socket.connect_bound(ENDPOINT, NAME, HANDLER_TYPES) {
            return None;
        }
        // RFC 27 §The ZAP Protocol: a request is what a REQ socket sends, behind an empty frame.
        let mut request = Message::new();
        request.push(Msg::new());
        frames.into_iter().for_each(|frame| request.push(Msg::from(frame)));
        // A new pipe has room, so this fails only if the handler has just gone: no answer comes.
        let _ = inquiry.socket.send_message(&mut request, Wait::No);
        Some(inquiry)
    }

    /// What the handler said, if it has, or has let the time pass. If not, the thread that asked
    /// hears of it.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<ZapVerdict> {
        if let Some(ticket) = self.ticket.take() {
            let _ = self.socket.waiters.cancel(ticket);
        }
        self.ticket = Some(self.socket.waiters.register(Interest::IN, &self.waker));
        match self.socket.recv_message(Wait::No) {
            Ok(reply) => Some(read(&reply)),
            Err(Error::WouldBlock | Error::TimedOut) => self
                .deadline
                .is_some_and(|at| now >= at)
                .then_some(ZapVerdict::Faulty(ZapFault::NoReply)),
            Err(_) => Some(ZapVerdict::Faulty(ZapFault::NoReply)),
        }
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let _ = self.socket.waiters.cancel(ticket);
        }
        self.socket.close(Some(std::time::Duration::ZERO));
    }
}

fn read(reply: &Message) -> ZapVerdict {
    let frames: Vec<&[u8]> = reply.iter().map(|part| &part[..]).collect();
    match frames.split_first() {
        Some(([], frames)) => parse_zap_reply(frames),
        _ => ZapVerdict::Faulty(ZapFault::Malformed),
    }
}
