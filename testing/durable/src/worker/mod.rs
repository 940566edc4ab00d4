//! The worker processes: senders, receivers and devices that write a history while they go on until
//! they are killed. The main thread reads what the driver tells; others send and receive.
//!
//! A worker says `up` once its socket is bound or connected, `unsupported` if the socket's type
//! cannot be durable, and an error otherwise.

mod ask;
mod device;
mod receive;
mod send;

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use oxmq_engine::options::{AckMode, SyncPolicy};
use oxmq_engine::{Context, Error, Profile, Socket, SocketType};
use oxmq_testing::{Doing, Result};
use oxmq_zmtp::DurableStart;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::history::{History, Past};

/// Time after which a worker looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(20);

/// What the command line says: `key=value` in any order.
pub(crate) struct Words(HashMap<String, String>);

impl Words {
    fn read(words: &[String]) -> Words {
        let pairs = words.iter().filter_map(|word| word.split_once('='));
        Words(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or(0)
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.text(key) == value
    }
}

/// What the threads of a worker share.
pub(crate) struct Shared {
    words: Words,
    history: History,
    past: Past,
    stop: Stop,
}

/// Set once, waited for by all.
#[derive(Default)]
struct Stop {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn is_set(&self) -> bool {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn clear(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Waits for it for a while.
    fn wait(&self, time: Duration) {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits asks again.
        drop(self.changed.wait_timeout_while(set, time, |set| !*set));
    }
}

/// Carries the words out.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let words = Words::read(words);
    let ended = History::open(Path::new(words.text("history"))).and_then(|(history, past)| {
        let shared = Shared { words, history, past, stop: Stop::default() };
        let shared = Arc::new(shared);
        match shared.words.text("role") {
            "sender" => send::run(&shared),
            "receiver" => receive::run(&shared),
            "asker" => ask::asker(&shared),
            "answerer" => ask::answerer(&shared),
            "device" => device::run(&shared),
            other => Err(format!("no such role: {other:?}")),
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens a durable socket as the words say; those of a device's second socket begin with `out-`.
fn open(context: &Context, words: &Words, prefix: &str) -> Result<Socket> {
    let word = |key: &str| words.text(&format!("{prefix}{key}"));
    let kind = kind(word("type"))?;
    let socket = context.socket(kind).doing("opening a socket")?;
    let max = words.number("max");
    socket
        .configure(|options| {
            options.linger = Some(Duration::ZERO);
            options.reconnect_ivl = Some(Duration::from_millis(2));
            let durable = &mut options.durable;
            durable.store = words.text("store").to_owned();
            durable.name = word("name").as_bytes().to_vec();
            durable.start = DurableStart::Earliest;
            durable.log_messages_max = (max > 0 && kind == SocketType::Push).then_some(max);
            durable.sync_ivl = Duration::from_millis(words.number("interval"));
            durable.sync = match words.text("sync") {
                "os" => SyncPolicy::Os,
                "interval" => SyncPolicy::Interval,
                _ => SyncPolicy::Always,
            };
            if words.is("ack", "explicit") {
                durable.ack = AckMode::Explicit;
            }
            if let Ok(hwm) = words.text("hwm").parse() {
                (options.rcv_hwm, options.snd_hwm) = (hwm, hwm);
            }
            Ok(())
        })
        .doing("setting options")?;
    Ok(socket)
}

/// Binds or connects a socket; `Ok(false)` if its type cannot be durable.
fn begin(socket: &Socket, words: &Words, prefix: &str) -> Result<bool> {
    let endpoint = words.text(&format!("{prefix}endpoint"));
    let begun = match words.is(&format!("{prefix}side"), "bind") {
        true => socket.bind(endpoint).map(drop),
        false => socket.connect(endpoint),
    };
    match begun {
        Ok(()) => Ok(true),
        Err(Error::NotSupported { .. }) => Ok(false),
        Err(error) => Err(format!("errno {}: {error}", error.errno())),
    }
}

/// Says how the opening went; true if the worker goes on.
fn begun(is_built: bool) -> bool {
    println!("{}", if is_built { "up" } else { "unsupported" });
    is_built
}

fn kind(name: &str) -> Result<SocketType> {
    Ok(match name {
        "PUSH" => SocketType::Push,
        "PULL" => SocketType::Pull,
        "PUB" => SocketType::Pub,
        "SUB" => SocketType::Sub,
        "DEALER" => SocketType::Dealer,
        "ROUTER" => SocketType::Router,
        "REQ" => SocketType::Req,
        "REP" => SocketType::Rep,
        other => return Err(format!("no such type: {other:?}")),
    })
}

fn context() -> Context {
    Context::new(Profile::Safe)
}

/// Takes all descriptors away that are not in use, or gives them back.
fn limit_descriptors(to_none: bool) -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = if to_none { Some(3) } else { maximum };
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).doing("the limit of descriptors")
}

/// Lines of the driver, to the end.
fn told() -> impl Iterator<Item = String> {
    std::io::stdin().lock().lines().map_while(|line| line.ok())
}
