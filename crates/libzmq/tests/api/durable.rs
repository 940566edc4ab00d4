//! Durable sockets from C: their options, what becomes of messages, seeking and flushing, and what
//! is refused without harm.

use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use zmq::zmq_msg_t;

use crate::support::*;

const STORE: c_int = 10001;
const DURABLE: c_int = 10002;
const SYNC: c_int = 10003;
const ACK_MODE: c_int = 10004;
const ACK: c_int = 10005;
const WATCHDOG_MS: c_int = 60_000;
const RCVTIMEO: c_int = 27;

/// A directory that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oxmq-c-durable-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn store(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(socket: *mut c_void, option: c_int, value: &str) -> c_int {
    set_bytes(socket, option, value.as_bytes())
}

fn durable(bench: &mut Bench, kind: c_int, folder: &Folder, name: &str) -> *mut c_void {
    let socket = bench.socket(kind);
    ok(text(socket, STORE, &folder.store(name)));
    ok(text(socket, DURABLE, name));
    if kind == PULL {
        set(socket, RCVTIMEO, WATCHDOG_MS);
    }
    socket
}

fn receive(socket: *mut c_void) -> (String, zmq_msg_t) {
    unsafe {
        // The type is bytes, for which zeroes are valid.
        let mut msg: zmq_msg_t = MaybeUninit::zeroed().assume_init();
        ok(zmq::zmq_msg_init(&raw mut msg));
        ok(zmq::zmq_msg_recv(&raw mut msg, socket, 0));
        let (data, len) = (zmq::zmq_msg_data(&raw mut msg), zmq::zmq_msg_size(&raw const msg));
        let bytes = std::slice::from_raw_parts(data.cast::<u8>(), len).to_vec();
        (String::from_utf8(bytes).unwrap(), msg)
    }
}

fn close(mut msg: zmq_msg_t) {
    ok(unsafe { zmq::zmq_msg_close(&raw mut msg) });
}

fn property(msg: &zmq_msg_t, name: &str) -> String {
    let name = CString::new(name).unwrap();
    unsafe {
        let value = zmq::zmq_msg_gets(msg, name.as_ptr());
        assert!(!value.is_null());
        CStr::from_ptr(value).to_str().unwrap().to_owned()
    }
}

#[test]
fn what_is_acknowledged_does_not_come_again_and_the_rest_does() {
    let folder = Folder::new();
    let mut sender = Bench::new();
    let push = durable(&mut sender, PUSH, &folder, "jobs");
    ok(bind(push, "tcp://127.0.0.1:*"));
    for job in ["a", "b", "c", "d"] {
        assert_eq!(send(push, job.as_bytes(), 0), 1);
    }
    {
        let mut receiver = Bench::new();
        let pull = durable(&mut receiver, PULL, &folder, "worker");
        set(pull, ACK_MODE, 1);
        ok(connect(pull, &last_endpoint(push)));
        let mut messages: Vec<_> = (0..3).map(|_| receive(pull)).collect();
        assert_eq!(property(&messages[1].1, "Oxmq-Offset"), "2");
        assert_eq!(property(&messages[1].1, "Oxmq-Attempt"), "1");
        assert_eq!(property(&messages[1].1, "Oxmq-Log").len(), 32);
        assert_eq!(property(&messages[0].1, "Oxmq-Epoch"), property(&messages[2].1, "Oxmq-Epoch"));
        unsafe {
            ok(zmq::oxmq_msg_ack(&raw mut messages[1].1));
            fails(libc::EALREADY, zmq::oxmq_msg_ack(&raw mut messages[1].1));
            fails(libc::EALREADY, zmq::oxmq_msg_nack(&raw mut messages[1].1, 0));
            fails(libc::EINVAL, zmq::oxmq_msg_nack(&raw mut messages[0].1, -1));
            ok(zmq::oxmq_msg_nack(&raw mut messages[0].1, 0));
            ok(zmq::oxmq_msg_reject(&raw mut messages[2].1));
        }
        messages.into_iter().for_each(|(_, msg)| close(msg));
        let again: Vec<_> = (0..2).map(|_| receive(pull)).collect();
        let mut got: Vec<&str> = again.iter().map(|(text, _)| text.as_str()).collect();
        got.sort_unstable();
        assert_eq!(got, ["a", "d"]);
        set(pull, ACK, 1);
        ok(zmq::oxmq_flush(push, WATCHDOG_MS));
        ok(zmq::zmq_close(pull));
        for (_, mut msg) in again {
            fails(libc::EALREADY, unsafe { zmq::oxmq_msg_ack(&raw mut msg) });
            close(msg);
        }
    }
    ok(zmq::oxmq_flush(push, 0));
}

