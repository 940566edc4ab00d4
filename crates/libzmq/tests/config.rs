//! Programs on the shared library. With OXMQ_CONFIG: as the guide prints them, in C and in Python,
//! which know nothing of durability and lose nothing when they are killed; and files that are
//! refused. And one in Python that calls the functions of `oxmq.h` as any language can.
//!
//! Python is the system's, whose pyzmq (Debian's python3-zmq) looks for libzmq.so.5. Where it is
//! not installed the tests that need it say so and are left out, but never in CI.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Sends numbers from its second argument on, and prints each once it is sent.
const VENTILATOR_PY: &str = r#"
import sys, zmq
context = zmq.Context()
sender = context.socket(zmq.PUSH)
sender.bind(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    sender.send_string(str(number))
    print(number, flush=True)
sys.stdin.read()
"#;

/// Prints what it receives.
const WORKER_PY: &str = r#"
import sys, zmq
context = zmq.Context()
receiver = context.socket(zmq.PULL)
receiver.connect(sys.argv[1])
while True:
    print(receiver.recv_string(), flush=True)
"#;

const VENTILATOR_C: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
int main(int argc, char **argv) {
  void *context = zmq_ctx_new(), *sender = zmq_socket(context, ZMQ_PUSH);
  if (argc < 4 || zmq_bind(sender, argv[1]) != 0) return 1;
  for (int number = atoi(argv[2]); number < atoi(argv[3]); number++) {
    char text[16];
    sprintf(text, "%d", number);
    if (zmq_send(sender, text, strlen(text), 0) < 0) return 2;
    puts(text);
    fflush(stdout);
  }
  while (getchar() != EOF) {}
  return 0;
}
"#;

const WORKER_C: &str = r#"
#include <stdio.h>
#include <zmq.h>
int main(int argc, char **argv) {
  void *context = zmq_ctx_new(), *receiver = zmq_socket(context, ZMQ_PULL);
  if (argc < 2 || zmq_connect(receiver, argv[1]) != 0) return 1;
  for (;;) {
    char text[17];
    int size = zmq_recv(receiver, text, 16, 0);
    if (size < 0) return 2;
    text[size] = 0;
    puts(text);
    fflush(stdout);
  }
}
"#;

/// Makes a context, and tells how that went.
const CONTEXT_C: &str = r#"
#include <stdio.h>
#include <zmq.h>
int main(void) {
  for (int round = 0; round < 2; round++) {
    void *context = zmq_ctx_new();
    printf("%d %d\n", context != NULL, context ? 0 : zmq_errno());
    if (context) zmq_ctx_term(context);
  }
  return 0;
}
"#;

/// What `oxmq.h` has, through ctypes: two durable sockets, a verdict of each kind, seek and flush.
const CTYPES_PY: &str = r#"
import ctypes, os, sys
zmq = ctypes.CDLL("libzmq.so.5", use_errno=True)
for name in ("zmq_ctx_new", "zmq_socket"):
    getattr(zmq, name).restype = ctypes.c_void_p
zmq.zmq_msg_gets.restype = ctypes.c_char_p
zmq.zmq_msg_data.restype = ctypes.c_void_p
zmq.zmq_msg_size.restype = ctypes.c_size_t
def ok(rc):
    assert rc >= 0, os.strerror(zmq.zmq_errno())
    return rc
def text(socket, option, value):
    ok(zmq.zmq_setsockopt(socket, option, value, ctypes.c_size_t(len(value))))
def number(socket, option, value):
    ok(zmq.zmq_setsockopt(socket, option, ctypes.byref(ctypes.c_int(value)), ctypes.c_size_t(4)))
OXMQ_STORE, OXMQ_DURABLE, OXMQ_ACK_MODE, OXMQ_ACK = 10001, 10002, 10004, 10005
context = ctypes.c_void_p(zmq.zmq_ctx_new())
push, pull = (ctypes.c_void_p(zmq.zmq_socket(context, kind)) for kind in (8, 7))
for socket, name in ((push, b"out"), (pull, b"in")):
    text(socket, OXMQ_STORE, os.path.join(os.fsencode(sys.argv[1]), name))
    text(socket, OXMQ_DURABLE, name)
number(pull, OXMQ_ACK_MODE, 1)
ok(zmq.zmq_bind(pull, b"inproc://ctypes"))
ok(zmq.zmq_connect(push, b"inproc://ctypes"))
for job in (b"ack", b"nack", b"reject"):
    ok(zmq.zmq_send(push, job, ctypes.c_size_t(len(job)), 0))
def receive():
    msg = ctypes.create_string_buffer(64)
    ok(zmq.zmq_msg_init(msg))
    ok(zmq.zmq_msg_recv(msg, pull, 0))
    body = ctypes.string_at(zmq.zmq_msg_data(msg), zmq.zmq_msg_size(msg)).decode()
    names = (b"Oxmq-Offset", b"Oxmq-Attempt")
    print(body, *(zmq.zmq_msg_gets(msg, name).decode() for name in names))
    return msg
jobs = [receive() for _ in range(3)]
ok(zmq.oxmq_msg_ack(jobs[0]))
ok(zmq.oxmq_msg_nack(jobs[1], 1))
ok(zmq.oxmq_msg_reject(jobs[2]))
receive()
number(pull, OXMQ_ACK, 1)
ok(zmq.oxmq_flush(push, -1))
assert zmq.oxmq_seek(push, ctypes.c_int64(-1)) == -1
ok(zmq.oxmq_seek(pull, ctypes.c_int64(-1)))
assert zmq.oxmq_flush(None, 0) == -1 and zmq.oxmq_msg_ack(None) == -1
for socket in (push, pull):
    ok(zmq.zmq_close(socket))
ok(zmq.zmq_ctx_term(context))
print("done")
"#;

/// Numbers that are sent.
const COUNT: u32 = 400;

/// The system's Python.
const PYTHON: &str = "/usr/bin/python3";

/// Whether Python has a module.
fn python_has(module: &str) -> bool {
    let asked = Command::new(PYTHON).arg("-c").arg(format!("import {module}")).output();
    let has = asked.is_ok_and(|output| output.status.success());
    if !has {
        assert!(std::env::var_os("CI").is_none(), "{PYTHON} has no {module}");
        eprintln!("left out: {PYTHON} has no {module}");
    }
    has
}

/// A directory of the test's own, with the library under the name that programs look for.
struct Stage {
    folder: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Stage {
        let folder =
            std::env::temp_dir().join(format!("oxmq-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let library = folder.join("libzmq.so.5");
        std::os::unix::fs::symlink(library_made_by_cargo(), &library).unwrap();
        Stage { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.join(name), text).unwrap();
        self.path(name)
    }

    /// Compiles a C program as its makefile would.
    fn compiled(&self, name: &str, program: &str) -> Command {
        let (source, binary) = (self.write(&format!("{name}.c"), program), self.path(name));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
        let mut cc = Command::new("cc");
        cc.args([&source, "-o", &binary, "-I"]).arg(include).arg(self.path("libzmq.so.5"));
        let built = cc.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        self.with_library(Command::new(binary))
    }

    fn python(&self, name: &str, program: &str) -> Command {
        let script = self.write(name, program);
        let mut command = self.with_library(Command::new(PYTHON));
        command.arg(script);
        command
    }

    fn with_library(&self, mut command: Command) -> Command {
        command.env("LD_LIBRARY_PATH", &self.folder).env_remove("OXMQ_CONFIG");
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The shared library that cargo made beside this test.
fn library_made_by_cargo() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    let found = [folder.join("libzmq.so"), folder.parent().unwrap().join("libzmq.so")];
    found.into_iter().find(|path| path.exists()).unwrap()
}

/// A program that prints numbers, which is killed when it is dropped.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(mut command: Command, config: &str, arguments: &[&str]) -> Program {
        command.env("OXMQ_CONFIG", config).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { child, lines }
    }

    /// The next number; none once the program has ended.
    fn number(&mut self) -> Option<u32> {
        self.lines.next().map(|line| line.unwrap().parse().unwrap())
    }

    /// Kills it; what it had printed by then and was not read.
    fn kill(mut self) -> Vec<u32> {
        self.child.kill().unwrap();
        std::iter::from_fn(|| self.number()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SIGKILL. It may have been killed before.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// Both ends are durable by the file alone.
fn both_durable(stage: &Stage) -> String {
    let store = |name| stage.path(name);
    let text = format!(
        "# Nothing of this is in the programs.\n\n\
         [[socket]]\ntype = \"PUSH\"\nbind = \"ipc://*\"\nstore = \"{}\"\ndurable = \"tasks\"\n\n\
         [[socket]]\ntype = \"PULL\"\nconnect = \"ipc://*\"\nstore = \"{}\"\n\
         durable = \"worker\"\n",
        store("out"),
        store("in"),
    );
    stage.write("oxmq.toml", &text)
}

/// The worker is killed again and again; every number arrives.
fn worker_is_killed(stage: &Stage, ventilator: Command, worker: impl Fn() -> Command) {
    let config = both_durable(stage);
    let endpoint = format!("ipc://{}", stage.path("tasks"));
    let count = COUNT.to_string();
    let _ventilator = Program::start(ventilator, &config, &[&endpoint, "0", &count]);
    let mut got = BTreeSet::new();
    for lives_for in [1, 30, 7, 60, usize::MAX] {
        let mut worker = Program::start(worker(), &config, &[&endpoint]);
        for _ in 0..lives_for {
            if got.len() == COUNT as usize {
                break;
            }
            got.insert(worker.number().unwrap());
        }
        // It has asked for the next message after each of these.
        got.extend(worker.kill());
    }
    assert!(got.into_iter().eq(0..COUNT));
}

/// The ventilator is killed again and again, and told to go on after what it said it had sent.
fn ventilator_is_killed(stage: &Stage, ventilator: impl Fn() -> Command, worker: Command) {
    let config = both_durable(stage);
    let endpoint = format!("ipc://{}", stage.path("tasks"));
    let (mut next, count) = (0, COUNT.to_string());
    // Nobody receives yet.
    for lives_for in [1, 25, 100] {
        let from = next.to_string();
        let mut ventilator = Program::start(ventilator(), &config, &[&endpoint, &from, &count]);
        for _ in 0..lives_for {
            next = ventilator.number().unwrap() + 1;
        }
    }
    let mut worker = Program::start(worker, &config, &[&endpoint]);
    let mut got = BTreeSet::new();
    for lives_for in [50, COUNT] {
        let from = next.to_string();
        let mut ventilator = Program::start(ventilator(), &config, &[&endpoint, &from, &count]);
        for _ in 0..lives_for.min(COUNT - next) {
            next = ventilator.number().unwrap() + 1;
        }
        while next == COUNT && got.len() < COUNT as usize {
            got.insert(worker.number().unwrap());
        }
    }
    assert!(got.into_iter().eq(0..COUNT));
}

#[test]
fn a_c_worker_that_is_killed_loses_nothing() {
    let stage = Stage::new("c-worker");
    let ventilator = stage.compiled("ventilator", VENTILATOR_C);
    worker_is_killed(&stage, ventilator, || stage.compiled("worker", WORKER_C));
}

#[test]
fn a_c_ventilator_that_is_killed_loses_nothing() {
    let stage = Stage::new("c-ventilator");
    let worker = stage.compiled("worker", WORKER_C);
    ventilator_is_killed(&stage, || stage.compiled("ventilator", VENTILATOR_C), worker);
}

#[test]
fn a_python_worker_that_is_killed_loses_nothing() {
    if !python_has("zmq") {
        return;
    }
    let stage = Stage::new("py-worker");
    let ventilator = stage.python("ventilator.py", VENTILATOR_PY);
    worker_is_killed(&stage, ventilator, || stage.python("worker.py", WORKER_PY));
}

#[test]
fn a_python_ventilator_that_is_killed_loses_nothing() {
    if !python_has("zmq") {
        return;
    }
    let stage = Stage::new("py-ventilator");
    let worker = stage.python("worker.py", WORKER_PY);
    ventilator_is_killed(&stage, || stage.python("ventilator.py", VENTILATOR_PY), worker);
}

/// What a program prints that makes two contexts, and what it says on standard error.
fn contexts(mut program: Command, config: Option<&str>) -> (String, String) {
    if let Some(config) = config {
        program.env("OXMQ_CONFIG", config);
    }
    let output = program.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn a_wrong_file_is_refused_at_the_first_context_and_told_once() {
    let stage = Stage::new("wrong");
    let program = || stage.compiled("context", CONTEXT_C);
    let works = ("1 0\n1 0\n".to_owned(), String::new());
    assert_eq!(contexts(program(), None), works);
    assert_eq!(contexts(program(), Some("")), works);
    let right = stage.write("right.toml", "[[socket]]\nspill_dir = \"/tmp\"\n");
    assert_eq!(contexts(program(), Some(&right)), works);

    let refused = |config: &str| {
        let (printed, told) = contexts(program(), Some(config));
        assert_eq!(printed, format!("0 {0}\n0 {0}\n", libc::EINVAL), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        told
    };
    let wrong = stage.write("wrong.toml", "\n[[socket]]\ntype = \"PUSH\"\nstroe = \"/tmp\"\n");
    let told = refused(&wrong);
    let expected = format!("libzmq: OXMQ_CONFIG: {wrong}:4: stroe: no such key; there are type, ");
    assert!(told.starts_with(&expected), "{told}");
    assert!(refused(&stage.path("missing.toml")).contains("No such file"));
    assert!(refused(&stage.path("")).contains("it is no regular file"));
    let long = stage.write("long.toml", &"#".repeat(1_048_577));
    assert!(refused(&long).contains("it has more than 1048576 bytes"));
    std::fs::write(stage.path("latin.toml"), b"# \xE9\n").unwrap();
    assert!(refused(&stage.path("latin.toml")).contains("UTF-8"));
    // Nobody writes to it: opening it must not wait.
    let pipe = stage.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(refused(&pipe).contains("it is no regular file"));
}

#[test]
fn python_gets_einval_for_a_wrong_file() {
    if !python_has("zmq") {
        return;
    }
    let stage = Stage::new("py-wrong");
    let wrong = stage.write("wrong.toml", "[[socket]]\nsync = \"soon\"\n");
    let script = "import zmq\ntry: zmq.Context()\nexcept zmq.ZMQError as e: print(e.errno)\n";
    let (printed, told) = contexts(stage.python("context.py", script), Some(&wrong));
    assert_eq!(printed, format!("{}\n", libc::EINVAL), "{told}");
    assert!(told.contains(&format!("{wrong}:2: sync: expected \"os\" or ")), "{told}");
}

#[test]
fn python_calls_the_functions_of_our_own_header() {
    if !python_has("ctypes") {
        return;
    }
    let stage = Stage::new("ctypes");
    let mut program = stage.python("durable.py", CTYPES_PY);
    program.arg(&stage.folder);
    let (printed, told) = contexts(program, None);
    assert_eq!(printed, "ack 1 1\nnack 2 1\nreject 3 1\nnack 2 2\ndone\n", "{told}");
}
