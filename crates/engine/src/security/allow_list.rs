//! A list of the public keys and users that servers let in. Shared by any number of sockets, in
//! any thread; a change counts from the next handshake on. The lock is held for a look-up only.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use oxmq_zmtp::{CurvePublicKey, Metadata, Password, ZapRequest, ZapStatus, ZapVerdict};

use crate::limits::USER_ID_BYTES_MAX;

/// The clients that servers with CURVE or PLAIN let in; everybody else is refused with status 400.
///
/// Clones are the same list. Peers that are connected already stay when they are taken off it.
/// Memory: about 100 bytes an entry.
#[derive(Clone, Default)]
pub struct AllowList {
    allowed: Arc<RwLock<Allowed>>,
}

#[derive(Default)]
struct Allowed {
    /// Public keys, with the user id of each.
    keys: HashMap<CurvePublicKey, String>,
    /// User names, with the password of each.
    users: HashMap<Vec<u8>, Password>,
}

impl AllowList {
    /// A list that lets nobody in.
    #[must_use]
    pub fn new() -> AllowList {
        AllowList::default()
    }

    /// Lets the CURVE client with this key in. Its messages carry the user id as `User-Id`, of
    /// which the first 255 bytes count. Whether the key was not on the list before.
    pub fn allow_key(&self, key: CurvePublicKey, user_id: &str) -> bool {
        let mut end = user_id.len().min(USER_ID_BYTES_MAX);
        while !user_id.is_char_boundary(end) {
            end -= 1;
        }
        self.write(|allowed| allowed.keys.insert(key, user_id[..end].to_owned()).is_none())
    }

    /// Takes a key off the list. Whether it was on it.
    pub fn revoke_key(&self, key: &CurvePublicKey) -> bool {
        self.write(|allowed| allowed.keys.remove(key).is_some())
    }

    /// Lets the PLAIN client with this user name and password in, in place of an earlier password
    /// for the name. Its messages carry the name as `User-Id`.
    pub fn allow_user(&self, name: &str, password: &str) {
        let password = Password::from(password);
        self.write(|allowed| allowed.users.insert(name.as_bytes().to_vec(), password));
    }

    /// Takes a user off the list. Whether the name was on it.
    pub fn revoke_user(&self, name: &str) -> bool {
        self.write(|allowed| allowed.users.remove(name.as_bytes()).is_some())
    }

    /// Takes everybody off the list.
    pub fn clear(&self) {
        self.write(|allowed| *allowed = Allowed::default());
    }

    /// How many keys and users are on the list.
    #[must_use]
    pub fn len(&self) -> usize {
        let allowed = self.allowed.read().unwrap_or_else(PoisonError::into_inner);
        allowed.keys.len() + allowed.users.len()
    }

    /// Whether nobody is on the list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn write<T>(&self, change: impl FnOnce(&mut Allowed) -> T) -> T {
        change(&mut self.allowed.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the list says of a client.
    pub(crate) fn judge(&self, request: &ZapRequest) -> ZapVerdict {
        let allowed = self.allowed.read().unwrap_or_else(PoisonError::into_inner);
        let credentials: Vec<&[u8]> = request.credentials.iter().map(Vec::as_slice).collect();
        let user_id = match (request.mechanism, credentials.as_slice()) {
            ("CURVE", [key]) => allowed.user_of_key(key),
            ("PLAIN", [name, password]) => allowed.user_of_password(name, password),
            // NULL shows nothing by which anybody could be known.
            _ => None,
        };
        match user_id {
            Some(user_id) => ZapVerdict::Granted { user_id, metadata: Metadata::new() },
            None => ZapVerdict::Denied(ZapStatus::Denied),
        }
    }
}

impl Allowed {
    fn user_of_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        let key = CurvePublicKey::from_bytes(key.try_into().ok()?);
        self.keys.get(&key).map(|user_id| user_id.as_bytes().to_vec())
    }

    /// A name that is not on the list costs a comparison, too.
    fn user_of_password(&self, name: &[u8], password: &[u8]) -> Option<Vec<u8>> {
        let shown = Password::from(password);
        let known = self.users.get(name);
        let equal = *known.unwrap_or(&shown) == shown;
        (equal && known.is_some()).then(|| name.to_vec())
    }
}

/// Lists are equal when they are the same list.
impl PartialEq for AllowList {
    fn eq(&self, other: &AllowList) -> bool {
        Arc::ptr_eq(&self.allowed, &other.allowed)
    }
}

impl Eq for AllowList {}

impl fmt::Debug for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowList").field("len", &self.len()).finish_non_exhaustive()
    }
}
