//! The rules about what may be called where: one table of banned paths, macros and methods, each
//! with what to write instead, and the folders that may hold `unsafe`.
//!
//! Pure functions from a source to findings. A path is also found inside the braces of a `use`.

use super::Finding;
use super::source::{Source, words};

/// How a banned thing looks in the code.
enum Call {
    /// `a::b`, or `a::{.., b, ..}`.
    Path(&'static str, &'static str),
    /// `a!`.
    Macro(&'static str),
    /// `.a()` without arguments.
    Method(&'static str),
}

/// Which files a ban covers.
#[derive(Clone, Copy)]
enum Where {
    /// Every file.
    Everywhere,
    /// Every file that is not a test.
    OutsideTests,
    /// The crates that other programs link, outside their tests and examples.
    Libraries,
    /// The crates whose folders are named, outside their tests.
    Crates(&'static [&'static str]),
}

struct Ban {
    call: Call,
    covers: Where,
    instead: &'static str,
}

/// The layers that know neither sockets nor clocks nor threads.
const PURE: &[&str] = &["zmtp", "message"];

/// The bans, one row each.
const BANS: [Ban; 19] = [
    ban(Call::Path("thread", "sleep"), Where::Everywhere, "wait for the event with a time limit"),
    ban(Call::Path("sync", "mpsc"), Where::OutsideTests, "use a pipe of oxmq-pipe"),
    ban(Call::Path("process", "exit"), Where::Libraries, "return an error"),
    ban(Call::Path("process", "abort"), Where::Libraries, "return an error"),
    ban(Call::Method("unwrap"), Where::OutsideTests, "return the error, or `let .. else`"),
    ban(Call::Macro("dbg"), Where::Everywhere, "a monitor event, or nothing"),
    ban(Call::Macro("todo"), Where::Everywhere, "the code itself, or an error value"),
    ban(Call::Macro("unimplemented"), Where::Everywhere, "the code itself, or an error value"),
    ban(Call::Macro("print"), Where::Libraries, "a monitor event or a returned value"),
    ban(Call::Macro("println"), Where::Libraries, "a monitor event or a returned value"),
    ban(Call::Macro("eprint"), Where::Libraries, "a monitor event or a returned error"),
    ban(Call::Macro("eprintln"), Where::Libraries, "a monitor event or a returned error"),
    ban(Call::Path("std", "net"), Where::Crates(PURE), "core::net; only engine has sockets"),
    ban(Call::Path("std", "thread"), Where::Crates(PURE), "an argument; engine owns the threads"),
    ban(Call::Path("Instant", "now"), Where::Crates(PURE), "take the time as an argument"),
    ban(Call::Path("SystemTime", "now"), Where::Crates(PURE), "take the time as an argument"),
    ban(Call::Path("std", "net"), Where::Crates(&["pipe"]), "nothing: a pipe joins two threads"),
    ban(Call::Path("mem", "transmute"), Where::Everywhere, "a cast or `from_ne_bytes`"),
    ban(Call::Path("std", "fs"), Where::Crates(PURE), "an argument; engine opens files"),
];

/// Files that may use a banned path all the same: the path of the file, the last word of the call,
/// and the reason.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "crates/message/src/refs.rs",
    "abort",
    "a wrapped reference count would free memory in use; no input reaches it before memory ends",
)];

/// Beginnings of the paths that may hold `unsafe`, each with the reason.
const UNSAFE_PLACES: [(&str, &str); 6] = [
    ("crates/message/", "one payload layout shared with C, and buffers sliced without a copy"),
    ("crates/pipe/", "cells that two threads hand to each other without a lock"),
    ("crates/engine/src/sys", "system calls that no safe wrapper has"),
    ("crates/engine/tests/budget.rs", "an allocator that counts"),
    ("testing/connections/src/heap.rs", "an allocator that counts"),
    ("crates/libzmq/", "the C interface"),
];

const fn ban(call: Call, covers: Where, instead: &'static str) -> Ban {
    Ban { call, covers, instead }
}

/// Runs the table and the `unsafe` rule over one source.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    for ban in &BANS {
        if !covers_file(ban.covers, &source.path) {
            continue;
        }
        for at in places(&ban.call, &source.code) {
            let line = source.line_of(at);
            let in_test = source.is_test_line(line) && !matches!(ban.covers, Where::Everywhere);
            if !in_test && !is_exception(&source.path, &ban.call) {
                let message = format!("{}: write instead: {}", name(&ban.call), ban.instead);
                findings.push(Finding::new(&source.path, line, message));
            }
        }
    }
    if !UNSAFE_PLACES.iter().any(|(place, _)| source.path.starts_with(place)) {
        let places = UNSAFE_PLACES.map(|(place, _)| place).join(", ");
        for at in words(&source.code, "unsafe") {
            let message = format!("`unsafe` lives only in {places}: move it there, or do without");
            findings.push(Finding::new(&source.path, source.line_of(at), message));
        }
    }
}

fn covers_file(covers: Where, path: &str) -> bool {
    let is_in = |name: &str| {
        path.strip_prefix("crates/")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with("/src/"))
    };
    match covers {
        Where::Everywhere | Where::OutsideTests => true,
        Where::Libraries => {
            path.starts_with("crates/")
                && path.contains("/src/")
                && !path.starts_with("crates/cli/")
        }
        Where::Crates(names) => names.iter().any(|name| is_in(name)),
    }
}

