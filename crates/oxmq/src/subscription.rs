//! Subscription messages: what an XPUB socket receives from its subscribers and an XSUB socket
//! sends. Plain values.

use oxmq_engine::{Message, Msg};

/// A change of a subscriber's mind, as XPUB receives it and XSUB sends it.
///
/// On the wire and in a message it is one part: a byte, 1 or 0, and the topic (RFC 23 §The
/// Publish-Subscribe Pattern).
///
/// ```
/// use oxmq::{Message, Subscription};
///
/// let message = Message::from(b"\x01weather");
/// assert_eq!(Subscription::decode(&message), Some(Subscription::Subscribe("weather".into())));
/// assert_eq!(Message::from(Subscription::Cancel("weather".into())), [b"\x00weather"]);
/// // A message of the application's own:
/// assert_eq!(Subscription::decode(&Message::from("weather")), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// The subscriber wants messages that begin with this topic.
    Subscribe(Msg),
    /// It no longer does.
    Cancel(Msg),
}

impl Subscription {
    /// Reads a message; `None` if it is no subscription but a message of the application's.
    pub fn decode(message: &Message) -> Option<Subscription> {
        match &**message.first()? {
            [1, topic @ ..] => Some(Subscription::Subscribe(topic.into())),
            [0, topic @ ..] => Some(Subscription::Cancel(topic.into())),
            _ => None,
        }
    }

    /// The topic.
    pub fn topic(&self) -> &[u8] {
        match self {
            Subscription::Subscribe(topic) | Subscription::Cancel(topic) => topic,
        }
    }

    pub(crate) fn encode(subscribe: bool, topic: &[u8]) -> Message {
        let mut part = Vec::with_capacity(1 + topic.len());
        part.push(u8::from(subscribe));
        part.extend_from_slice(topic);
        Message::from(part)
    }
}

impl From<Subscription> for Message {
    fn from(subscription: Subscription) -> Message {
        let subscribe = matches!(subscription, Subscription::Subscribe(_));
        Subscription::encode(subscribe, subscription.topic())
    }
}
