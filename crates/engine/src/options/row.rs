//! What one row of the options table says, and how rows are written down: a constructor for the
//! type and range, then one call for each thing out of the ordinary. Constants; any thread may read
//! them.

use std::fmt;

use oxmq_zmtp::SocketType;

use super::socket::SocketOptions;

/// One option of sockets.
#[derive(Clone, Copy, Debug)]
pub struct OptionRow {
    /// The number of the C API, zero for options that only the Rust API has.
    pub code: i32,
    /// The name without `ZMQ_`.
    pub name: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// The unit of the number, empty for bytes and flags.
    pub unit: &'static str,
    /// What libzmq starts with, and so the C face; `None` for what has no value at the start.
    pub libzmq: Option<i64>,
    /// What the Rust API starts with where that differs, and why.
    pub safe: Option<(i64, &'static str)>,
    /// Which sockets have it.
    pub scope: Scope,
    /// When a change takes effect.
    pub when: When,
    /// Whether it can be set, read or both.
    pub access: Access,
    /// Whether its feature exists.
    pub state: State,
    /// Its standing in libzmq.
    pub stability: Stability,
    /// What it does, in one line.
    pub doc: &'static str,
    /// Sockets that do not take it give its default back.
    pub reads_everywhere: bool,
    pub(super) field: Field,
}

/// Type and range of an option's value. Numbers are in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Four bytes, both bounds included.
    Int {
        /// The smallest value.
        min: i32,
        /// The largest value.
        max: i32,
    },
    /// Four bytes: -1 leaves it to the system, else at least 1.
    SystemOrPositive,
    /// Four bytes, 0 or 1.
    Bool,
    /// Four bytes, 0 or more; every positive number counts as 1.
    Flag,
    /// Four bytes, any; all but 0 count as 1.
    Truth,
    /// Eight bytes, signed.
    I64 {
        /// The smallest value.
        min: i64,
    },
    /// Eight bytes, unsigned, any value.
    U64,
    /// Any bytes.
    Bytes {
        /// The smallest length.
        min: usize,
        /// The largest length.
        max: usize,
    },
    /// UTF-8; of length zero to clear.
    Text {
        /// The largest length, in bytes.
        max: usize,
    },
    /// A string of any bytes.
    String {
        /// The smallest length, in bytes.
        min: usize,
        /// The largest length, in bytes.
        max: usize,
    },
    /// A key of CURVE: 32 bytes, or 40 of Z85, which a zero byte may follow.
    Key,
    /// Four bytes to add a number, none to clear the list.
    IdList,
}

/// Which sockets have an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every socket.
    All,
    /// Every socket takes it, and gives it back, as in libzmq; it means something to these.
    ActsOn(&'static [SocketType]),
    /// Only these sockets take it.
    Only(&'static [SocketType]),
}

/// When a change of an option takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once, also on what is already bound and connected.
    Now,
    /// With the next bind or connect.
    NextConnection,
}

/// What can be done with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Set and read.
    Both,
    /// Set only.
    Set,
    /// Read only.
    Get,
}

/// Whether an option's feature exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Built,
    /// It does not: the option fails. Says what is missing.
    NotBuilt(&'static str),
}

/// An option's standing in libzmq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Part of the stable API.
    Stable,
    /// Still there for old programs.
    Deprecated,
    /// Part of the draft API.
    Draft,
    /// Not an option of libzmq at all.
    OxmqOnly,
}

/// How an option's value gets into [`SocketOptions`] and out again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Int(fn(&SocketOptions) -> i32, fn(&mut SocketOptions, i32)),
    I64(fn(&SocketOptions) -> i64, fn(&mut SocketOptions, i64)),
    U64(fn(&SocketOptions) -> u64, fn(&mut SocketOptions, u64)),
    Bytes(fn(&SocketOptions) -> &[u8], fn(&mut SocketOptions, &[u8])),
    Text(fn(&SocketOptions) -> &str, fn(&mut SocketOptions, &str)),
    /// Of kind `String`.
    Octets(fn(&SocketOptions) -> &[u8], fn(&mut SocketOptions, &[u8])),
    Key(fn(&SocketOptions) -> &[u8; 32], fn(&mut SocketOptions, &[u8; 32])),
    /// Set only. Says what form was expected if the value has not got it.
    Parsed(fn(&mut SocketOptions, &[u8]) -> Result<(), &'static str>),
    /// A topic, which is handed to the caller and not kept here.
    Topic,
    /// Something to be done, which is handed to the caller and not kept here.
    Action,
    /// Not kept here: the engine knows.
    Engine,
    /// Not kept at all.
    Absent,
}

/// The largest `int`.
pub(super) const MAX: i32 = i32::MAX;

impl OptionRow {
    const fn new(code: i32, name: &'static str, kind: Kind, libzmq: Option<i64>) -> Self {
        Self {
            code,
            name,
            kind,
            unit: "",
            libzmq,
            safe: None,
            scope: Scope::All,
            when: When::NextConnection,
            access: Access::Both,
            state: State::Built,
            stability: Stability::Stable,
            doc: "",
            reads_everywhere: false,
            field: Field::Absent,
        }
    }

    pub(super) const fn int(code: i32, name: &'static str, range: (i32, i32), at: i32) -> Self {
        Self::new(code, name, Kind::Int { min: range.0, max: range.1 }, Some(at as i64))
    }

