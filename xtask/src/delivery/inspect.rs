//! What the finished libraries export and need: the 97 functions of libzmq and our extensions, and
//! nothing else, without versions; only libraries of the system. Hides the rest in the static one.

use std::collections::BTreeSet;
use std::path::Path;

use super::TOOL_LIMIT;
use crate::process::Program;

/// The functions of libzmq, stable and draft.
pub(super) const SYMBOLS: &str = include_str!("symbols.txt");

/// Beginnings of the names of the draft functions, which Debian's build of libzmq has not got.
const DRAFT: [&str; 15] = [
    "zmq_ctx_set_ext",
    "zmq_ctx_get_ext",
    "zmq_join",
    "zmq_leave",
    "zmq_connect_peer",
    "zmq_disconnect_peer",
    "zmq_msg_set_routing_id",
    "zmq_msg_routing_id",
    "zmq_msg_set_group",
    "zmq_msg_group",
    "zmq_msg_init_buffer",
    "zmq_poller_",
    "zmq_ppoll",
    "zmq_socket_get_peer_state",
    "zmq_socket_monitor_",
];

/// Our extensions, which `oxmq.h` declares.
pub(super) const EXTENSIONS: [&str; 7] = [
    "oxmq_version",
    "oxmq_msg_ack",
    "oxmq_msg_nack",
    "oxmq_msg_reject",
    "oxmq_send_and_ack",
    "oxmq_seek",
    "oxmq_flush",
];

/// The name that programs have been linked with.
const SONAME: &str = "libzmq.so.5";

/// Libraries that every Debian system has.
const SYSTEM: [&str; 5] =
    ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux", "libpthread.so.0"];

/// True for a function of the draft interface.
pub(super) fn is_draft(symbol: &str) -> bool {
    DRAFT.iter().any(|beginning| symbol.starts_with(beginning))
}

/// Checks both libraries in a folder.
pub(super) fn libraries(folder: &Path) -> Result<(), String> {
    let shared = folder.join("libzmq.so.5");
    let mut faults = exports("the shared library", &defined(&shared, &["-D", "--defined-only"])?);
    let dynamic = output("readelf", &["-d"], &shared)?;
    faults.extend(dynamic_faults(&dynamic));
    if output("readelf", &["-V"], &shared)?.contains(".gnu.version_d") {
        faults.push("the symbols of the shared library have versions".to_owned());
    }
    let archive = folder.join("libzmq.a");
    let globals = defined(&archive, &["--defined-only", "--extern-only"])?;
    faults.extend(exports("the static library", &globals));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Makes every symbol of a static library local but the exported functions, so that it can be
/// linked into a program together with other libraries written in Rust.
pub(super) fn hide_all_but_ours(root: &Path, archive: &Path) -> Result<(), String> {
    let (file, object) = (archive.to_string_lossy(), archive.with_extension("o"));
    let one = object.to_string_lossy();
    // One object out of all, so that what the others look for is found before it is hidden.
    let mut link = vec!["-r", "--gc-sections", "-o", &one];
    for symbol in SYMBOLS.split_whitespace() {
        link.extend(["-u", symbol]);
    }
    for symbol in EXTENSIONS {
        link.extend(["-u", symbol]);
    }
    link.push(&file);
    let run =
        |name: &str, arguments: &[&str]| Program::new(root, name).args(arguments).run(TOOL_LIMIT);
    run("ld", &link)?;
    let keep = ["--wildcard", "--keep-global-symbol=zmq_*", "--keep-global-symbol=oxmq_*"];
    // The bitcode of the standard library, which an older `ar` cannot read.
    let bitcode = ["--remove-section=.llvmbc", "--remove-section=.llvmcmd"];
    let rest = ["--strip-debug", one.as_ref()];
    run("objcopy", &[keep.as_slice(), &bitcode, &rest].concat())?;
    std::fs::remove_file(archive).map_err(|error| format!("cannot replace {file}: {error}"))?;
    run("ar", &["rcs", &file, &one])?;
    std::fs::remove_file(&object).map_err(|error| format!("cannot remove {one}: {error}"))
}

/// What is exported too little and too much.
fn exports(what: &str, defined: &BTreeSet<String>) -> Vec<String> {
    let wanted = SYMBOLS.split_whitespace().chain(EXTENSIONS);
    let wanted: BTreeSet<String> = wanted.map(str::to_owned).collect();
    let missing: Vec<&str> = wanted.difference(defined).map(String::as_str).collect();
    let extra: Vec<&str> = defined.difference(&wanted).map(String::as_str).collect();
    let mut faults = Vec::new();
    if !missing.is_empty() {
        faults.push(format!("{what} lacks {}: {}", missing.len(), missing.join(" ")));
    }
    if !extra.is_empty() {
        let some: Vec<&str> = extra.iter().take(20).copied().collect();
        faults.push(format!("{what} exports {} more: {}", extra.len(), some.join(" ")));
    }
    faults
}

fn dynamic_faults(dynamic: &str) -> Vec<String> {
    let named = |tag: &str| -> Vec<String> {
        dynamic
            .lines()
            .filter(|line| line.contains(tag))
            .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()))
            .collect()
    };
    let mut faults = Vec::new();
    if named("(SONAME)") != [SONAME] {
        faults.push(format!("the shared library is called {:?}, not {SONAME}", named("(SONAME)")));
    }
    for library in named("(NEEDED)") {
        if !SYSTEM.iter().any(|system| library.starts_with(system)) {
            faults.push(format!("the shared library needs {library}"));
        }
    }
    faults
}

