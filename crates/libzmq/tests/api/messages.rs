//! `zmq_msg_t`: making, moving, copying and closing messages, and memory that is none, which every
//! function refuses.

use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use zmq::zmq_msg_t;

use crate::support::*;

fn blank() -> zmq_msg_t {
    // SAFETY: the type is bytes, for which zeroes are valid.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn bytes(msg: &mut zmq_msg_t) -> Vec<u8> {
    unsafe {
        let (data, len) = (zmq::zmq_msg_data(msg), zmq::zmq_msg_size(msg));
        std::slice::from_raw_parts(data.cast::<u8>(), len).to_vec()
    }
}

#[test]
fn memory_that_is_no_message_is_efault() {
    let mut other = blank();
    unsafe {
        ok(zmq::zmq_msg_init(&raw mut other));
        let mut closed = blank();
        ok(zmq::zmq_msg_init_size(&raw mut closed, 100));
        ok(zmq::zmq_msg_close(&raw mut closed));
        for fill in [0, 1, 0x55, 0xFF] {
            let mut wrong = [fill; 8];
            let wrong: *mut zmq_msg_t = ptr::from_mut(&mut wrong).cast();
            no_message(wrong, &mut other);
        }
        let mut filled = [0x5555_5555_5555_5555_u64; 8];
        no_message(ptr::from_mut(&mut filled).cast(), &mut other);
        no_message(&raw mut closed, &mut other);
        no_message(ptr::null_mut(), &mut other);
        ok(zmq::zmq_msg_close(&raw mut other));
    }
}

unsafe fn no_message(wrong: *mut zmq_msg_t, other: &mut zmq_msg_t) {
    unsafe {
        fails(libc::EFAULT, zmq::zmq_msg_close(wrong));
        fails(libc::EFAULT, zmq::zmq_msg_move(other, wrong));
        fails(libc::EFAULT, zmq::zmq_msg_move(wrong, other));
        fails(libc::EFAULT, zmq::zmq_msg_copy(other, wrong));
        fails(libc::EFAULT, zmq::zmq_msg_copy(wrong, other));
        fails(libc::EFAULT, zmq::zmq_msg_get(wrong, 1));
        fails(libc::EFAULT, zmq::zmq_msg_set(wrong, 1, 1));
        assert!(zmq::zmq_msg_data(wrong).is_null());
        assert_eq!(zmq::zmq_msg_size(wrong), 0);
        assert!(zmq::zmq_msg_gets(wrong, c"X".as_ptr()).is_null());
    }
}

#[test]
fn messages_of_every_size_move_and_copy() {
    for len in [0, 1, 33, 40, 41, 1000, 100_000] {
        let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let (mut a, mut b, mut c) = (blank(), blank(), blank());
        unsafe {
            ok(zmq::zmq_msg_init_size(&raw mut a, len));
            ok(zmq::zmq_msg_init(&raw mut b));
            ok(zmq::zmq_msg_init(&raw mut c));
            let data = zmq::zmq_msg_data(&raw mut a).cast::<u8>();
            data.copy_from_nonoverlapping(payload.as_ptr(), len);
            ok(zmq::zmq_msg_copy(&raw mut b, &raw mut a));
            ok(zmq::zmq_msg_move(&raw mut c, &raw mut a));
            assert_eq!(bytes(&mut a), b"");
            assert_eq!(bytes(&mut b), payload);
            assert_eq!(bytes(&mut c), payload);
            ok(zmq::zmq_msg_move(&raw mut c, &raw mut c));
            ok(zmq::zmq_msg_copy(&raw mut c, &raw mut c));
            assert_eq!(bytes(&mut c), payload);
            for msg in [&raw mut a, &raw mut b, &raw mut c] {
                ok(zmq::zmq_msg_close(msg));
                fails(libc::EFAULT, zmq::zmq_msg_close(msg));
            }
        }
    }
}

#[test]
fn memory_that_cannot_be_had_is_enomem() {
    let mut msg = blank();
    unsafe {
        for size in [usize::MAX, usize::MAX / 2, 1 << 60] {
            fails(libc::ENOMEM, zmq::zmq_msg_init_size(&raw mut msg, size));
        }
    }
}