    pub(super) const fn number(code: i32, name: &'static str, kind: Kind, at: i64) -> Self {
        Self::new(code, name, kind, Some(at))
    }

    pub(super) const fn bytes(code: i32, name: &'static str, min: usize, max: usize) -> Self {
        Self::new(code, name, Kind::Bytes { min, max }, None)
    }

    pub(super) const fn text(code: i32, name: &'static str, max: usize) -> Self {
        Self::new(code, name, Kind::Text { max }, None)
    }

    pub(super) const fn string(code: i32, name: &'static str, min: usize, max: usize) -> Self {
        Self::new(code, name, Kind::String { min, max }, None)
    }

    pub(super) const fn key(code: i32, name: &'static str) -> Self {
        Self::new(code, name, Kind::Key, None)
    }

    pub(super) const fn ids(code: i32, name: &'static str) -> Self {
        Self::new(code, name, Kind::IdList, None)
    }

    pub(super) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(super) const fn safe(mut self, value: i64, reason: &'static str) -> Self {
        self.safe = Some((value, reason));
        self
    }

    pub(super) const fn acts_on(mut self, types: &'static [SocketType]) -> Self {
        self.scope = Scope::ActsOn(types);
        self
    }

    pub(super) const fn only(mut self, types: &'static [SocketType]) -> Self {
        self.scope = Scope::Only(types);
        self
    }

    pub(super) const fn reads_everywhere(mut self) -> Self {
        self.reads_everywhere = true;
        self
    }

    pub(super) const fn now(mut self) -> Self {
        self.when = When::Now;
        self
    }

    pub(super) const fn set_only(mut self) -> Self {
        self.access = Access::Set;
        self
    }

    pub(super) const fn draft(mut self) -> Self {
        self.stability = Stability::Draft;
        self
    }

    pub(super) const fn deprecated(mut self) -> Self {
        self.stability = Stability::Deprecated;
        self
    }

    pub(super) const fn oxmq_only(mut self) -> Self {
        self.stability = Stability::OxmqOnly;
        self
    }

    pub(super) const fn not_built(mut self, feature: &'static str) -> Self {
        self.state = State::NotBuilt(feature);
        self
    }

    /// Read only, and answered by the engine.
    pub(super) const fn engine(mut self) -> Self {
        self.access = Access::Get;
        self.when = When::Now;
        self.libzmq = None;
        self.field = Field::Engine;
        self
    }

    /// Set only, and carried out by the engine.
    pub(super) const fn action(mut self) -> Self {
        self.access = Access::Set;
        self.when = When::Now;
        self.libzmq = None;
        self.field = Field::Action;
        self
    }

    pub(super) const fn field(mut self, field: Field) -> Self {
        self.field = field;
        self
    }

    pub(super) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// What the Rust API starts with.
    #[must_use]
    pub fn safe_default(&self) -> Option<i64> {
        self.safe.map(|(value, _)| value).or(self.libzmq)
    }

    /// Whether sockets of this type have the option.
    #[must_use]
    pub fn belongs_to(&self, socket_type: SocketType) -> bool {
        match self.scope {
            Scope::All | Scope::ActsOn(_) => true,
            Scope::Only(types) => types.contains(&socket_type),
        }
    }
}

impl Kind {
    /// The name of the C type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Int { .. }
            | Self::SystemOrPositive
            | Self::Bool
            | Self::Flag
            | Self::Truth
            | Self::IdList => "int",
            Self::I64 { .. } => "int64",
            Self::U64 => "uint64",
            Self::Bytes { .. } => "bytes",
            Self::Text { .. } | Self::String { .. } => "text",
            Self::Key => "key",
        }
    }

    /// The range in words, short enough for a table.
    #[must_use]
    pub fn range(&self) -> String {
        match *self {
            Self::Int { min, max: MAX } => format!("{min}.."),
            Self::Int { min, max } => format!("{min}..{max}"),
            Self::SystemOrPositive => "-1, 1..".to_owned(),
            Self::Bool => "0, 1".to_owned(),
            Self::Flag => "0, 1..".to_owned(),
            Self::Truth => "0, others".to_owned(),
            Self::I64 { min } => format!("{min}.."),
            Self::U64 => "any".to_owned(),
            Self::Bytes { min: 0, max: usize::MAX } => "any length".to_owned(),
            Self::Bytes { min, max: usize::MAX } => format!("at least {min} bytes"),
            Self::Bytes { min, max } => format!("{min} to {max} bytes"),
            Self::Text { max } => format!("up to {max} bytes"),
            Self::String { min: 0, max } => format!("up to {max} bytes"),
            Self::String { min, max } => format!("{min} to {max} bytes"),
            Self::Key => "32 bytes, or 40 of Z85".to_owned(),
            Self::IdList => "4 bytes, 0 to clear".to_owned(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { .. } | Self::SystemOrPositive | Self::Bool | Self::Flag | Self::Truth => {
                write!(f, "an int (4 bytes) of {}", self.range())
            }
            Self::I64 { .. } => write!(f, "an int64 (8 bytes) of {}", self.range()),
            Self::U64 => f.write_str("a uint64 (8 bytes)"),
            Self::Bytes { .. } => write!(f, "bytes, {}", self.range()),
            Self::Text { .. } | Self::String { .. } => write!(f, "text of {}", self.range()),
            Self::Key => f.write_str("a key, 32 bytes or 40 characters of Z85"),
            Self::IdList => f.write_str("an int (4 bytes) to add, or no bytes to clear"),
        }
    }
}
