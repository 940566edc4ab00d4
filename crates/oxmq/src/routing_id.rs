//! Routing ids: the names that ROUTER and STREAM sockets know their peers by. Plain values.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use oxmq_engine::Msg;

/// The name of a peer on a ROUTER or STREAM socket.
///
/// Either the peer chose it (its `routing_id` option), or the socket made it up when the peer
/// connected: five bytes, the first of them zero. It is valid until the peer disconnects.
///
/// Memory cost: 64 bytes, and no allocation for the ids that sockets make up.
///
/// ```
/// use oxmq::RoutingId;
///
/// let id = RoutingId::from("worker-1");
/// assert_eq!(id, *"worker-1");
/// assert_eq!(format!("{id}"), "worker-1");
/// assert_eq!(format!("{}", RoutingId::from([0u8, 1, 2, 3, 250])), "#00010203fa");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RoutingId(Msg);

impl RoutingId {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_part(self) -> Msg {
        self.0
    }
}

impl<T: Into<Msg>> From<T> for RoutingId {
    fn from(bytes: T) -> RoutingId {
        RoutingId(bytes.into())
    }
}

impl From<&RoutingId> for RoutingId {
    fn from(id: &RoutingId) -> RoutingId {
        id.clone()
    }
}

impl Deref for RoutingId {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for RoutingId {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<[u8]> for RoutingId {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialEq<str> for RoutingId {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for RoutingId {
    /// As text where it is printable, else `#` and hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => f.pad(text),
            _ => {
                f.write_str("#")?;
                self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId({self})")
    }
}
