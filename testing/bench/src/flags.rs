//! The command line of a run, and what it says about contexts, sockets and placement. Plain values
//! of the main thread; an end that runs in a thread of its own borrows them.

use oxmq::{AnySocket, Context, Options, SocketType, kind};
use oxmq_testing::{Doing, Result};

/// What the tables of the receiving end have room for.
pub(crate) const SENDERS_MAX: u64 = 255;

/// Where the threads of the two ends run. Without pinning, a run on few processors has two speeds,
/// as the system happens to place the ends, and two runs cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placement {
    Anywhere,
    /// One end on the first processor, the other on the second.
    Split,
    /// Everything on the first processor.
    One,
}

/// One of the two ends of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The one that measures.
    Near,
    Far,
}

/// The flags; see the usage in main.rs.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    /// As they were given, for the other end.
    pub(crate) words: Vec<String>,
    pub(crate) transport: String,
    pub(crate) size: usize,
    pub(crate) count: u64,
    pub(crate) warmup: u64,
    pub(crate) pattern: Option<String>,
    pub(crate) senders: u64,
    pub(crate) subs: usize,
    pub(crate) raw: bool,
    pub(crate) conns: usize,
    pub(crate) serial: bool,
    pub(crate) hwm: usize,
    io_threads: usize,
    placement: Placement,
    pub(crate) futures: bool,
    libzmq_defaults: bool,
    pub(crate) peer: Option<String>,
}

impl Flags {
    /// Reads a command line.
    pub(crate) fn parse(words: &[String]) -> Result<Flags> {
        let mut flags = Flags {
            words: words.to_vec(),
            transport: "tcp".to_owned(),
            size: 64,
            count: 10_000,
            warmup: 1000,
            pattern: None,
            senders: 1,
            subs: 1,
            raw: false,
            conns: 100,
            serial: false,
            hwm: 1000,
            io_threads: 1,
            placement: Placement::Anywhere,
            futures: false,
            libzmq_defaults: false,
            peer: None,
        };
        let mut rest = words.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--async" => flags.futures = true,
                "--libzmq-defaults" => flags.libzmq_defaults = true,
                _ => {
                    let value = rest.next().ok_or_else(|| format!("{flag} needs a value"))?;
                    flags.set(flag, value).doing(format_args!("{flag} {value}"))?;
                }
            }
        }
        if !["tcp", "ipc", "inproc"].contains(&flags.transport.as_str()) {
            return Err(format!("-e {}: tcp, ipc or inproc", flags.transport));
        }
        Ok(flags)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<()> {
        match flag {
            "-e" => value.clone_into(&mut self.transport),
            "-s" => self.size = number(value)?,
            "-n" => self.count = number::<u64>(value)?.max(1),
            "-w" => self.warmup = number::<u64>(value)?.max(1),
            "-t" => self.pattern = Some(value.to_owned()),
            "-p" => self.senders = number::<u64>(value)?.clamp(1, SENDERS_MAX),
            "-S" => self.subs = number::<usize>(value)?.max(1),
            "-k" => self.raw = one_of(value, ["zmq", "raw"])? == 1,
            "-N" => self.conns = number::<usize>(value)?.max(1),
            "-M" => self.serial = one_of(value, ["bulk", "serial"])? == 1,
            "-H" => self.hwm = number(value)?,
            "-i" => self.io_threads = number(value)?,
            "-P" => {
                let places = [Placement::Anywhere, Placement::Split, Placement::One];
                self.placement = places[one_of(value, ["none", "split", "one"])?];
            }
            "--peer" => self.peer = Some(value.to_owned()),
            _ => return Err("no such flag".to_owned()),
        }
        Ok(())
    }

    /// Whether both ends are in this process.
    pub(crate) fn inproc(&self) -> bool {
        self.transport == "inproc"
    }

    /// What to bind to for this transport.
    pub(crate) fn wildcard(&self) -> &'static str {
        match self.transport.as_str() {
            "tcp" => "tcp://127.0.0.1:*",
            "ipc" => "ipc://*",
            _ => "inproc://bench",
        }
    }

    /// The patterns' socket types, the far end's first: it is the one that begins.
    pub(crate) fn types(&self, default: &str) -> Result<(SocketType, SocketType)> {
        match self.pattern.as_deref().unwrap_or(default) {
            "PUSHPULL" => Ok((SocketType::Push, SocketType::Pull)),
            "REQREP" => Ok((SocketType::Req, SocketType::Rep)),
            "PAIR" => Ok((SocketType::Pair, SocketType::Pair)),
            "DEALERROUTER" => Ok((SocketType::Dealer, SocketType::Router)),
            other => Err(format!("-t {other}: no such pattern")),
        }
    }

    /// Lets the calling thread, and those it starts from now on, run where the flags say.
    pub(crate) fn place(&self, end: End) -> Result<()> {
        match (self.placement, end) {
            (Placement::Anywhere, _) => Ok(()),
            (Placement::One, _) | (Placement::Split, End::Near) => oxmq_testing::pin_to(0),
            (Placement::Split, End::Far) => oxmq_testing::pin_to(1),
        }
    }

    /// A context as the flags ask for.
    pub(crate) fn context(&self) -> Result<Context> {
        Context::with_options(|o| o.io_threads(self.io_threads)).doing("the context")
    }

    /// A socket as the flags ask for, which delivers what it has sent before it ends.
    pub(crate) fn socket(&self, context: &Context, of: SocketType) -> Result<AnySocket> {
        AnySocket::with_options(context, of, |o| self.options(o.linger(None))).doing(of)
    }

    fn options<'a>(&self, options: &'a mut Options<kind::Any>) -> &'a mut Options<kind::Any> {
        let options = options.send_hwm(self.hwm).recv_hwm(self.hwm);
        if !self.libzmq_defaults {
            return options;
        }
        options
            .heartbeat_ivl(None)
            .ipv6(false)
            .connect_timeout(None)
            .max_msg_size(None)
            .multipart_parts_max(None)
            .multipart_bytes_max(None)
    }

    /// The beginning of the line that a run prints.
    pub(crate) fn line(&self, name: &str) -> String {
        let placement = match self.placement {
            Placement::Anywhere => "none",
            Placement::Split => "split",
            Placement::One => "one",
        };
        let calls = if self.futures { "async" } else { "blocking" };
        let defaults = if self.libzmq_defaults { "libzmq" } else { "safe" };
        format!(
            "zbench name={name} lib=oxmq-{} transport={} size={} count={} pin={placement} \
             calls={calls} defaults={defaults}",
            env!("CARGO_PKG_VERSION"),
            self.transport,
            self.size,
            self.count,
        )
    }
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| error.to_string())
}

fn one_of<const N: usize>(value: &str, choices: [&str; N]) -> Result<usize> {
    choices
        .iter()
        .position(|choice| *choice == value)
        .ok_or_else(|| format!("one of {}", choices.join(", ")))
}