fn is_exception(path: &str, call: &Call) -> bool {
    let last = match call {
        Call::Path(_, last) | Call::Macro(last) | Call::Method(last) => *last,
    };
    EXCEPTIONS.iter().any(|(file, word, _)| *file == path && *word == last)
}

fn name(call: &Call) -> String {
    match call {
        Call::Path(a, b) => format!("`{a}::{b}`"),
        Call::Macro(a) => format!("`{a}!`"),
        Call::Method(a) => format!("`.{a}()`"),
    }
}

/// Offsets at which `call` stands in `code`.
fn places(call: &Call, code: &str) -> Vec<usize> {
    let after = |at: usize, word: &str| code.get(at + word.len()..).unwrap_or("").trim_start();
    match call {
        Call::Path(first, last) => {
            words(code, first).filter(|at| leads_to(after(*at, first), last)).collect()
        }
        Call::Macro(word) => words(code, word)
            .filter(|at| {
                let rest = after(*at, word);
                rest.starts_with('!') && !rest.starts_with("!=")
            })
            .collect(),
        Call::Method(word) => words(code, word)
            .filter(|at| {
                let before = code.get(..*at).unwrap_or("").trim_end();
                before.ends_with('.') && after(*at, word).starts_with("()")
            })
            .collect(),
    }
}

/// True when `rest` is `::last` or `::{ .. last .. }`.
fn leads_to(rest: &str, last: &str) -> bool {
    let Some(rest) = rest.strip_prefix("::") else { return false };
    let rest = rest.trim_start();
    if let Some(list) = rest.strip_prefix('{') {
        let list = list.split('}').next().unwrap_or("");
        return words(list, last).next().is_some();
    }
    words(rest, last).next() == Some(0)
}

#[cfg(test)]
mod tests {
    use super::super::{messages, source};
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&source(path, text), &mut findings);
        messages(&findings)
    }

    fn fires(path: &str, text: &str) -> bool {
        !findings(path, text).is_empty()
    }

    const LIB: &str = "crates/engine/src/lib.rs";

    #[test]
    fn a_pause_is_found_in_every_spelling_and_in_tests() {
        let found = findings(LIB, "\nfn a() { std::thread::sleep(b); }");
        assert!(found[0].contains("lib.rs:2: `thread::sleep`: write instead: wait"), "{found:?}");
        assert!(fires(LIB, "use std::thread::{spawn, sleep};"));
        assert!(fires("crates/engine/tests/a.rs", "fn a() { thread :: sleep(b); }"));
        assert!(!fires(LIB, "// thread::sleep\nconst A: &str = \"thread::sleep\";"));
        assert!(!fires(LIB, "fn a() { thread::sleepy(); thread::spawn(b); }"));
    }

    #[test]
    fn queues_of_others_are_found_outside_tests() {
        assert!(fires(LIB, "use std::sync::mpsc;"));
        assert!(fires(LIB, "use std::sync::{Arc, mpsc::channel};"));
        assert!(!fires(LIB, "#[cfg(test)]\nmod tests {\n    use std::sync::mpsc;\n}"));
    }

    #[test]
    fn libraries_neither_print_nor_end_the_process() {
        for text in
            ["println!(\"a\");", "eprint!(\"a\");", "std::process::exit(1);", "process::abort();"]
        {
            assert!(fires(LIB, text), "{text}");
            assert!(!fires("crates/cli/src/main.rs", text), "{text}");
            assert!(!fires("crates/oxmq/examples/a.rs", text), "{text}");
        }
        assert!(!fires(LIB, "fn println() { if println != 3 {} }"));
    }

    #[test]
    fn unwrapping_is_for_tests() {
        assert!(fires(LIB, "fn a() { b\n    .unwrap(); }"));
        assert!(fires("crates/oxmq/examples/a.rs", "fn a() { b.unwrap(); }"));
        assert!(!fires("crates/oxmq/tests/a.rs", "fn a() { b.unwrap(); }"));
        assert!(!fires(LIB, "fn a() { b.unwrap_or(c); unwrap(); }"));
        assert!(!fires(LIB, "#[test]\nfn a() {\n    b.unwrap();\n}"));
    }

    #[test]
    fn gaps_in_the_code_are_found_even_in_tests() {
        for text in ["todo!()", "unimplemented!(\"a\")", "dbg!(a)"] {
            assert!(fires("crates/oxmq/tests/a.rs", text), "{text}");
        }
        assert!(!fires(LIB, "fn todo() {} fn a() { todo(); }"));
    }

    #[test]
    fn the_pure_layers_know_no_clock_and_no_network() {
        for text in ["use std::net::IpAddr;", "Instant::now()", "use std::{fmt, thread};"] {
            assert!(fires("crates/zmtp/src/lib.rs", text), "{text}");
            assert!(!fires("crates/engine/src/a.rs", text), "{text}");
        }
        assert!(!fires("crates/zmtp/src/lib.rs", "use std::time::Duration;"));
        assert!(!fires("crates/zmtp/tests/a.rs", "use std::net::IpAddr;"));
    }

    #[test]
    fn unsafe_has_its_places() {
        let text = "fn a() { unsafe { b() } }";
        assert!(findings("crates/oxmq/src/lib.rs", text)[0].contains("`unsafe` lives only in"));
        assert!(fires("crates/engine/src/socket.rs", text));
        for path in
            ["crates/message/src/a.rs", "crates/pipe/src/a.rs", "crates/engine/src/sys/a.rs"]
        {
            assert!(!fires(path, text), "{path}");
        }
        assert!(!fires("crates/oxmq/src/lib.rs", "#![forbid(unsafe_code)] // unsafe"));
    }
}
