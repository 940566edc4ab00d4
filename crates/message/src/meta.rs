//! What is known about the connection a message came from, shared by all its messages. The
//! connection owns a [`MetaHandle`]; messages and slabs hold references that the handle prepaid.
//! Readers may be on any thread; a handle is used by one thread at a time.
//!
//! Cost: one atomic addition per `REFS_BATCH` messages at the connection, one atomic subtraction
//! at the drop of a message that carries its own reference.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use crate::delivery::Delivery;
use crate::limits::REFS_BATCH;
use crate::msg::Msg;
use crate::refs::Refs;

/// What is known about the connection a message came from.
///
/// Found through [`Msg::meta`]. It never changes once the first message carries it.
///
/// ```
/// use oxmq_message::Meta;
///
/// let meta = Meta {
///     peer_address: "192.0.2.7".into(),
///     socket_type: "DEALER".into(),
///     properties: vec![("X-Zone".into(), b"north".to_vec())],
///     ..Meta::default()
/// };
/// assert_eq!(meta.property("peer-address"), Some(&b"192.0.2.7"[..]));
/// assert_eq!(meta.property("X-ZONE"), Some(&b"north"[..]));
/// assert_eq!(meta.property("User-Id"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The peer's address as text, empty if the transport has none. Property `Peer-Address`.
    pub peer_address: String,
    /// The peer's socket type as sent in its greeting, empty if unknown. Property `Socket-Type`.
    pub socket_type: Cow<'static, str>,
    /// The routing id the peer announced, which may be empty; `None` if it announced none.
    /// Properties `Routing-Id` and `Identity`.
    pub routing_id: Option<Vec<u8>>,
    /// Who the peer is according to authentication; `None` if it was not asked.
    /// Property `User-Id`.
    pub user_id: Option<String>,
    /// Every other property, by name: what the peer announced (`X-` names, `Resource`) and what
    /// authentication added. Of several with one name the first counts.
    pub properties: Vec<(String, Vec<u8>)>,
    /// The descriptor of the connection, -1 if it has none. It may be closed, or reused, by now.
    pub source_fd: i32,
    /// The message's place in the log of a durable sender, if it came from one or to a durable
    /// socket. Properties `Oxmq-Log`, `Oxmq-Epoch`, `Oxmq-Offset` and `Oxmq-Attempt`.
    pub delivery: Option<Arc<Delivery>>,
}

impl Meta {
    /// The value of a property, or `None` if the connection does not have it.
    ///
    /// Names compare without regard to ASCII case (RFC 23 and RFC 37, §Connection Metadata).
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        let text = |text: &'_ str| -> bool { name.eq_ignore_ascii_case(text) };
        let known = if text("Peer-Address") {
            Some(self.peer_address.as_bytes()).filter(|value| !value.is_empty())
        } else if text("Socket-Type") {
            Some(self.socket_type.as_bytes()).filter(|value| !value.is_empty())
        } else if text("Routing-Id") || text("Identity") {
            self.routing_id.as_deref()
        } else if text("User-Id") {
            self.user_id.as_ref().map(String::as_bytes)
        } else {
            self.delivery.as_ref().and_then(|delivery| delivery.property(name))
        };
        known.or_else(|| {
            let mut all = self.properties.iter();
            all.find(|(key, _)| text(key)).map(|(_, value)| value.as_slice())
        })
    }
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            peer_address: String::new(),
            socket_type: Cow::Borrowed(""),
            routing_id: None,
            user_id: None,
            properties: Vec::new(),
            source_fd: -1,
            delivery: None,
        }
    }
}

/// A [`Meta`] with its count; what messages and slabs point to.
pub(crate) struct SharedMeta {
    refs: Refs,
    pub(crate) meta: Meta,
    /// Copies of values that C asked for.
    c_values: CValues,
}

impl SharedMeta {
    /// See [`Msg::c_property`].
    pub(crate) fn c_property(&self, name: &str) -> Option<&CStr> {
        let value = self.meta.property(name)?;
        Some(self.c_values.find_or_add(value))
    }
}