/// A buffer that is not there was taken for one, and read when the message was sent.
#[test]
fn a_buffer_that_is_not_there_is_efault() {
    let mut msg = blank();
    unsafe {
        fails(libc::EFAULT, zmq::zmq_msg_init_data(&raw mut msg, NULL, 5, Some(count), NULL));
        let data = (&raw mut msg).cast();
        for size in [usize::MAX, usize::MAX / 2 + 1] {
            let made = zmq::zmq_msg_init_data(&raw mut msg, data, size, Some(count), NULL);
            fails(libc::ENOMEM, made);
        }
        ok(zmq::zmq_msg_init_data(&raw mut msg, NULL, 0, None, NULL));
        ok(zmq::zmq_msg_close(&raw mut msg));
        fails(libc::EFAULT, zmq::zmq_msg_init_buffer(&raw mut msg, NULL, 5));
        ok(zmq::zmq_msg_init_buffer(&raw mut msg, NULL, 0));
        ok(zmq::zmq_msg_close(&raw mut msg));
    }
}

#[test]
fn properties_are_those_of_the_manual() {
    let mut msg = blank();
    unsafe {
        ok(zmq::zmq_msg_init(&raw mut msg));
        assert_eq!(zmq::zmq_msg_get(&raw const msg, 1), 0);
        assert_eq!(zmq::zmq_msg_get(&raw const msg, 3), 0);
        for property in [0, 2, 4, -1] {
            fails(libc::EINVAL, zmq::zmq_msg_get(&raw const msg, property));
        }
        for property in -1..5 {
            fails(libc::EINVAL, zmq::zmq_msg_set(&raw mut msg, property, 1));
        }
        assert!(zmq::zmq_msg_gets(&raw const msg, c"Socket-Type".as_ptr()).is_null());
        assert_eq!(zmq::zmq_errno(), libc::EINVAL);
        ok(zmq::zmq_msg_close(&raw mut msg));
    }
}

/// The strings live as long as the message, whatever else is asked.
#[test]
fn a_received_message_tells_of_its_peer() {
    let mut bench = Bench::new();
    let dealer = bench.socket(DEALER);
    ok(set_bytes(dealer, 5, b"ada"));
    ok(set_bytes(dealer, 95, b"X-Colour:deep red"));
    let router = bench.socket(ROUTER);
    ok(bind(router, "tcp://127.0.0.1:*"));
    ok(connect(dealer, &last_endpoint(router)));
    ok(send(dealer, b"hello", 0));
    let mut msg = blank();
    unsafe {
        ok(zmq::zmq_msg_init(&raw mut msg));
        for _ in 0..2 {
            ok(zmq::zmq_msg_recv(&raw mut msg, router, 0));
        }
        let gets = |name: &CStr| zmq::zmq_msg_gets(&raw const msg, name.as_ptr());
        let expected = [
            (c"Socket-Type", c"DEALER"),
            (c"Routing-Id", c"ada"),
            (c"Identity", c"ada"),
            (c"Peer-Address", c"127.0.0.1"),
            (c"X-Colour", c"deep red"),
        ];
        let found: Vec<_> = expected.iter().map(|(name, _)| gets(name)).collect();
        for (found, (name, value)) in found.into_iter().zip(expected) {
            assert_eq!(CStr::from_ptr(found), value, "{name:?}");
            assert_eq!(gets(name), found, "asked twice, the same");
        }
        assert!(gets(c"X-Other").is_null() && gets(c"User-Id").is_null());
        assert!(zmq::zmq_msg_gets(&raw const msg, ptr::null()).is_null());
        let fd = zmq::zmq_msg_get(&raw const msg, 2);
        assert!(fd > 2 && libc::fcntl(fd, libc::F_GETFD) & libc::FD_CLOEXEC != 0);
        ok(zmq::zmq_msg_close(&raw mut msg));
    }
}

static FREED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: *mut c_void, hint: *mut c_void) {
    FREED.fetch_add(hint.addr(), Ordering::SeqCst);
}

#[test]
fn a_free_function_runs_once_with_the_last_copy() {
    let once = |by: usize| ptr::without_provenance_mut::<c_void>(by);
    let mut payload = [5_u8; 100];
    let data = payload.as_mut_ptr().cast();
    let (mut a, mut b) = (blank(), blank());
    unsafe {
        ok(zmq::zmq_msg_init_data(&raw mut a, data, 100, Some(count), once(1)));
        ok(zmq::zmq_msg_init(&raw mut b));
        ok(zmq::zmq_msg_copy(&raw mut b, &raw mut a));
        assert_eq!(zmq::zmq_msg_data(&raw mut b), data, "nothing is copied");
        ok(zmq::zmq_msg_close(&raw mut a));
        assert_eq!(FREED.load(Ordering::SeqCst), 0);
        ok(zmq::zmq_msg_close(&raw mut b));
        assert_eq!(FREED.load(Ordering::SeqCst), 1);
        ok(zmq::zmq_msg_init_data(&raw mut a, data, 0, Some(count), once(10)));
        assert_eq!(zmq::zmq_msg_size(&raw const a), 0);
        ok(zmq::zmq_msg_close(&raw mut a));
        assert_eq!(FREED.load(Ordering::SeqCst), 11);
        ok(zmq::zmq_msg_init_data(&raw mut a, data, 100, None, NULL));
        ok(zmq::zmq_msg_close(&raw mut a));
    }
}