#[test]
fn what_was_sent_before_the_end_is_delivered_after_it() {
    let folder = Folder::new();
    {
        let mut bench = Bench::new();
        let push = durable(&mut bench, PUSH, &folder, "jobs");
        ok(connect(push, "tcp://127.0.0.1:1"));
        assert_eq!(send(push, b"kept", 0), 4);
        fails(libc::EAGAIN, zmq::oxmq_flush(push, 0));
        fails(libc::EAGAIN, zmq::oxmq_flush(push, 10));
    }
    let mut bench = Bench::new();
    let push = durable(&mut bench, PUSH, &folder, "jobs");
    ok(bind(push, "ipc://*"));
    let pull = bench.socket(PULL);
    ok(connect(pull, &last_endpoint(push)));
    assert_eq!(recv(pull, 0).unwrap(), b"kept");
}

#[test]
fn a_receiver_goes_back_to_where_it_is_told() {
    let folder = Folder::new();
    let mut bench = Bench::new();
    let pull = durable(&mut bench, PULL, &folder, "worker");
    ok(bind(pull, "tcp://127.0.0.1:*"));
    let push = bench.socket(PUSH);
    ok(connect(push, &last_endpoint(pull)));
    for n in ["1", "2", "3"] {
        assert_eq!(send(push, n.as_bytes(), 0), 1);
    }
    let take = || String::from_utf8(recv(pull, 0).unwrap()).unwrap();
    assert_eq!([take(), take(), take()], ["1", "2", "3"]);
    for position in [0, -3, i64::MIN] {
        fails(libc::EINVAL, zmq::oxmq_seek(pull, position));
    }
    fails(libc::ENOTSUP, zmq::oxmq_seek(push, 1));
    ok(zmq::oxmq_seek(pull, 3));
    assert_eq!(take(), "3");
}

#[test]
fn options_of_durability_are_set_before_the_first_bind_or_connect() {
    let folder = Folder::new();
    let mut bench = Bench::new();
    let push = bench.socket(PUSH);
    let store = folder.store("s");
    ok(set_bytes(push, STORE, format!("{store}\0").as_bytes()));
    assert_eq!(get_bytes(push, STORE, 4096).unwrap(), format!("{store}\0").as_bytes());
    ok(set_bytes(push, DURABLE, b"name\0"));
    assert_eq!(get_bytes(push, DURABLE, 256).unwrap(), b"name");
    for (option, wrong) in [(SYNC, 0), (SYNC, 4), (ACK_MODE, 0), (ACK, 1)] {
        fails(libc::EINVAL, set_bytes(push, option, &c_int::to_ne_bytes(wrong)));
    }
    fails(libc::EINVAL, set_bytes(push, DURABLE, b""));
    set(push, SYNC, 1);
    assert_eq!(get(push, SYNC), 1);
    ok(bind(push, "inproc://late"));
    fails(libc::EINVAL, text(push, STORE, "/elsewhere"));
    fails(libc::EINVAL, text(push, DURABLE, "other"));
    assert_eq!(get_bytes(push, DURABLE, 256).unwrap(), b"name");
    let pair = bench.socket(PAIR);
    fails(libc::EINVAL, text(pair, DURABLE, "name"));
    let plain = bench.socket(PULL);
    ok(bind(plain, "inproc://plain"));
    fails(libc::EINVAL, text(plain, DURABLE, "name"));
}

#[test]
fn a_name_that_is_in_use_and_a_store_that_cannot_be_are_errors_of_bind() {
    let folder = Folder::new();
    let (mut one, mut other) = (Bench::new(), Bench::new());
    let first = durable(&mut one, PUSH, &folder, "jobs");
    ok(bind(first, "inproc://first"));
    let second = durable(&mut other, PUSH, &folder, "jobs");
    fails(libc::EADDRINUSE, bind(second, "inproc://second"));
    let nameless = other.socket(PUSH);
    ok(text(nameless, DURABLE, "jobs"));
    fails(libc::EINVAL, bind(nameless, "inproc://nameless"));
    let file = folder.store("file");
    std::fs::write(&file, "x").unwrap();
    let wrong = other.socket(PUSH);
    ok(text(wrong, DURABLE, "jobs"));
    ok(text(wrong, STORE, &file));
    assert_eq!(bind(wrong, "inproc://wrong"), -1);
    ok(zmq::zmq_close(first));
    ok(bind(second, "inproc://second"));
}

