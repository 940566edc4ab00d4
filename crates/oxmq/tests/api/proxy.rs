//! Proxies with typed and untyped sockets, and a control socket.

use std::thread;

use oxmq::{AnySocket, Context, Dealer, Error, Proxy, ProxyEnd, Pull, Push, Rep, Req, Router};
use oxmq::{SocketType, proxy};

use crate::{transports, watched};

#[test]
fn a_queue_returns_replies_to_their_askers() {
    watched(|| {
        for transport in transports("queue-front") {
            let context = Context::new();
            let (front, back) = (Router::new(&context).unwrap(), Dealer::new(&context).unwrap());
            let clients_at = front.bind(&transport).unwrap();
            let servers_at = back.bind("inproc://queue-back").unwrap();
            let device = thread::spawn(move || proxy(&front, &back));
            let server = Rep::new(&context).unwrap();
            server.connect(&servers_at).unwrap();
            let server = thread::spawn(move || -> oxmq::Result<()> {
                loop {
                    let request = server.recv()?;
                    server.send(request)?;
                }
            });
            let clients = [(); 3].map(|()| Req::new(&context).unwrap());
            clients.iter().for_each(|client| client.connect(&clients_at).unwrap());
            for round in 0..50 {
                for (number, client) in clients.iter().enumerate() {
                    client.send([number.to_string(), round.to_string()]).unwrap();
                }
                for (number, client) in clients.iter().enumerate().rev() {
                    assert_eq!(client.recv().unwrap(), [number.to_string(), round.to_string()]);
                }
            }
            context.shutdown();
            assert_eq!(device.join().unwrap().unwrap(), ProxyEnd::ContextTerminated);
            assert!(matches!(server.join().unwrap(), Err(Error::Terminated)));
        }
    });
}

#[test]
fn untyped_sockets_make_a_proxy_and_a_control_socket_ends_it() {
    watched(|| {
        let context = Context::new();
        let front = AnySocket::new(&context, SocketType::Pull).unwrap();
        let back = AnySocket::new(&context, SocketType::Push).unwrap();
        front.bind("inproc://front").unwrap();
        back.bind("inproc://back").unwrap();
        let (control, remote) = (Rep::new(&context).unwrap(), Req::new(&context).unwrap());
        remote.connect(&control.bind("inproc://control").unwrap()).unwrap();
        let proxy = Proxy::new(&front, &back).unwrap().control(&control).unwrap();
        let handle = proxy.handle();
        let proxy = thread::spawn(move || proxy.run());

        let (push, pull) = (Push::new(&context).unwrap(), Pull::new(&context).unwrap());
        push.connect("inproc://front").unwrap();
        pull.connect("inproc://back").unwrap();
        push.send(["a", "b"]).unwrap();
        assert_eq!(pull.recv().unwrap(), ["a", "b"]);
        assert_eq!(remote.request("PAUSE").unwrap(), [""]);
        assert!(handle.is_paused());
        assert_eq!(remote.request("RESUME").unwrap(), [""]);
        assert_eq!(remote.request("STATISTICS").unwrap().len(), 8);
        assert_eq!(remote.request("TERMINATE").unwrap(), [""]);
        assert_eq!(proxy.join().unwrap().unwrap(), ProxyEnd::Terminated);
    });
}

#[test]
fn sockets_between_which_nothing_can_pass_are_refused() {
    let context = Context::new();
    let (one, other) = (Push::new(&context).unwrap(), Push::new(&context).unwrap());
    assert!(matches!(Proxy::new(&one, &other), Err(Error::NotSupported { .. })));
}