/// The names of a file's symbols.
fn defined(file: &Path, flags: &[&str]) -> Result<BTreeSet<String>, String> {
    let listing = output("nm", &[flags, &["--format=posix"]].concat(), file)?;
    // `name type value size`; the line of a member of an archive has one word.
    Ok(listing
        .lines()
        .filter(|line| line.split_whitespace().count() > 2)
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}

/// What a program of binutils says about a file.
pub(super) fn output(name: &str, flags: &[&str], file: &Path) -> Result<String, String> {
    let path = file.to_string_lossy();
    Program::new(Path::new("."), name).args(flags).args(&[path.as_ref()]).output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_the_functions_of_the_reference() {
        let names: BTreeSet<&str> = SYMBOLS.split_whitespace().collect();
        assert_eq!(names.len(), 97);
        assert!(names.iter().all(|name| name.starts_with("zmq_")));
        assert_eq!(names.iter().filter(|name| is_draft(name)).count(), 27);
    }

    #[test]
    fn the_header_declares_our_extensions() {
        const HEADER: &str = include_str!("../../../crates/libzmq/include/oxmq.h");
        let declared: Vec<&str> = HEADER
            .lines()
            .filter_map(|line| line.strip_prefix("ZMQ_EXPORT "))
            .filter_map(|line| line.split(" (").next()?.rsplit([' ', '*']).next())
            .collect();
        assert!(EXTENSIONS.iter().all(|name| name.starts_with("oxmq_")));
        assert_eq!(declared, EXTENSIONS);
    }

    #[test]
    fn too_little_and_too_much_are_faults() {
        let names = SYMBOLS.split_whitespace().chain(EXTENSIONS);
        let mut all: BTreeSet<String> = names.map(str::to_owned).collect();
        assert_eq!(exports("x", &all), Vec::<String>::new());
        all.insert("rust_eh_personality".to_owned());
        all.insert("oxmq_other".to_owned());
        all.remove("zmq_poll");
        all.remove("oxmq_seek");
        assert_eq!(
            exports("x", &all),
            ["x lacks 2: oxmq_seek zmq_poll", "x exports 2 more: oxmq_other rust_eh_personality"]
        );
    }

    #[test]
    fn other_names_and_needs_are_faults() {
        let dynamic = " 0x1 (NEEDED) Shared library: [libc.so.6]\n\
                       0x1 (NEEDED) Shared library: [libsodium.so.23]\n\
                       0xe (SONAME) Library soname: [libzmq.so.5]\n";
        assert_eq!(dynamic_faults(dynamic), ["the shared library needs libsodium.so.23"]);
        assert!(!dynamic_faults("").is_empty());
    }
}