#[test]
fn handles_and_messages_that_are_none_are_refused() {
    let mut bench = Bench::new();
    let pull = bench.socket(PULL);
    let on_the_stack = 1_u64;
    let foreign = (&raw const on_the_stack).cast_mut().cast::<c_void>();
    let closed = bench.socket(PUSH);
    ok(zmq::zmq_close(closed));
    for wrong in [NULL, foreign, closed, bench.context] {
        fails(libc::ENOTSOCK, zmq::oxmq_seek(wrong, 1));
        fails(libc::ENOTSOCK, zmq::oxmq_flush(wrong, 0));
    }
    fails(libc::EINVAL, zmq::oxmq_flush(pull, -2));
    fails(libc::ENOTSUP, zmq::oxmq_flush(pull, 0));
    fails(libc::ENOTSUP, zmq::oxmq_seek(pull, -1));
    let mut memory = [0x55_u64; 8];
    let mut plain: zmq_msg_t = unsafe { MaybeUninit::zeroed().assume_init() };
    unsafe {
        for wrong in [std::ptr::null_mut(), (&raw mut memory).cast(), &raw mut plain] {
            fails(libc::EFAULT, zmq::oxmq_msg_ack(wrong));
            fails(libc::EFAULT, zmq::oxmq_msg_nack(wrong, 0));
            fails(libc::EFAULT, zmq::oxmq_msg_reject(wrong));
        }
        ok(zmq::zmq_msg_init_size(&raw mut plain, 100));
        fails(libc::EINVAL, zmq::oxmq_msg_ack(&raw mut plain));
        fails(libc::EINVAL, zmq::oxmq_msg_nack(&raw mut plain, 0));
        fails(libc::EINVAL, zmq::oxmq_msg_reject(&raw mut plain));
        ok(zmq::zmq_msg_close(&raw mut plain));
        fails(libc::EFAULT, zmq::oxmq_msg_ack(&raw mut plain));
    }
    zmq::zmq_ctx_shutdown(bench.context);
    fails(ETERM, zmq::oxmq_seek(pull, 1));
    fails(ETERM, zmq::oxmq_flush(pull, -1));
}

/// Descriptors of this process for files of a store with this in their names.
fn descriptors(store: &str, name: &str) -> usize {
    let targets = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = targets.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let is_it = |target: &PathBuf| target.starts_with(store) && target.ends_with(name);
    targets.filter(is_it).count()
}

/// A child that its parent has forked has the parent's handles and memory, but never its store: it
/// cannot use it, and does not keep it from whoever comes after the parent.
#[test]
fn a_forked_child_never_has_the_store() {
    let folder = Folder::new();
    let store = folder.store("jobs");
    let mut ends = [0; 2];
    let mut said = [0; 5];
    let child = unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        let parent = libc::fork();
        assert!(parent >= 0);
        if parent == 0 {
            // Whatever happens, neither may go on with the test.
            let own = std::panic::AssertUnwindSafe(|| parent_and_child(&folder, &store, ends[1]));
            let _ = std::panic::catch_unwind(own);
            libc::_exit(1);
        }
        libc::close(ends[1]);
        // The child tells its number and whether all is as it should be.
        let read = libc::read(ends[0], said.as_mut_ptr().cast(), said.len());
        assert_eq!(read, 5, "neither has come so far");
        libc::kill(parent, libc::SIGKILL);
        assert_eq!(libc::waitpid(parent, std::ptr::null_mut(), 0), parent);
        libc::close(ends[0]);
        i32::from_ne_bytes([said[0], said[1], said[2], said[3]])
    };
    let mut bench = Bench::new();
    let push = durable(&mut bench, PUSH, &folder, "jobs");
    let bound = bind(push, "tcp://127.0.0.1:*");
    let errno = zmq::zmq_errno();
    let is_alive = unsafe { libc::kill(child, 0) } == 0;
    unsafe { libc::kill(child, libc::SIGKILL) };
    assert_eq!((bound, is_alive, said[4]), (0, true, 1), "errno {errno}");
}

