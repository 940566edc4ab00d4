//! ipc: paths, wildcards and abstract names, and whose file it is.

use std::fs;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use oxmq_zmtp::IpcEndpoint;

use super::*;

fn refuse() -> TransportOptions {
    TransportOptions::default()
}

fn take_over() -> TransportOptions {
    TransportOptions { ipc_takeover: true, ..TransportOptions::default() }
}

fn own_credentials() -> (u32, u32, i32) {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw(), pid)
}

#[test]
fn a_path_is_a_file_while_the_listener_lives() {
    let dir = TempDir::new();
    let listener = bind(&dir.ipc("feed"), &refuse()).unwrap();
    assert_eq!(listener.endpoint(), dir.ipc("feed"));
    assert_eq!(listener.kind(), Kind::Ipc);
    let (near, far) = pair(&listener, &refuse());
    assert_connected(&near, &far);
    assert_eq!(near.remote_endpoint(), dir.ipc("feed"));
    assert_eq!(far.local_endpoint(), dir.ipc("feed"));
    assert_eq!((near.local_endpoint(), far.remote_endpoint()), ("ipc://".into(), "ipc://".into()));
    let (uid, gid, pid) = own_credentials();
    for end in [&near, &far] {
        assert_eq!(end.peer_address(), format!("localhost:{uid}:{gid}:{pid}"));
        assert_eq!((end.kind(), end.mss()), (Kind::Ipc, None));
    }
    assert!(dir.file("feed").exists());
    drop(listener);
    assert!(!dir.file("feed").exists());
    assert_errno(connect(&dir.ipc("feed"), &refuse()), libc::ENOENT);
}

#[test]
fn an_abstract_name_has_no_file_and_is_taken_once() {
    let name = format!("ipc://@oxmq-test-{}", std::process::id());
    let listener = bind(&name, &refuse()).unwrap();
    assert_eq!(listener.endpoint(), name);
    assert_errno(bind(&name, &take_over()), libc::EADDRINUSE);
    let (near, far) = pair(&listener, &refuse());
    assert_connected(&near, &far);
    drop(listener);
    assert_errno(connect(&name, &refuse()), libc::ECONNREFUSED);
    bind(&name, &refuse()).unwrap();
}

#[test]
fn a_wildcard_is_a_fresh_name_that_only_this_user_can_reach() {
    let first = bind("ipc://*", &refuse()).unwrap();
    let second = bind("ipc://*", &take_over()).unwrap();
    assert_ne!(first.endpoint(), second.endpoint());
    let (near, far) = pair(&first, &refuse());
    assert_connected(&near, &far);
    let shown = first.endpoint();
    let path = std::path::Path::new(shown.strip_prefix("ipc://").unwrap());
    let directory = path.parent().unwrap();
    assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    drop(first);
    assert!(!directory.exists());
    assert_errno(resolve(&endpoint("ipc://*"), false), libc::EINVAL);
}

#[test]
fn a_live_listener_keeps_its_path() {
    let dir = TempDir::new();
    let listener = bind(&dir.ipc("feed"), &refuse()).unwrap();
    assert_errno(bind(&dir.ipc("feed"), &refuse()), libc::EADDRINUSE);
    // The attempt that asked whether somebody listens has left; what comes next is a peer.
    let probe = accept(&listener).unwrap();
    assert_eq!(probe.read(&mut [0; 1]).unwrap(), 0);
    let (near, far) = pair(&listener, &refuse());
    assert_connected(&near, &far);
}

#[test]
fn a_listener_with_a_full_backlog_is_alive() {
    let dir = TempDir::new();
    let full = TransportOptions { backlog: 0, ..refuse() };
    let listener = bind(&dir.ipc("feed"), &full).unwrap();
    let near = connect(&dir.ipc("feed"), &refuse()).unwrap();
    assert_errno(connect(&dir.ipc("feed"), &refuse()), libc::EAGAIN);
    assert_errno(bind(&dir.ipc("feed"), &refuse()), libc::EADDRINUSE);
    assert_connected(&near, &accept(&listener).unwrap());
}

#[test]
fn a_takeover_moves_the_name_and_the_loser_does_not_remove_it() {
    let dir = TempDir::new();
    let loser = bind(&dir.ipc("feed"), &refuse()).unwrap();
    let winner = bind(&dir.ipc("feed"), &take_over()).unwrap();
    drop(loser);
    assert!(dir.file("feed").exists());
    let (near, far) = pair(&winner, &refuse());
    assert_connected(&near, &far);
    drop(winner);
    assert!(!dir.file("feed").exists());
}

#[test]
fn the_file_of_a_dead_listener_is_replaced() {
    let dir = TempDir::new();
    for options in [refuse(), take_over()] {
        drop(UnixListener::bind(dir.file("feed")).unwrap());
        let dead = fs::metadata(dir.file("feed")).unwrap();
        // Keeps the dead file's inode from being used again at once.
        fs::hard_link(dir.file("feed"), dir.file("kept")).unwrap();
        let listener = bind(&dir.ipc("feed"), &options).unwrap();
        assert_ne!(fs::metadata(dir.file("feed")).unwrap().ino(), dead.ino());
        let (near, far) = pair(&listener, &refuse());
        assert_connected(&near, &far);
        fs::remove_file(dir.file("kept")).unwrap();
    }
}

