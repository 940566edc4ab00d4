//! Tests of binding, accepting and connecting over loopback, and the helpers they share.
//!
//! Ports are the system's choice. Waits end with the event; their limit only catches hangs.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod ipc;
mod options;
mod tcp;

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oxmq_zmtp::Endpoint;

use super::*;
use crate::sys::{Epoll, Events, Interest};

/// Waits for a descriptor; panics when nothing happens for so long that it never will.
pub(super) fn wait(fd: impl AsFd, interest: Interest) {
    let (epoll, mut events) = (Epoll::new().unwrap(), Events::with_capacity(1));
    epoll.add(fd.as_fd(), 0, interest).unwrap();
    let found = epoll.wait(&mut events, Some(WATCHDOG)).unwrap();
    assert_eq!(found, 1, "nothing happened for {WATCHDOG:?}");
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn bind(text: &str, options: &TransportOptions) -> io::Result<Listener> {
    bind_to(&endpoint(text), options)
}

fn bind_to(endpoint: &Endpoint, options: &TransportOptions) -> io::Result<Listener> {
    Listener::bind(endpoint, options).map_err(|fault| fault.error)
}

/// The only target of an endpoint.
fn target(text: &str, ipv6: bool) -> Target {
    let mut targets = resolve(&endpoint(text), ipv6).unwrap();
    assert_eq!(targets.len(), 1);
    targets.remove(0)
}

/// Carries a connection attempt to its end.
fn finish(mut connecting: Connecting) -> io::Result<Stream> {
    loop {
        match connecting {
            Connecting::Ready(stream) => return Ok(stream),
            Connecting::InProgress(pending) => {
                wait(&pending, Interest::OUT);
                connecting = pending.finish()?;
            }
        }
    }
}

fn connect(text: &str, options: &TransportOptions) -> io::Result<Stream> {
    finish(target(text, options.ipv6).connect(options)?)
}

fn accept(listener: &Listener) -> io::Result<Stream> {
    wait(listener, Interest::IN);
    Ok(listener.accept()?.unwrap())
}

/// Both ends of a connection to a listener: the connecting one first.
fn pair(listener: &Listener, options: &TransportOptions) -> (Stream, Stream) {
    let near = connect(&listener.endpoint(), options).unwrap();
    let far = accept(listener).unwrap();
    (near, far)
}

/// Shows that bytes get through both ways and that an end of stream does.
fn assert_connected(near: &Stream, far: &Stream) {
    let mut buffer = [0; 16];
    for (from, to) in [(near, far), (far, near)] {
        assert_eq!(to.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(from.write(b"hello").unwrap(), 5);
        wait(to, Interest::IN);
        assert_eq!(to.read(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"hello");
    }
    near.shutdown_write().unwrap();
    wait(far, Interest::IN | Interest::RDHUP);
    assert_eq!(far.read(&mut buffer).unwrap(), 0);
    assert_eq!(far.write(b"reply").unwrap(), 5);
    wait(near, Interest::IN);
    assert_eq!(near.read(&mut buffer).unwrap(), 5);
}

fn assert_errno<T>(result: io::Result<T>, expected: i32) {
    match result {
        Ok(_) => panic!("expected {}", os_error(expected)),
        Err(error) => assert_eq!(errno(&error), expected, "{error}"),
    }
}

/// Whether this machine has ::1; says so when a test is left out for want of it.
fn has_ipv6() -> bool {
    let found = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !found {
        eprintln!("left out: this machine has no IPv6 loopback address");
    }
    found
}

/// A directory of its own for each test, removed at the end.
struct TempDir(std::path::PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oxmq-transport-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }

    fn ipc(&self, name: &str) -> String {
        format!("ipc://{}", self.file(name).display())
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// No work here takes a second on a loaded machine.
pub(super) const WATCHDOG: Duration = Duration::from_secs(60);

#[test]
fn streams_and_listeners_may_move_between_threads() {
    fn movable<T: Send + Sync + 'static>() {}
    movable::<Stream>();
    movable::<Listener>();
    movable::<Pending>();
    movable::<Target>();
    movable::<Resolver>();
}

#[test]
fn inproc_is_no_endpoint_of_this_module() {
    let options = TransportOptions::default();
    assert_errno(bind("inproc://name", &options), libc::EINVAL);
    assert_errno(resolve(&endpoint("inproc://name"), true), libc::EINVAL);
}
