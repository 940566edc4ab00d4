//! A message's place in the log of a durable sender, and the way back by which it is settled. Made
//! by the socket that delivers the message; any thread may read it and settle.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::Message;

/// What becomes of a message that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with, and does not come again.
    Ack,
    /// It comes again, not before the delay is over.
    Nack(Duration),
    /// It does not come again, and is set aside as one that cannot be dealt with.
    Reject,
}

/// Who is told what becomes of a message: the socket that delivered it.
pub trait Settle: Send + Sync {
    /// Takes note of the verdict. False if the message is not waiting for one: it was settled
    /// before, or its socket is closed.
    fn settle(&self, offset: u64, token: u64, verdict: Verdict) -> bool;
}

/// A message's place in the log of a durable sender. It is the same however often the message is
/// delivered, so that a program may skip what it has dealt with.
///
/// Found in the [`Meta`](crate::Meta) of each part of the message.
pub struct Delivery {
    /// The id of the log.
    pub log: u128,
    /// The epoch of the log in which the message was recorded.
    pub epoch: u64,
    /// The message's number in the log, from 1.
    pub offset: u64,
    /// 1 at the first delivery, and one more at each one after that which was tried.
    pub attempt: u32,
    /// Tells deliveries of one message apart.
    token: u64,
    settle: Arc<dyn Settle>,
    /// The four numbers as text, once C asked for one.
    text: OnceLock<[String; 4]>,
}

/// Names of the properties, in the order of their texts.
const NAMES: [&str; 4] = ["Oxmq-Log", "Oxmq-Epoch", "Oxmq-Offset", "Oxmq-Attempt"];

impl Delivery {
    /// The delivery of a message by a socket, which knows it by the token.
    pub fn new(
        (log, epoch, offset): (u128, u64, u64),
        attempt: u32,
        token: u64,
        settle: Arc<dyn Settle>,
    ) -> Delivery {
        Delivery { log, epoch, offset, attempt, token, settle, text: OnceLock::new() }
    }

    /// The number by which the socket that delivered the message knows this delivery.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Tells the socket what becomes of the message. Does not block. False if the message is not
    /// waiting for a verdict: it was settled before, or its socket is closed.
    pub fn settle(&self, verdict: Verdict) -> bool {
        self.settle.settle(self.offset, self.token, verdict)
    }

    /// Says that the message is dealt with: it does not come again. What [`Delivery::settle`]
    /// returns.
    pub fn ack(&self) -> bool {
        self.settle(Verdict::Ack)
    }

    /// Says that the message shall come again, not before the delay is over. What
    /// [`Delivery::settle`] returns.
    pub fn nack(&self, delay: Duration) -> bool {
        self.settle(Verdict::Nack(delay))
    }

    /// Says that the message cannot be dealt with: it does not come again and is set aside. What
    /// [`Delivery::settle`] returns.
    pub fn reject(&self) -> bool {
        self.settle(Verdict::Reject)
    }

    /// One of `Oxmq-Log` (32 hexadecimal digits), `Oxmq-Epoch`, `Oxmq-Offset` and `Oxmq-Attempt`
    /// (decimal) as text. Names compare without regard to ASCII case.
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        let index = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        let text = self.text.get_or_init(|| {
            [
                format!("{:032x}", self.log),
                self.epoch.to_string(),
                self.offset.to_string(),
                self.attempt.to_string(),
            ]
        });
        text.get(index).map(String::as_bytes)
    }

    fn key(&self) -> (u128, u64, u64, u32, u64) {
        (self.log, self.epoch, self.offset, self.attempt, self.token)
    }
}

impl Message {
    /// The message's place in a log and the way to settle it, if a durable socket has received it.
    pub fn delivery(&self) -> Option<&Delivery> {
        self.first()?.meta()?.delivery.as_deref()
    }

    /// Says that the message is dealt with: it does not come again. Does not block: the word goes
    /// to the sender in the background. False if the message waits for no verdict: it has had one,
    /// no durable socket has received it, or that socket is closed. May be said in any thread.
    pub fn ack(&self) -> bool {
        self.delivery().is_some_and(Delivery::ack)
    }

    /// Says that the message shall come again, not before the delay is over; else as
    /// [`Message::ack`].
    pub fn nack(&self, delay: Duration) -> bool {
        self.delivery().is_some_and(|delivery| delivery.nack(delay))
    }

    /// Says that the message cannot be dealt with: it does not come again and is set aside, which
    /// the monitor tells; else as [`Message::ack`].
    pub fn reject(&self) -> bool {
        self.delivery().is_some_and(Delivery::reject)
    }
}

impl PartialEq for Delivery {
    fn eq(&self, other: &Delivery) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Delivery {}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("log", &format_args!("{:032x}", self.log))
            .field("epoch", &self.epoch)
            .field("offset", &self.offset)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Mutex;

    use super::*;
    use crate::{Meta, MetaHandle, Msg};

    #[derive(Default)]
    struct Notes(Mutex<Vec<(u64, u64, Verdict)>>);

    impl Settle for Notes {
        fn settle(&self, offset: u64, token: u64, verdict: Verdict) -> bool {
            let mut notes = self.0.lock().unwrap();
            notes.push((offset, token, verdict));
            notes.len() == 1
        }
    }

    #[test]
    fn a_message_tells_its_place_and_takes_one_verdict() {
        let notes = Arc::new(Notes::default());
        let delivery = Delivery::new((0xAB, 2, 30), 4, 7, notes.clone());
        let meta = Meta { delivery: Some(Arc::new(delivery)), ..Meta::default() };
        let mut msg = Msg::from("x");
        MetaHandle::new(meta).attach(&mut msg);
        let value = |name| msg.c_property(name).map(|text| text.to_str().unwrap());
        assert_eq!(value("Oxmq-Log"), Some("000000000000000000000000000000ab"));
        assert_eq!(value("oxmq-epoch"), Some("2"));
        assert_eq!(value("Oxmq-Offset"), Some("30"));
        assert_eq!(value("Oxmq-Attempt"), Some("4"));
        assert_eq!(value("Oxmq-Other"), None);
        let delivery = msg.meta().unwrap().delivery.as_ref().unwrap();
        assert!(delivery.settle(Verdict::Ack));
        assert!(!delivery.settle(Verdict::Reject));
        let message = Message::from(msg);
        assert!(!message.ack() && !message.nack(Duration::ZERO) && !message.reject());
        let again = Verdict::Nack(Duration::ZERO);
        let all = [Verdict::Ack, Verdict::Reject, Verdict::Ack, again, Verdict::Reject];
        let noted = notes.0.lock().unwrap();
        assert_eq!(*noted, all.map(|verdict| (30, 7, verdict)));
        assert!(Message::from("x").delivery().is_none() && !Message::from("x").ack());
    }
}