/// Looks at the events of the socket that is its hint.
unsafe extern "C" fn looks_at_the_socket(_: *mut c_void, socket: *mut c_void) {
    get(socket, 15);
    LOOKS.fetch_add(1, Ordering::SeqCst);
}

static LOOKS: AtomicUsize = AtomicUsize::new(0);

/// A receive ends what its message was before. Done under the socket's lock, that would wait for
/// itself when the program's free function uses the socket.
#[test]
fn a_free_function_may_use_the_socket_that_is_received_from() {
    let mut bench = Bench::new();
    let (pull, push) = bench.tcp(PULL, PUSH);
    let mut payload = [7_u8; 100];
    let mut msg = blank();
    unsafe {
        let data = payload.as_mut_ptr().cast();
        ok(zmq::zmq_msg_init_data(&raw mut msg, data, 100, Some(looks_at_the_socket), pull));
        fails(libc::EAGAIN, zmq::zmq_msg_recv(&raw mut msg, pull, DONTWAIT));
        assert_eq!((bytes(&mut msg), LOOKS.load(Ordering::SeqCst)), (payload.to_vec(), 0));
        ok(send(push, b"x", 0));
        assert_eq!(zmq::zmq_msg_recv(&raw mut msg, pull, 0), 1);
        assert_eq!((bytes(&mut msg), LOOKS.load(Ordering::SeqCst)), (b"x".to_vec(), 1));
        ok(zmq::zmq_msg_close(&raw mut msg));
    }
}

/// What a free function is to do: ask this socket for its events, and tell what it returned.
struct Errand {
    socket: *mut c_void,
    told: Sender<c_int>,
}

unsafe extern "C" fn runs_the_errand(_: *mut c_void, errand: *mut c_void) {
    unsafe {
        let errand = Box::from_raw(errand.cast::<Errand>());
        let (mut events, mut len) = (0 as c_int, size_of::<c_int>());
        let place = (&raw mut events).cast();
        errand.told.send(zmq::zmq_getsockopt(errand.socket, 15, place, &raw mut len)).unwrap();
    }
}

/// A message of 100 bytes whose free function uses a socket, and what that function tells.
fn lent_with_errand(socket: *mut c_void) -> (zmq_msg_t, Receiver<c_int>) {
    static PAYLOAD: [u8; 100] = [7; 100];
    let (told, hears) = mpsc::channel();
    let hint = Box::into_raw(Box::new(Errand { socket, told })).cast();
    let data = PAYLOAD.as_ptr().cast_mut().cast();
    let mut msg = blank();
    unsafe {
        ok(zmq::zmq_msg_init_data(&raw mut msg, data, 100, Some(runs_the_errand), hint));
    }
    (msg, hears)
}

/// Runs it in a thread of its own, and gives up on it when it hangs.
fn must_end(what: fn()) {
    let (ended, waits) = mpsc::channel();
    let thread = thread::spawn(move || {
        what();
        ended.send(()).unwrap();
    });
    match waits.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => thread.join().unwrap(),
    }
}

/// A lent payload that has been written, or that nobody wants, is given back in the call that sends
/// it, which has the socket's lock. The free function waited for that lock for ever.
#[test]
fn a_free_function_may_use_the_socket_that_its_message_was_sent_on() {
    must_end(|| {
        let mut bench = Bench::new();
        let (pull, push) = bench.tcp(PULL, PUSH);
        let (mut msg, hears) = lent_with_errand(push);
        unsafe { ok(zmq::zmq_msg_send(&raw mut msg, push, 0)) };
        assert_eq!(recv(pull, 0).unwrap(), [7; 100]);
        assert_eq!(hears.recv_timeout(Duration::from_secs(60)), Ok(0), "written");

        let lonely = bench.socket(PUB);
        let (mut msg, hears) = lent_with_errand(lonely);
        unsafe { ok(zmq::zmq_msg_send(&raw mut msg, lonely, 0)) };
        assert_eq!(hears.try_recv(), Ok(0), "nobody has subscribed");

        let router = bench.socket(ROUTER);
        ok(send(router, b"nobody", SNDMORE));
        let (mut msg, hears) = lent_with_errand(router);
        unsafe { ok(zmq::zmq_msg_send(&raw mut msg, router, 0)) };
        assert_eq!(hears.try_recv(), Ok(0), "no such peer");
    });
}

