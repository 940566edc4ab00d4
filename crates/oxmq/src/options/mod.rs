//! The options of sockets: setters with types, each with the socket kinds that have the option.
//!
//! An [`Options`] is a value that the caller's closure fills. It collects changes; the socket
//! applies them together, or none if one was refused. Plain data, no locks.

mod common;
mod durable;
mod pattern;
mod security;
mod transport;
mod web;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use oxmq_engine::Result;
use oxmq_engine::options::{
    Kind as ValueKind, OptionError, OptionFault, Scope, SocketOptions, row_named,
};

use crate::kind::Kind;

/// One change, applied to the socket's values under its lock.
type Change = Box<dyn FnOnce(&mut SocketOptions) + Send>;

/// The options of a socket, to be set by the closure of
/// [`with_options`](crate::Socket::with_options) or [`configure`](crate::Socket::configure).
///
/// Each setter tells its unit, range and default, and what it costs. Defaults are safe: where
/// libzmq's differ, the setter says so, and `doc/options.md` has the reasons. Unless a setter says
/// that it counts at once, it counts for what is bound or connected later.
///
/// Times are [`Duration`]s of at most 24 days; where `None` may be given, it says what that means,
/// and a plain `Duration` may be given as well.
pub struct Options<K: Kind> {
    /// The socket's values with the changes so far, to check the next against.
    values: SocketOptions,
    changes: Vec<Change>,
    /// The first change that was refused.
    fault: Option<OptionError>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Options<K> {
    pub(crate) fn new(values: SocketOptions) -> Options<K> {
        Options { values, changes: Vec::new(), fault: None, kind: PhantomData }
    }

    pub(crate) fn finish(self) -> Result<Vec<Change>> {
        match self.fault {
            None => Ok(self.changes),
            Some(fault) => Err(fault.into()),
        }
    }

    /// Sets the option of this row through the engine's table, which checks it.
    fn raw(&mut self, code: i32, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        match self.values.set(code, value) {
            Ok(_) => {
                let value = value.to_vec();
                self.changes.push(Box::new(move |values| {
                    // It was accepted once, and the table does not look at other options.
                    let accepted = values.set(code, &value);
                    debug_assert!(accepted.is_ok());
                }));
            }
            Err(fault) => self.refuse(fault),
        }
        self
    }

    fn int(&mut self, code: i32, value: i32) -> &mut Self {
        self.raw(code, value.to_ne_bytes())
    }

    fn flag(&mut self, code: i32, on: bool) -> &mut Self {
        self.int(code, i32::from(on))
    }

    /// A count. What does not fit an `int` is out of every range.
    fn count(&mut self, code: i32, count: usize) -> &mut Self {
        self.int(code, i32::try_from(count).unwrap_or(i32::MIN))
    }

    /// Sets a field directly, for values that the table's numbers cannot say. `name` is the row,
    /// for the check that the socket has the option.
    fn field(
        &mut self,
        name: &'static str,
        change: impl FnOnce(&mut SocketOptions) + Send + 'static,
    ) -> &mut Self {
        let found = self.values.socket_type();
        match row_named(name).map(|row| row.scope) {
            Some(Scope::Only(types)) if !types.contains(&found) => {
                self.refuse_named(name, OptionFault::WrongSocketType { found });
            }
            _ => self.changes.push(Box::new(change)),
        }
        self
    }

    /// Sets a time, which must be one that the table's milliseconds could say.
    fn time(
        &mut self,
        name: &'static str,
        time: Option<Duration>,
        change: fn(&mut SocketOptions, Option<Duration>),
    ) -> &mut Self {
        let expected = row_named(name).map_or(MILLISECONDS, |row| row.kind);
        let max = match expected {
            ValueKind::Int { max, .. } => max,
            _ => i32::MAX,
        };
        let ms = time.map_or(0, |time| time.as_millis());
        if ms > u128::from(max.unsigned_abs()) {
            let found = i64::try_from(ms).unwrap_or(i64::MAX);
            self.refuse_named(name, OptionFault::Range { expected, found });
            return self;
        }
        self.field(name, move |values| change(values, time))
    }

    fn refuse_named(&mut self, name: &'static str, fault: OptionFault) {
        let code = row_named(name).map_or(0, |row| row.code);
        self.refuse(OptionError { code, name: Some(name), fault });
    }

    fn refuse(&mut self, fault: OptionError) {
        self.fault.get_or_insert(fault);
    }
}

impl<K: Kind> fmt::Debug for Options<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("values", &self.values).finish_non_exhaustive()
    }
}

/// What a time is as a number, if its row is not found.
const MILLISECONDS: ValueKind = ValueKind::Int { min: -1, max: i32::MAX };

/// Zero times that mean "none" in the table are none here, too.
fn positive(time: Option<Duration>) -> Option<Duration> {
    time.filter(|time| !time.is_zero())
}
