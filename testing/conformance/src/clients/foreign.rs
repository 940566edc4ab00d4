//! Exchanges between a program on our C library and peers that do not use it: PyPI's pyzmq with
//! the libzmq that it brings, pyomq, and zeromq.js. Both sides are the peer programs of
//! `testing/interop`, told what to do by lines.
//!
//! Packages lie where `cargo xtask test` puts them, or where OXMQ_PYTHON and NODE_PATH say.

use std::path::PathBuf;
use std::process::Command;

use oxmq_testing::{Child, Result, Spec};

use crate::prefix::Prefix;
use crate::tools;

/// Our type, theirs, and who binds. A REQ of pyomq's that is bound and asks before its peer has
/// come repeats the delimiter, with libzmq's REP too.
const ROLES: [(&str, &str, Binds); 8] = [
    ("PUSH", "PULL", Binds::Ours),
    ("PULL", "PUSH", Binds::Theirs),
    ("REQ", "REP", Binds::Ours),
    ("REP", "REQ", Binds::Ours),
    ("XPUB", "SUB", Binds::Ours),
    ("SUB", "XPUB", Binds::Theirs),
    ("DEALER", "ROUTER", Binds::Theirs),
    ("ROUTER", "DEALER", Binds::Ours),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Binds {
    Ours,
    Theirs,
}

/// The foreign libraries.
pub(super) const PEERS: [&str; 3] = ["pyzmq", "pyomq", "zeromq-js"];

/// Runs every role beside one of them.
///
/// # Errors
/// The first role that fails.
pub(super) fn run(prefix: &Prefix, peer: &str) -> Result<String> {
    for (number, (ours, theirs, binds)) in (1..).zip(ROLES) {
        role(prefix, peer, (ours, theirs, binds), number)
            .map_err(|error| format!("our {ours} with {theirs} of {peer}: {error}"))?;
    }
    Ok(format!("{} of {}", ROLES.len(), ROLES.len()))
}

fn role(
    prefix: &Prefix,
    peer: &str,
    (kind, other, binds): (&str, &str, Binds),
    seed: u32,
) -> Result<()> {
    let mut ours = Child::start("ours", &mut our_command(prefix))?;
    let mut theirs = Child::start(peer, &mut their_command(peer))?;
    ours.call(format_args!("open {kind}"))?;
    theirs.call(format_args!("open {other}"))?;
    let topic = "746f706963";
    for (side, kind) in [(&mut ours, kind), (&mut theirs, other)] {
        if kind == "SUB" {
            side.call(format_args!("subscribe {topic}"))?;
        }
    }
    if binds == Binds::Ours {
        let endpoint = ours.call("bind tcp://127.0.0.1:*")?;
        theirs.call(format_args!("connect {endpoint}"))?;
    } else {
        let endpoint = theirs.call("bind tcp://127.0.0.1:*")?;
        ours.call(format_args!("connect {endpoint}"))?;
    }
    let there = Spec::with_topic(seed, b"topic", &[100, 5, 70_000]);
    let back = Spec::of(seed + 100, &[1, 3000]);
    let first = matches!(kind, "PUSH" | "REQ" | "XPUB" | "DEALER");
    let (from, to) = if first { (&mut ours, &mut theirs) } else { (&mut theirs, &mut ours) };
    if kind == "XPUB" || other == "XPUB" {
        from.call(format_args!("recv 1:=01{topic}"))?;
    }
    from.call(format_args!("send {there}"))?;
    to.call(format_args!("recv {there}"))?;
    if matches!(kind, "REQ" | "REP" | "DEALER" | "ROUTER") {
        to.call(format_args!("send {back}"))?;
        from.call(format_args!("recv {back}"))?;
    }
    Ok(())
}

/// Debian's pyzmq, which the loader leads to our library.
fn our_command(prefix: &Prefix) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script("peer.py")).arg("zmq").env("LD_LIBRARY_PATH", prefix.lib());
    command
}

fn their_command(peer: &str) -> Command {
    let folder = tools::target_folder().join("interop");
    let place = |variable: &str, default: PathBuf| {
        std::env::var_os(variable).map_or(default, PathBuf::from)
    };
    if peer == "zeromq-js" {
        let mut command = Command::new("node");
        command.arg(script("peer.mjs"));
        command.env("NODE_PATH", place("NODE_PATH", folder.join("node_modules")));
        return command;
    }
    let mut command = Command::new(place("OXMQ_PYTHON", folder.join("venv/bin/python")));
    command.arg(script("peer.py")).arg(if peer == "pyzmq" { "zmq" } else { peer });
    command
}

fn script(name: &str) -> PathBuf {
    tools::workspace().join("testing/interop/peers").join(name)
}