/// Opens a store, forks, and waits; so does the child, which has told how it is.
fn parent_and_child(folder: &Folder, store: &str, to: c_int) {
    let mut bench = Bench::new();
    let push = durable(&mut bench, PUSH, folder, "jobs");
    ok(bind(push, "tcp://127.0.0.1:*"));
    ok(send(push, b"from the parent", 0));
    assert!(descriptors(store, "lock") == 1);
    unsafe {
        if libc::fork() == 0 {
            let sent = send(push, b"from the child", DONTWAIT);
            let fine = sent == -1 && zmq::zmq_errno() == libc::ENOTSOCK;
            let fine = fine && descriptors(store, "lock") == 0;
            let mut own = Bench::new();
            let again = durable(&mut own, PUSH, folder, "jobs");
            // The parent has it.
            let refused = bind(again, "tcp://127.0.0.1:*") == -1;
            let fine = fine && refused && zmq::zmq_errno() == libc::EADDRINUSE;
            let mut said = libc::getpid().to_ne_bytes().to_vec();
            said.push(u8::from(fine));
            libc::write(to, said.as_ptr().cast(), said.len());
            libc::close(to);
        }
        loop {
            libc::pause();
        }
    }
}

/// What arrives and what is sent for it are one record.
#[test]
fn a_message_is_sent_and_another_acknowledged_as_one() {
    let folder = Folder::new();
    let mut bench = Bench::new();
    let (store, plain) = (folder.store("both"), bench.socket(PUSH));
    let open = |bench: &mut Bench, kind: c_int, name: &str, store: &str| {
        let socket = bench.socket(kind);
        ok(text(socket, STORE, store));
        ok(text(socket, DURABLE, name));
        socket
    };
    let jobs = open(&mut bench, PULL, "jobs", &store);
    set(jobs, ACK_MODE, 1);
    set(jobs, RCVTIMEO, WATCHDOG_MS);
    let results = open(&mut bench, PUSH, "results", &store);
    let elsewhere = open(&mut bench, PUSH, "elsewhere", &folder.store("other"));
    ok(bind(jobs, "tcp://127.0.0.1:*"));
    ok(bind(results, "tcp://127.0.0.1:*"));
    ok(bind(elsewhere, "tcp://127.0.0.1:*"));
    ok(connect(plain, &last_endpoint(jobs)));
    ok(send(plain, b"a job", 0));
    let (_, mut job) = receive(jobs);
    let mut part = MaybeUninit::<zmq_msg_t>::uninit();
    unsafe {
        ok(zmq::zmq_msg_init_size(part.as_mut_ptr(), 6));
        let part = part.as_mut_ptr();
        std::ptr::copy_nonoverlapping(b"result".as_ptr(), zmq::zmq_msg_data(part).cast(), 6);
        let job = &raw mut job;
        fails(libc::EINVAL, zmq::oxmq_send_and_ack(results, part, 0, jobs, job, 0));
        fails(libc::ENOTSUP, zmq::oxmq_send_and_ack(elsewhere, part, 1, jobs, job, 0));
        fails(libc::ENOTSUP, zmq::oxmq_send_and_ack(plain, part, 1, jobs, job, 0));
        fails(libc::EINVAL, zmq::oxmq_send_and_ack(results, part, 1, jobs, part, 0));
        assert_eq!(zmq::zmq_msg_size(part), 6);
        assert_eq!(zmq::oxmq_send_and_ack(results, part, 1, jobs, job, 0), 6);
        assert_eq!(zmq::zmq_msg_size(part), 0);
        fails(EFSM, zmq::oxmq_send_and_ack(results, part, 1, jobs, job, 0));
        fails(libc::EALREADY, zmq::oxmq_msg_ack(job));
        ok(zmq::zmq_msg_close(job));
        ok(zmq::zmq_msg_close(part));
    }
    let taker = bench.socket(PULL);
    set(taker, RCVTIMEO, WATCHDOG_MS);
    ok(connect(taker, &last_endpoint(results)));
    assert_eq!(recv(taker, 0).unwrap(), b"result");
}
