//! REQ's request and reply in one call, in time and too late. Each test has sockets of its own.

use std::thread;
use std::time::Duration;

use oxmq::{Context, Error, Rep, Req};

use crate::watched;

#[test]
fn a_request_that_times_out_blocks_the_next_unless_relaxed() {
    let context = Context::new();
    let rep = Rep::new(&context).unwrap();
    let endpoint = rep.bind("inproc://silent").unwrap();
    let short = Duration::from_millis(1);
    let strict = Req::new(&context).unwrap();
    strict.connect(&endpoint).unwrap();
    assert!(matches!(strict.request_timeout("a", short), Err(Error::TimedOut)));
    assert!(matches!(strict.request_timeout("b", short), Err(Error::State { .. })));
}

#[test]
fn a_relaxed_request_takes_only_its_own_reply() {
    watched(|| {
        let context = Context::new();
        let rep = Rep::new(&context).unwrap();
        let endpoint = rep.bind("tcp://127.0.0.1:*").unwrap();
        let req = Req::with_options(&context, |o| o.req_relaxed(true).req_correlate(true));
        let req = req.unwrap();
        req.connect(&endpoint).unwrap();
        assert!(req.request_timeout("first", Duration::from_millis(1)).is_err());
        let server = thread::spawn(move || {
            // Both are answered, the first one too late.
            for _ in 0..2 {
                let request = rep.recv().unwrap();
                rep.send(request).unwrap();
            }
            rep
        });
        assert_eq!(req.request("second").unwrap(), ["second"]);
        drop(server.join().unwrap());
    });
}

#[test]
fn a_very_long_timeout_is_for_ever() {
    let context = Context::new();
    let (rep, req) = (Rep::new(&context).unwrap(), Req::new(&context).unwrap());
    req.connect(&rep.bind("inproc://long").unwrap()).unwrap();
    let server = thread::spawn(move || {
        let request = rep.recv_timeout(Duration::MAX).unwrap();
        rep.send_timeout(request, Duration::MAX).unwrap();
    });
    assert_eq!(req.request_timeout("a", Duration::MAX).unwrap(), ["a"]);
    server.join().unwrap();
}