/// C strings of values, each made when it is first asked for. Only values of the connection get
/// here, so there are no more than those.
#[derive(Default)]
struct CValues {
    first: OnceLock<CValue>,
}

struct CValue {
    value: CString,
    next: OnceLock<Box<CValue>>,
}

impl CValues {
    fn find_or_add(&self, value: &[u8]) -> &CStr {
        let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
        let value = &value[..end];
        let make =
            || CValue { value: CString::new(value).unwrap_or_default(), next: OnceLock::new() };
        let mut at = self.first.get_or_init(make);
        while at.value.as_bytes() != value {
            at = at.next.get_or_init(|| Box::new(make()));
        }
        &at.value
    }
}

/// Takes one reference.
///
/// # Safety
/// The caller holds a reference to `meta`.
pub(crate) unsafe fn acquire(meta: NonNull<SharedMeta>) {
    // SAFETY: the caller's reference keeps the block alive.
    unsafe { meta.as_ref() }.refs.acquire(1);
}

/// Gives back `n` references and frees the block with the last.
///
/// # Safety
/// The caller holds `n` references and gives them up.
#[inline]
pub(crate) unsafe fn release(meta: NonNull<SharedMeta>, n: usize) {
    // SAFETY: the caller's references keep the block alive up to the release; if they were the
    // last, nobody else can reach the box that `MetaHandle::new` made.
    unsafe {
        if meta.as_ref().refs.release(n) {
            drop(Box::from_raw(meta.as_ptr()));
        }
    }
}

/// A connection's own handle to its [`Meta`], from which its messages get theirs.
///
/// It holds a stock of prepaid references, so that [`attach`](Self::attach) costs no atomic
/// operation. Dropping it gives the unspent ones back; the `Meta` lives on while messages have it.
///
/// ```
/// use oxmq_message::{Meta, MetaHandle, Msg};
///
/// let mut handle = MetaHandle::new(Meta { user_id: Some("ada".into()), ..Meta::default() });
/// let mut msg = Msg::from("hello");
/// handle.attach(&mut msg);
/// drop(handle);
/// assert_eq!(msg.meta().and_then(|meta| meta.user_id.as_deref()), Some("ada"));
/// ```
pub struct MetaHandle {
    shared: NonNull<SharedMeta>,
    /// References of the count that belong to this handle, at least one.
    held: usize,
}

// SAFETY: `Meta` is plain data, `Refs` is atomic, and `held` changes only through `&mut self`.
unsafe impl Send for MetaHandle {}
// SAFETY: a shared handle gives out nothing but `&Meta`, which is plain data.
unsafe impl Sync for MetaHandle {}

impl MetaHandle {
    /// Makes the handle of a connection. One allocation.
    pub fn new(meta: Meta) -> Self {
        let shared = Box::new(SharedMeta { refs: Refs::one(), meta, c_values: CValues::default() });
        Self { shared: NonNull::from(Box::leak(shared)), held: 1 }
    }

    /// Makes `msg` carry this metadata instead of what it carried. No atomic operation, except one
    /// addition in about a million calls, and one subtraction if the message had metadata before.
    #[inline]
    pub fn attach(&mut self, msg: &mut Msg) {
        let one = self.spend();
        msg.replace_meta(one);
    }

    /// Another handle to the same metadata. No atomic operation here.
    pub fn share(&mut self) -> Self {
        Self { shared: self.spend(), held: 1 }
    }

    /// Whether both handles stand for the same connection's metadata.
    pub fn is_same(&self, other: &Self) -> bool {
        self.shared == other.shared
    }

    /// The metadata itself, for comparing.
    #[inline]
    pub(crate) const fn shared(&self) -> NonNull<SharedMeta> {
        self.shared
    }

    /// Hands out one reference; whoever gets the pointer has to release it.
    #[inline]
    pub(crate) fn spend(&mut self) -> NonNull<SharedMeta> {
        if self.held == 1 {
            // SAFETY: the handle's own reference keeps the block alive.
            unsafe { self.shared.as_ref() }.refs.acquire(REFS_BATCH);
            self.held += REFS_BATCH;
        }
        self.held -= 1;
        self.shared
    }
}

