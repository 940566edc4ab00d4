//! `zmq.h` against the header of a libzmq that is installed: every macro both have has the same
//! value, every structure the same layout, and each header's programs compile with the other.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Where another libzmq's header is, if there is one.
fn theirs() -> Option<PathBuf> {
    let header = Path::new("/usr/include/zmq.h");
    header.exists().then(|| header.parent().unwrap().to_owned())
}

/// The macros that a header defines, with what they stand for.
fn macros(include: &Path, draft: bool) -> BTreeMap<String, String> {
    let mut cc = Command::new("cc");
    cc.args(["-E", "-dM", "-x", "c"]).arg(include.join("zmq.h"));
    if draft {
        cc.arg("-DZMQ_BUILD_DRAFT_API");
    }
    let output = cc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let defined = text.lines().filter_map(|line| line.strip_prefix("#define "));
    let pairs = defined.map(|line| line.split_once(' ').unwrap_or((line, "")));
    let names = ["EFSM", "ENOCOMPATPROTO", "ETERM", "EMTHREAD"];
    pairs
        .filter(|(name, _)| name.starts_with("ZMQ_") || names.contains(name))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// Compiles and runs a C program with a header; what it prints.
fn run(include: &Path, name: &str, program: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&source, program).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-Wall", "-Werror", "-DZMQ_BUILD_DRAFT_API", "-I"]).arg(include);
    let built = cc.arg(&source).arg("-o").arg(&binary).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(binary).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// A program that prints the values of macros that are numbers or text.
fn printer(names: &[&String]) -> String {
    let lines: String = names
        .iter()
        .map(|name| {
            format!(
                "  printf(_Generic(({name}), char *: \"{name} %s\\n\", \
                 default: \"{name} %lld\\n\"), \
                 _Generic(({name}), char *: ({name}), default: (long long) ({name})));\n"
            )
        })
        .collect();
    format!("#include <stdio.h>\n#include <zmq.h>\nint main(void) {{\n{lines}  return 0;\n}}\n")
}

/// What this version has and an older one has not, or has otherwise.
const NEWER: [&str; 2] = ["ZMQ_VERSION_PATCH", "ZMQ_RECONNECT_STOP_AFTER_DISCONNECT"];

#[test]
fn every_macro_has_the_value_that_libzmq_gives_it() {
    let Some(theirs) = theirs() else { return };
    for draft in [false, true] {
        let (a, b) = (macros(&ours(), draft), macros(&theirs, draft));
        let missing: Vec<_> = b.keys().filter(|name| !a.contains_key(*name)).collect();
        assert_eq!(missing, Vec::<&String>::new(), "draft: {draft}");
        let plain = |name: &String| !name.contains('(') && !NEWER.contains(&name.as_str());
        let valued: Vec<_> = b
            .iter()
            .filter(|(name, value)| plain(name) && !value.is_empty() && *name != "ZMQ_EXPORT")
            .map(|(name, _)| name)
            // It follows the patch number.
            .filter(|name| *name != "ZMQ_VERSION")
            .collect();
        assert!(valued.len() > 150);
        if draft {
            let program = printer(&valued).replace("printf(_Generic", "(void) printf(_Generic");
            let program = program.replace(
                "#include <stdio.h>",
                "#include <stdio.h>\n#pragma GCC diagnostic ignored \"-Wformat\"\n\
                 #pragma GCC diagnostic ignored \"-Wformat-security\"",
            );
            assert_eq!(run(&ours(), "values-a", &program), run(&theirs, "values-b", &program));
        }
    }
    assert!(macros(&ours(), false).keys().all(|name| !name.contains("NORM_MODE")));
}

#[test]
fn every_structure_has_the_layout_that_libzmq_gives_it() {
    const PROGRAM: &str = r#"
#include <stddef.h>
#include <stdio.h>
#include <zmq.h>
#define SHOW(type) printf(#type " %zu %zu\n", sizeof (type), _Alignof (type))
#define AT(type, field) printf(#type "." #field " %zu\n", offsetof (type, field))
int main(void) {
  SHOW(zmq_msg_t);
  SHOW(zmq_fd_t);
  SHOW(zmq_pollitem_t);
  AT(zmq_pollitem_t, socket); AT(zmq_pollitem_t, fd);
  AT(zmq_pollitem_t, events); AT(zmq_pollitem_t, revents);
  SHOW(zmq_poller_event_t);
  AT(zmq_poller_event_t, socket); AT(zmq_poller_event_t, fd);
  AT(zmq_poller_event_t, user_data); AT(zmq_poller_event_t, events);
  return 0;
}
"#;
    let found = run(&ours(), "layouts-a", PROGRAM);
    assert!(found.starts_with("zmq_msg_t 64 8\n"), "{found}");
    assert!(found.contains("zmq_pollitem_t 16 8\n") && found.contains("zmq_poller_event_t 32 8\n"));
    if let Some(theirs) = theirs() {
        assert_eq!(found, run(&theirs, "layouts-b", PROGRAM));
    }
}

/// The header is C of 1999 and C++ of 1998, alone and behind its extension.
#[test]
fn the_header_compiles_everywhere() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (compiler, standard) in [("cc", "-std=c99"), ("cc", "-std=c11"), ("c++", "-std=c++98")] {
        for header in ["zmq.h", "oxmq.h", "zmq_utils.h"] {
            for draft in [&["-DZMQ_BUILD_DRAFT_API"][..], &[]] {
                let source = folder.join("header-alone.c");
                std::fs::write(&source, format!("#include <{header}>\nint nothing;\n")).unwrap();
                let mut cc = Command::new(compiler);
                cc.args([standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x"]);
                cc.arg(if compiler == "cc" { "c" } else { "c++" }).args(draft);
                let output = cc.arg("-I").arg(ours()).arg(&source).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{compiler} {standard} {header}: {said}");
            }
        }
    }
}
