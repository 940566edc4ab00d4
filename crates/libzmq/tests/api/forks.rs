//! A forked child: handles of its parent are refused, the parent does not notice, and a context of
//! the child's own works.

use crate::support::*;

/// Runs `f` in a forked child, which ends with its result.
fn in_child(f: impl FnOnce() -> bool) -> bool {
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            // Whatever happens, the child must not go on with the test.
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
            libc::_exit(i32::from(!fine.unwrap_or(false)));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

#[test]
fn a_child_cannot_use_what_it_inherited_and_does_no_harm() {
    let mut bench = Bench::new();
    let (pull, push) = bench.tcp(PULL, PUSH);
    ok(send(push, b"before", 0));
    assert_eq!(recv(pull, 0).unwrap(), b"before");
    let context = bench.context;
    assert!(in_child(|| {
        fails(libc::ENOTSOCK, send(push, b"from the child", DONTWAIT));
        assert_eq!((recv(pull, 0), zmq::zmq_errno()), (None, libc::ENOTSOCK));
        fails(libc::EFAULT, zmq::zmq_ctx_set(context, 1, 1));
        assert!(zmq::zmq_socket(context, PAIR).is_null());
        // As programs do that clean up after a fork.
        ok(zmq::zmq_close(push));
        ok(zmq::zmq_close(pull));
        ok(zmq::zmq_ctx_term(context));
        true
    }));
    for _ in 0..100 {
        ok(send(push, b"after", 0));
        assert_eq!(recv(pull, 0).unwrap(), b"after");
    }
}

#[test]
fn a_child_has_contexts_of_its_own() {
    let mut bench = Bench::new();
    let (pull, _push) = bench.tcp(PULL, PUSH);
    let endpoint = last_endpoint(pull);
    assert!(in_child(|| {
        let mut own = Bench::new();
        let push = own.socket(PUSH);
        set(push, LINGER, -1);
        ok(connect(push, &endpoint));
        ok(send(push, b"from the child", 0));
        let (a, b) = own.tcp(PAIR, PAIR);
        ok(send(a, b"inside", 0));
        recv(b, 0).unwrap() == b"inside"
    }));
    assert_eq!(recv(pull, 0).unwrap(), b"from the child");
}

/// Descriptors are not for programs that a process starts.
#[test]
fn every_descriptor_is_closed_on_exec() {
    let mut bench = Bench::new();
    let (pull, push) = bench.tcp(PULL, PUSH);
    ok(bind(pull, "ipc://*"));
    get(pull, 14);
    ok(send(push, b"x", 0));
    assert_eq!(recv(pull, 0).unwrap(), b"x");
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let name = entry.unwrap().file_name();
        let fd: i32 = name.to_str().unwrap().parse().unwrap();
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        let inherited = fd <= 2 || flags < 0;
        let target = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        let target = target.to_string_lossy().into_owned();
        let ours = target.starts_with("socket:") || target.starts_with("anon_inode:");
        assert!(inherited || !ours || flags & libc::FD_CLOEXEC != 0, "{fd}: {target}");
    }
}