impl Deref for MetaHandle {
    type Target = Meta;

    fn deref(&self) -> &Meta {
        // SAFETY: the handle's reference keeps the block alive, and nobody writes to it.
        &unsafe { self.shared.as_ref() }.meta
    }
}

impl Drop for MetaHandle {
    fn drop(&mut self) {
        // SAFETY: the handle owns `held` references and ends here.
        unsafe { release(self.shared, self.held) };
    }
}

impl fmt::Debug for MetaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetaHandle").field(&**self).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::thread;

    use super::*;

    #[test]
    fn properties_are_found_in_any_case() {
        let meta = Meta {
            peer_address: "192.0.2.1".into(),
            socket_type: "DEALER".into(),
            routing_id: Some(Vec::new()),
            user_id: Some("ada".into()),
            properties: vec![("X-A".into(), vec![1]), ("x-a".into(), vec![2])],
            ..Meta::default()
        };
        let found = [
            ("peer-ADDRESS", &b"192.0.2.1"[..]),
            ("socket-type", b"DEALER"),
            ("Routing-Id", b""),
            ("identity", b""),
            ("USER-ID", b"ada"),
            ("x-A", &[1]),
        ];
        for (name, value) in found {
            assert_eq!(meta.property(name), Some(value), "{name}");
        }
        for name in ["", "X-", "X-AB", "Peer-Addres"] {
            assert_eq!(meta.property(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_unknown_has_no_value() {
        let meta = Meta::default();
        for name in ["Peer-Address", "Socket-Type", "Routing-Id", "Identity", "User-Id"] {
            assert_eq!(meta.property(name), None, "{name}");
        }
        assert_eq!(meta.source_fd, -1);
    }

    /// References that exist beyond those of the handle.
    fn given(handle: &MetaHandle) -> usize {
        // SAFETY: the handle keeps the block alive.
        let refs = unsafe { &handle.shared.as_ref().refs };
        (0..100).find(|n| refs.is_exactly(handle.held + n)).unwrap()
    }

    #[test]
    fn every_message_gives_its_reference_back() {
        let mut handle = MetaHandle::new(Meta::default());
        let mut other = MetaHandle::new(Meta { source_fd: 5, ..Meta::default() });
        let mut msgs: Vec<Msg> = (0..10).map(|_| Msg::from("text")).collect();
        msgs.iter_mut().for_each(|msg| handle.attach(msg));
        assert_eq!(given(&handle), 10);
        let clones = msgs.clone();
        assert_eq!(given(&handle), 20);
        assert!(msgs.iter().all(|msg| msg.meta().is_some()));
        other.attach(&mut msgs[0]);
        handle.attach(&mut msgs[1]);
        assert_eq!((given(&handle), given(&other)), (19, 1));
        drop(msgs);
        assert_eq!((given(&handle), given(&other)), (10, 0));
        drop(clones);
        assert_eq!(given(&handle), 0);
    }

    #[test]
    fn shared_handles_and_messages_end_in_any_order_on_any_thread() {
        for first_to_end in 0..3 {
            let mut handle = MetaHandle::new(Meta { user_id: Some("a".into()), ..Meta::default() });
            let mut second = handle.share();
            assert!(handle.is_same(&second));
            let mut msg = Msg::new();
            second.attach(&mut msg);
            thread::scope(|scope| {
                let holders: [Box<dyn FnOnce() + Send>; 3] = [
                    Box::new(move || drop(handle)),
                    Box::new(move || assert_eq!(second.user_id.as_deref(), Some("a"))),
                    Box::new(move || assert_eq!(msg.meta().unwrap().source_fd, -1)),
                ];
                for (i, end) in holders.into_iter().enumerate() {
                    if i == first_to_end {
                        end();
                    } else {
                        scope.spawn(end);
                    }
                }
            });
        }
    }
}