#[test]
fn a_free_function_may_use_the_socket_whose_queue_gives_its_message_up() {
    must_end(|| {
        let mut bench = Bench::new();
        let (pull, push) = (bench.socket(PULL), bench.socket(PUSH));
        set(push, 54, 1);
        ok(bind(pull, "inproc://last"));
        ok(connect(push, "inproc://last"));
        let (mut msg, hears) = lent_with_errand(push);
        unsafe { ok(zmq::zmq_msg_send(&raw mut msg, push, 0)) };
        assert!(hears.try_recv().is_err(), "it waits to be received");
        ok(send(push, b"newer", 0));
        assert_eq!(hears.try_recv(), Ok(0), "a newer one has taken its place");

        let (other, away) = (bench.socket(PULL), bench.socket(PUSH));
        ok(connect(away, "ipc://nobody-is-here"));
        let (mut msg, hears) = lent_with_errand(other);
        unsafe { ok(zmq::zmq_msg_send(&raw mut msg, away, 0)) };
        ok(zmq::zmq_close(away));
        assert_eq!(hears.try_recv(), Ok(0), "the socket is closed and does not linger");

        let (mut msg, hears) = lent_with_errand(push);
        fails(libc::ENOTSUP, unsafe { zmq::zmq_msg_send(&raw mut msg, pull, 0) });
        assert!(hears.try_recv().is_err(), "it was not taken");
        unsafe { ok(zmq::zmq_msg_close(&raw mut msg)) };
        assert_eq!(hears.try_recv(), Ok(0), "the program has ended it");
    });
}

#[test]
fn a_free_function_may_use_the_sockets_of_the_proxy_that_drops_its_message() {
    must_end(|| {
        let mut bench = Bench::new();
        let (pull, router) = (bench.socket(PULL), bench.socket(ROUTER));
        let (push, pair, control) = (bench.socket(PUSH), bench.socket(PAIR), bench.socket(PAIR));
        ok(bind(pull, "inproc://in"));
        ok(bind(control, "inproc://control"));
        ok(connect(push, "inproc://in"));
        ok(connect(pair, "inproc://control"));
        ok(send(push, b"nobody", SNDMORE));
        let (mut msg, hears) = lent_with_errand(pull);
        unsafe { ok(zmq::zmq_msg_send(&raw mut msg, push, 0)) };
        let ends = [pull, router, control].map(|socket| socket.expose_provenance());
        let proxy = thread::spawn(move || {
            let [pull, router, control] = ends.map(ptr::with_exposed_provenance_mut);
            zmq::zmq_proxy_steerable(pull, router, NULL, control)
        });
        assert_eq!(hears.recv_timeout(Duration::from_secs(60)), Ok(0), "no such peer");
        ok(send(pair, b"TERMINATE", 0));
        ok(proxy.join().unwrap());
    });
}

#[test]
fn texts_and_version_are_there() {
    let text = |errno: c_int| unsafe { CStr::from_ptr(zmq::zmq_strerror(errno)) }.to_owned();
    let texts: Vec<_> = [EFSM, ENOCOMPATPROTO, ETERM, EMTHREAD].map(text).into();
    for (index, one) in texts.iter().enumerate() {
        assert!(!one.is_empty() && !texts[..index].contains(one));
    }
    assert_eq!(text(libc::EAGAIN), unsafe {
        CStr::from_ptr(libc::strerror(libc::EAGAIN)).to_owned()
    });
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    unsafe { zmq::zmq_version(&raw mut major, &raw mut minor, &raw mut patch) };
    assert_eq!((major, minor, patch), (4, 3, 5));
    unsafe { zmq::zmq_version(ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
    let yes = [c"ipc", c"curve", c"tipc", c"vsock", c"draft", c"WS", c"WSS"];
    let no = [c"pgm", c"norm", c"gssapi", c"vmci", c"ws", c"", c"IPC"];
    assert!(yes.iter().all(|name| unsafe { zmq::zmq_has(name.as_ptr()) } == 1));
    assert!(no.iter().all(|name| unsafe { zmq::zmq_has(name.as_ptr()) } == 0));
    assert_eq!(unsafe { zmq::zmq_has(ptr::null()) }, 0);
}
