//! Subscriptions on the wire, in the command form of 3.1 and the message form of 3.0 and 2.0.
//!
//! Pure functions on the caller's buffers. A 1.0 peer has neither form: it gets no subscriptions
//! and sends none.

use crate::command::Command;
use crate::frame::{FRAME_HEADER_MAX, Framing};

/// Appends the body of a subscription message to `out`: `01` or `00`, then the topic.
///
/// This is the form of RFC 23 §The Publish-Subscribe Pattern and RFC 15 §Publish-Subscribe. The
/// frame header is the caller's; [`encode_subscription`] writes both.
pub fn subscription_message(subscribe: bool, topic: &[u8], out: &mut Vec<u8>) {
    out.reserve(1 + topic.len());
    out.push(u8::from(subscribe));
    out.extend_from_slice(topic);
}

/// Appends a whole frame that subscribes to `topic` or cancels that subscription.
///
/// `by_command` is [`Established::subscribes_by_command`](crate::Established): a SUBSCRIBE or
/// CANCEL command for a 3.1 peer, otherwise a message in `framing`.
pub fn encode_subscription(
    framing: Framing,
    by_command: bool,
    subscribe: bool,
    topic: &[u8],
    out: &mut Vec<u8>,
) {
    match (by_command, subscribe) {
        (true, true) => Command::Subscribe(topic).encode(out),
        (true, false) => Command::Cancel(topic).encode(out),
        (false, _) => {
            let mut header = [0; FRAME_HEADER_MAX];
            let body_len = 1 + topic.len() as u64;
            let header_len = framing.encode(false, false, body_len, &mut header);
            out.extend_from_slice(&header[..header_len]);
            subscription_message(subscribe, topic, out);
        }
    }
}

/// Reads the body of a subscription message: whether it subscribes, and the topic.
///
/// `None` when the body is empty or starts with another octet; an XPUB hands that to its user, a
/// PUB drops it.
pub fn parse_subscription_message(body: &[u8]) -> Option<(bool, &[u8])> {
    match body.split_first() {
        Some((1, topic)) => Some((true, topic)),
        Some((0, topic)) => Some((false, topic)),
        _ => None,
    }
}
