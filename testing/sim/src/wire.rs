//! What goes over each connection, as operations of the history: which messages a durable socket
//! wrote with which numbers, which commands, and what it read of settlements.
//!
//! Follows every connection from its greeting, by the rules of doc/rfc/durable.md and without the
//! code under test.

use std::collections::BTreeMap;

use crate::frames::{Item, number, ranges};
use crate::history::What;
use crate::message::MessageId;
use crate::network::Passed;

#[derive(Debug, Default)]
struct Link {
    /// What the READY of each side said: the instance of a peer that speaks the extension.
    ours: Option<u64>,
    theirs: Option<u64>,
    /// The number of the next message written; 0 before one was said.
    next: u64,
}

/// See the file's first paragraph.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    links: BTreeMap<u64, Link>,
}

impl Wire {
    /// What passed at an end, whose other end is that of a node, as an operation.
    pub(crate) fn note(&mut self, passed: Passed, other: usize) -> Option<What> {
        let Passed { end, written, item, was_durable } = passed;
        let link = self.links.entry(end).or_default();
        let negotiated = link.ours.is_some() && link.theirs.is_some();
        match (item, written) {
            (Item::Ready(instance), true) => link.ours = instance,
            (Item::Ready(instance), false) => link.theirs = instance,
            (Item::Command(name, body), true) => {
                if name == b"ZDSEQ" {
                    link.next = number(&body, 0)?;
                }
                let name = String::from_utf8_lossy(&name).into_owned();
                return Some(What::WroteCommand { end, to: other, name, negotiated });
            }
            (Item::Message(body), true) => {
                let offset = (negotiated && link.next > 0).then_some(link.next);
                link.next += u64::from(offset.is_some());
                let id = MessageId::of_body(&body)?;
                let durable = was_durable;
                return Some(What::WroteMessage { end, to: other, id, offset, durable });
            }
            (Item::Command(name, body), false) if name == b"ZDACK" => {
                let ranges = ranges(&body, 0);
                return Some(What::ReadSettled {
                    end,
                    from: other,
                    opening: false,
                    below: 0,
                    ranges,
                });
            }
            (Item::Command(name, body), false) if name == b"ZDOPEN" => {
                let (epoch, below) = (number(&body, 0)?, number(&body, 8)?);
                let ranges = ranges(&body, 17);
                let below = if epoch == 0 { 0 } else { below };
                return Some(What::ReadSettled { end, from: other, opening: true, below, ranges });
            }
            _ => {}
        }
        None
    }
}
