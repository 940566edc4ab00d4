//! A send that fails gives the message back, whatever the reason, and says the reason.

use std::time::Duration;

use oxmq::{Context, Error, Message, Pair, Push, Rep, Req, Router, SendError, Wait};

fn parts(error: SendError) -> (Message, Error) {
    error.into_parts()
}

#[test]
fn a_mute_socket_gives_the_message_back() {
    let push = Push::new(&Context::new()).unwrap();
    let (message, error) = parts(push.try_send(["a", "b"]).unwrap_err());
    assert!(matches!(error, Error::WouldBlock));
    assert_eq!(message, ["a", "b"]);
    let (message, error) = parts(push.send_timeout(message, Duration::from_millis(1)).unwrap_err());
    assert!(matches!(error, Error::TimedOut));
    assert_eq!(message, ["a", "b"]);
    push.configure(|o| o.send_timeout(Duration::ZERO)).unwrap();
    let (message, error) = parts(push.send(message).unwrap_err());
    assert!(error.is_would_block());
    assert_eq!(message, ["a", "b"]);
}

#[test]
fn a_message_in_the_callers_hand_stays_there() {
    let context = Context::new();
    let (one, other) = (Pair::new(&context).unwrap(), Pair::new(&context).unwrap());
    let mut message = Message::from(["a", "b"]);
    assert!(matches!(one.send_from(&mut message, Wait::No), Err(Error::WouldBlock)));
    assert_eq!(message, ["a", "b"]);
    one.bind("inproc://hand").unwrap();
    other.connect("inproc://hand").unwrap();
    one.send_from(&mut message, Wait::Forever).unwrap();
    assert!(message.is_empty());
    assert_eq!(other.recv().unwrap(), ["a", "b"]);
}

#[test]
fn an_unknown_peer_gives_the_message_back_without_the_routing_id() {
    let router = Router::with_options(&Context::new(), |o| o.router_mandatory(true)).unwrap();
    let (message, error) = parts(router.send_to("nobody", ["a", "b"]).unwrap_err());
    assert!(matches!(error, Error::HostUnreachable));
    assert_eq!(message, ["a", "b"]);
    let future = router.send_to_async("nobody", "c");
    let (message, error) = parts(pollster::block_on(future).unwrap_err());
    assert!(matches!(error, Error::HostUnreachable));
    assert_eq!(message, ["c"]);
}

#[test]
fn out_of_turn_gives_the_message_back() {
    let context = Context::new();
    let (rep, req) = (Rep::new(&context).unwrap(), Req::new(&context).unwrap());
    let (message, error) = parts(rep.send("reply to nothing").unwrap_err());
    assert!(matches!(error, Error::State { .. }));
    assert_eq!(message, ["reply to nothing"]);
    assert!(matches!(req.recv(), Err(Error::State { .. })));
    req.connect(&rep.bind("inproc://turn").unwrap()).unwrap();
    req.send("first").unwrap();
    let (message, error) = parts(req.send("second").unwrap_err());
    assert!(matches!(error, Error::State { .. }));
    assert_eq!(message, ["second"]);
}

#[test]
fn a_terminated_context_gives_the_message_back() {
    let context = Context::new();
    let push = Push::new(&context).unwrap();
    context.shutdown();
    let (message, error) = parts(push.send("late").unwrap_err());
    assert!(matches!(error, Error::Terminated));
    assert_eq!(message, ["late"]);
    assert!(matches!(Push::new(&context), Err(Error::Terminated)));
}

#[test]
fn several_parts_on_a_conflating_socket_come_back() {
    let context = Context::new();
    let push = Push::with_options(&context, |o| o.conflate(true)).unwrap();
    push.connect("inproc://conflating").unwrap();
    let (message, error) = parts(push.send(["a", "b"]).unwrap_err());
    assert!(matches!(error, Error::InvalidMessage { .. }));
    assert_eq!(message, ["a", "b"]);
}

#[test]
fn errors_turn_into_those_of_io() {
    let push = Push::new(&Context::new()).unwrap();
    let io = std::io::Error::from(push.try_send("a").unwrap_err());
    assert_eq!(io.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn endpoints_that_are_wrong_say_why() {
    let push = Push::new(&Context::new()).unwrap();
    for wrong in ["", "tcp", "tcp://", "pgm://127.0.0.1:1", "tcp://127.0.0.1:99999"] {
        let error = push.connect(wrong).unwrap_err();
        assert!(matches!(&error, Error::Endpoint { .. }), "{wrong}: {error:?}");
        assert!(error.to_string().contains(&format!("\"{wrong}\"")), "{error}");
    }
    let taken = push.bind("tcp://127.0.0.1:*").unwrap();
    assert!(matches!(push.bind(&taken), Err(Error::AddressInUse { .. })));
}