#[test]
fn a_file_that_is_no_socket_is_never_lost() {
    let dir = TempDir::new();
    fs::write(dir.file("notes"), "dear diary").unwrap();
    fs::write(dir.file("empty"), "").unwrap();
    fs::create_dir(dir.file("directory")).unwrap();
    std::os::unix::fs::symlink(dir.file("notes"), dir.file("link")).unwrap();
    for name in ["notes", "directory", "link"] {
        assert_errno(bind(&dir.ipc(name), &refuse()), libc::EADDRINUSE);
        assert_errno(bind(&dir.ipc(name), &take_over()), libc::EADDRINUSE);
    }
    assert_eq!(fs::read(dir.file("notes")).unwrap(), b"dear diary");
    // A program that reserves a name with an empty file finds it usable, as with libzmq.
    assert_errno(bind(&dir.ipc("empty"), &refuse()), libc::EADDRINUSE);
    bind(&dir.ipc("empty"), &take_over()).unwrap();
}

#[test]
fn a_file_put_in_place_of_the_socket_outlives_the_listener() {
    let dir = TempDir::new();
    let listener = bind(&dir.ipc("feed"), &refuse()).unwrap();
    fs::remove_file(dir.file("feed")).unwrap();
    fs::write(dir.file("feed"), "mine now").unwrap();
    drop(listener);
    assert_eq!(fs::read(dir.file("feed")).unwrap(), b"mine now");
}

#[test]
fn a_bind_that_fails_leaves_no_file() {
    let dir = TempDir::new();
    assert_errno(bind(&dir.ipc("missing/feed"), &refuse()), libc::ENOENT);
    let before = fs::read_dir(&dir.0).unwrap().count();
    assert_eq!(before, 0);
}

#[test]
fn names_beyond_the_kernels_limit_are_refused_in_full() {
    let options = refuse();
    let too_long = Endpoint::Ipc(IpcEndpoint::Path("/".to_owned() + &"x".repeat(107)));
    assert_errno(bind_to(&too_long, &options), libc::ENAMETOOLONG);
    assert_errno(resolve(&too_long, false), libc::ENAMETOOLONG);
    let too_long = Endpoint::Ipc(IpcEndpoint::Abstract("x".repeat(108)));
    assert_errno(bind_to(&too_long, &options), libc::ENAMETOOLONG);
    assert_errno(resolve(&too_long, false), libc::ENAMETOOLONG);
    let dir = TempDir::new();
    let longest = "x".repeat(107 - dir.file("").as_os_str().len());
    let listener = bind(&dir.ipc(&longest), &options).unwrap();
    assert_eq!(listener.endpoint(), dir.ipc(&longest));
    let (near, far) = pair(&listener, &options);
    assert_connected(&near, &far);
    for bad in ["", "a\0b"] {
        let bad = Endpoint::Ipc(IpcEndpoint::Path(bad.to_owned()));
        assert_errno(bind_to(&bad, &options), libc::EINVAL);
    }
}

#[test]
fn filters_admit_by_user_group_or_process() {
    let dir = TempDir::new();
    let (uid, gid, pid) = own_credentials();
    let none = IpcFilters::default();
    let admitted = [
        IpcFilters { uids: vec![uid], ..none.clone() },
        IpcFilters { gids: vec![gid], ..none.clone() },
        IpcFilters { pids: vec![pid], uids: vec![uid + 1], ..none },
    ];
    for ipc_filters in admitted {
        let options = TransportOptions { ipc_filters, ..refuse() };
        let listener = bind(&dir.ipc("feed"), &options).unwrap();
        let (near, far) = pair(&listener, &refuse());
        assert_connected(&near, &far);
    }
    let stranger = IpcFilters { uids: vec![uid + 1], gids: vec![u32::MAX], pids: vec![pid + 1] };
    let options = TransportOptions { ipc_filters: stranger, ..refuse() };
    let listener = bind(&dir.ipc("feed"), &options).unwrap();
    let near = connect(&dir.ipc("feed"), &refuse()).unwrap();
    assert_errno(accept(&listener), libc::EPERM);
    wait(&near, Interest::IN);
    assert_eq!(near.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn an_adopted_listener_leaves_its_file_to_the_application() {
    let dir = TempDir::new();
    let theirs = UnixListener::bind(dir.file("feed")).unwrap();
    let options = TransportOptions { use_fd: Some(theirs.into_raw_fd()), ..refuse() };
    let listener = bind("ipc://*", &options).unwrap();
    assert_eq!(listener.endpoint(), dir.ipc("feed"));
    let (near, far) = pair(&listener, &refuse());
    assert_connected(&near, &far);
    drop(listener);
    assert!(dir.file("feed").exists());
    assert_errno(connect(&dir.ipc("feed"), &refuse()), libc::ECONNREFUSED);
}
