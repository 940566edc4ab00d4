//! What holds of the types themselves: they go between threads, and into each other and back.

use oxmq::{
    AnySocket, Channel, Client, Context, Dealer, Dgram, Dish, Error, Gather, Message, Monitor,
    Pair, Peer, PeerId, Poller, Proxy, ProxyHandle, Pub, Pull, Push, Radio, RecvHalf, Rep, Req,
    Router, RoutingId, Scatter, SendError, SendHalf, Server, SocketType, Stream, Sub, XPub, XSub,
    kind,
};

fn send_and_sync<T: Send + Sync + 'static>() {}

fn send<T: Send>(value: T) -> T {
    value
}

#[test]
fn everything_goes_between_threads() {
    send_and_sync::<Context>();
    send_and_sync::<Pair>();
    send_and_sync::<Pub>();
    send_and_sync::<Sub>();
    send_and_sync::<XPub>();
    send_and_sync::<XSub>();
    send_and_sync::<Req>();
    send_and_sync::<Rep>();
    send_and_sync::<Dealer>();
    send_and_sync::<Router>();
    send_and_sync::<Push>();
    send_and_sync::<Pull>();
    send_and_sync::<Stream>();
    send_and_sync::<AnySocket>();
    send_and_sync::<SendHalf<kind::Router>>();
    send_and_sync::<RecvHalf<kind::Router>>();
    send_and_sync::<Message>();
    send_and_sync::<RoutingId>();
    send_and_sync::<PeerId>();
    send_and_sync::<Server>();
    send_and_sync::<RecvHalf<kind::Server>>();
    send_and_sync::<Error>();
    send_and_sync::<SendError>();
    send_and_sync::<Monitor>();
    send_and_sync::<ProxyHandle>();
    send(Poller::new().unwrap());
    fn is_send<T: Send>() {}
    is_send::<Proxy>();
}

#[test]
fn every_future_may_move_to_another_thread() {
    let context = Context::new();
    let (router, req) = (Router::new(&context).unwrap(), Req::new(&context).unwrap());
    let publisher = Pub::new(&context).unwrap();
    let mut message = Message::from("m");
    drop(send(router.recv_async()));
    drop(send(router.recv_from_async()));
    drop(send(router.send_to_async("id", "m")));
    drop(send(req.send_async("m")));
    let server = Server::new(&context).unwrap();
    drop(send(server.recv_peer_async()));
    drop(send(server.send_peer_async(PeerId::new(1).unwrap(), "m")));
    drop(send(Dgram::new(&context).unwrap().recv_datagram_async()));
    drop(send(req.send_from_async(&mut message)));
    drop(send(req.request_async("m")));
    drop(send(req.wait_connected_async(1)));
    drop(send(publisher.wait_subscribed_async(1)));
    drop(send(Poller::new().unwrap().wait_async(&mut Vec::new())));
    drop(send(publisher.monitor().unwrap().recv_async()));
}

macro_rules! round_trip {
    ($($name:ident)+) => {$(
        let socket = $name::new(&Context::new()).unwrap();
        assert_eq!(socket.socket_type(), SocketType::$name);
        let any = AnySocket::from(socket);
        assert_eq!(any.socket_type(), SocketType::$name);
        assert_eq!($name::try_from(any).unwrap().socket_type(), SocketType::$name);
    )+};
}

#[test]
fn each_type_becomes_any_socket_and_itself_again() {
    round_trip! {
        Pair Pub Sub XPub XSub Req Rep Dealer Router Push Pull Stream
        Client Server Radio Dish Scatter Gather Dgram Peer Channel
    }
}

#[test]
fn a_socket_of_another_type_is_given_back() {
    let any = AnySocket::new(&Context::new(), SocketType::Pull).unwrap();
    let wrong = Push::try_from(any).unwrap_err();
    assert_eq!(wrong.to_string(), "expected a PUSH socket, found a PULL socket");
    assert_eq!(wrong.expected, SocketType::Push);
    Pull::try_from(wrong.socket).unwrap();
}

#[test]
fn every_type_can_be_made_at_run_time() {
    let context = Context::new();
    for socket_type in SocketType::ALL {
        assert_eq!(AnySocket::new(&context, socket_type).unwrap().socket_type(), socket_type);
    }
}

#[test]
fn an_untyped_socket_says_what_its_type_cannot_do() {
    let context = Context::new();
    let push = AnySocket::new(&context, SocketType::Push).unwrap();
    assert!(matches!(push.recv(), Err(Error::NotSupported { .. })));
    assert!(matches!(push.subscribe("a"), Err(Error::NotSupported { .. })));
    let pull = AnySocket::new(&context, SocketType::Pull).unwrap();
    let error = pull.send("kept").unwrap_err();
    assert!(matches!(error.error(), Error::NotSupported { .. }));
    assert_eq!(error.into_message(), ["kept"]);
}

#[test]
fn the_context_of_a_socket_is_the_one_it_was_made_from() {
    let context = Context::with_options(|o| o.max_sockets(2)).unwrap();
    let first = Pull::new(&context).unwrap();
    let _second = Pull::new(&first.context()).unwrap();
    let third = Pull::new(&context);
    assert!(matches!(third, Err(Error::TooManySockets { limit: 2 })));
}

#[test]
fn endpoints_are_told_as_they_were_resolved() {
    let context = Context::new();
    let pull = Pull::new(&context).unwrap();
    let bound = pull.bind("tcp://127.0.0.1:*").unwrap();
    assert_ne!(bound, "tcp://127.0.0.1:*");
    assert_eq!(pull.last_endpoint(), bound);
    assert_eq!(pull.endpoints().bound, [bound.as_str()]);
    let push = Push::new(&context).unwrap();
    push.connect(&bound).unwrap();
    assert_eq!(push.endpoints().connected, [bound.as_str()]);
    push.disconnect(&bound).unwrap();
    pull.unbind(&bound).unwrap();
    assert!(matches!(pull.unbind(&bound), Err(Error::NoSuchEndpoint { .. })));
    assert!(pull.endpoints().bound.is_empty() && push.endpoints().connected.is_empty());
    // It is free again at once.
    assert_eq!(pull.bind(&bound).unwrap(), bound);
}
