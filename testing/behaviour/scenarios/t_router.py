"""ROUTER: RFC 28, zmq_socket(3), the ROUTER options of zmq_setsockopt(3)."""
from kit import Failure, scenario


@scenario()
def addresses_by_routing_id(z):
    for transport in ("tcp", "ipc", "inproc"):
        ctx = z.context()
        router = ctx.socket("ROUTER")
        where = router.bind_any(transport)
        dealers = [ctx.socket("DEALER", ROUTING_ID=b"D%d" % i) for i in range(3)]
        for i, dealer in enumerate(dealers):
            dealer.connect(where)
            dealer.send(b"hello")
            router.recv()
        for i in (2, 0, 1):
            router.send(b"D%d" % i, b"to", b"%d" % i)
            dealers[i].recv()
        router.send(b"nobody", b"dropped")
        router.send(b"nobody", b"dropped", b"whole")
        router.send(b"alone")
        router.send(b"D0", b"after")
        dealers[0].recv()
        ctx.end()


@scenario()
def automatic_ids(z):
    ctx = z.context()
    router, dealer = ctx.pair("ROUTER", "DEALER", "tcp")
    dealer.send(b"x")
    peer = router.quiet_recv()[0]
    z.say("id", [len(peer), peer[0]])
    second = ctx.socket("DEALER")
    second.connect(router.endpoint())
    second.send(b"y")
    other = router.quiet_recv()[0]
    z.say("another", [len(other), other[0], other != peer])
    ctx.end()


@scenario()
def mandatory(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1)
    router.events()
    where = router.bind_any("tcp")
    router.send(b"X", b"unroutable")
    router.send(b"X", b"unroutable", flags=1)
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X")
    dealer.connect(where)
    z.eventually("reached", lambda: router.quiet_send(b"X", b"hello") == 5)
    dealer.recv()
    router.send(b"Y", b"z")
    router.send(b"X", b"again")
    dealer.recv()
    dealer.close()
    z.eventually("gone", lambda: router.quiet_send(b"X", b"hello") != 5)
    router.send(b"X", b"gone")
    router.set("ROUTER_MANDATORY", 0)
    router.send(b"X", b"dropped")
    ctx.end()


@scenario()
def mandatory_with_hwm(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1, SNDHWM=2)
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X", RCVHWM=2)
    ctx.link(router, dealer, "inproc")
    z.eventually("reached", lambda: router.quiet_send(b"X", b"0", flags=1) == 1)
    count = 1
    while router.quiet_send(b"X", b"%d" % count, flags=1) == 1 and count < 100:
        count += 1
    z.say("taken", count)
    router.send(b"X", b"no", flags=1)
    router.full(b"X", b"no")
    z.say("all come", len(dealer.drain()))
    router.send(b"X", b"room")
    dealer.recv()
    ctx.end()


@scenario()
def drops_when_full_without_mandatory(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", SNDHWM=2)
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X", RCVHWM=2)
    ctx.link(router, dealer, "inproc")
    dealer.send(b"hello")
    router.recv()
    z.say("sent", [router.quiet_send(b"X", b"%d" % i, flags=1) for i in range(10)])
    z.say("come", dealer.drain())
    ctx.end()


@scenario()
def duplicate_ids_keep_the_first(z):
    ctx = z.context()
    router = ctx.socket("ROUTER")
    where = router.bind_any("tcp")
    first = ctx.socket("DEALER", ROUTING_ID=b"X")
    first.connect(where)
    first.send(b"1")
    router.recv()
    second = ctx.socket("DEALER", ROUTING_ID=b"X")
    second.connect(where)
    second.send(b"2", flags=1)
    router.none(400)
    router.send(b"X", b"to the first")
    first.recv()
    second.none(100)
    ctx.end()


@scenario()
def handover(z):
    for transport in ("tcp", "inproc"):
        ctx = z.context()
        router = ctx.socket("ROUTER", ROUTER_HANDOVER=1)
        where = router.bind_any(transport)
        first = ctx.socket("DEALER", ROUTING_ID=b"X", RECONNECT_IVL=-1)
        first.connect(where)
        first.send(b"1")
        router.recv()
        second = ctx.socket("DEALER", ROUTING_ID=b"X")
        second.connect(where)
        second.send(b"2")
        router.recv()
        router.send(b"X", b"to the second")
        second.recv()
        first.none(100)
        ctx.end()


@scenario()
def id_is_free_after_the_peer_is_gone(z):
    ctx = z.context()
    router = ctx.socket("ROUTER")
    where = router.bind_any("tcp")
    for i in range(3):
        dealer = ctx.socket("DEALER", ROUTING_ID=b"X", RECONNECT_IVL=20)
        dealer.connect(where)
        dealer.send(b"%d" % i)
        router.recv()
        router.send(b"X", b"back")
        dealer.recv()
        dealer.close()
        router.none()
    ctx.end()


@scenario()
def connect_routing_id(z):
    for transport in ("tcp", "inproc"):
        ctx = z.context()
        router = ctx.socket("ROUTER")
        dealers = [ctx.socket("DEALER") for _ in range(2)]
        for i, dealer in enumerate(dealers):
            where = dealer.bind_any(transport)
            router.set("CONNECT_ROUTING_ID", b"peer%d" % i)
            router.connect(where)
        z.settle()
        for i, dealer in enumerate(dealers):
            router.send(b"peer%d" % i, b"hi")
            dealer.recv()
            dealer.send(b"back")
            router.recv()
        ctx.end()


@scenario()
def connect_routing_id_is_for_one_connect(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1)
    one, two = ctx.socket("DEALER"), ctx.socket("DEALER")
    router.set("CONNECT_ROUTING_ID", b"one")
    router.connect(one.bind_any("tcp"))
    router.connect(two.bind_any("tcp"))
    z.eventually("reached", lambda: router.quiet_send(b"one", b"x") == 1)
    one.recv()
    two.send(b"me")
    peer = router.quiet_recv()
    z.say("automatic", [len(peer[0]), peer[0][0], peer[1]])
    router.set("CONNECT_ROUTING_ID", b"")
    router.set("CONNECT_ROUTING_ID", b"\0begins with zero")
    router.set("CONNECT_ROUTING_ID", b"i" * 255)
    ctx.end()


@scenario()
def routing_id_rules(z):
    ctx = z.context()
    for name in ("DEALER", "REQ", "REP", "ROUTER", "PULL", "PUB", "PAIR", "STREAM"):
        s = ctx.socket(name)
        s.get("ROUTING_ID")
        s.set("ROUTING_ID", b"")
        s.set("ROUTING_ID", None)
        s.set("ROUTING_ID", b"a")
        s.get("ROUTING_ID")
        s.set("ROUTING_ID", b"b" * 255)
        s.set("ROUTING_ID", b"c" * 256)
        s.set("ROUTING_ID", b"\0zero")
        s.get("ROUTING_ID")
    s.get("ROUTING_ID", 2)
    ctx.end()


@scenario()
def routing_id_of_255_bytes_works(z):
    ctx = z.context()
    router, dealer = ctx.pair("ROUTER", "DEALER", "tcp", two={"ROUTING_ID": b"i" * 255})
    dealer.send(b"x")
    router.recv()
    router.send(b"i" * 255, b"y")
    dealer.recv()
    ctx.end()


@scenario()
def routing_id_beginning_with_zero(z):
    ctx = z.context()
    router = ctx.socket("ROUTER")
    where = router.bind_any("tcp")
    dealer = ctx.socket("DEALER", ROUTING_ID=b"\0abc")
    dealer.connect(where)
    dealer.send(b"x")
    got = router.quiet_recv()
    z.say("shown as", got if isinstance(got, str) else [len(got[0]), got[0] == b"\0abc"])
    ctx.end()


@scenario()
def probe_router(z):
    for name in ("DEALER", "ROUTER", "REQ"):
        for transport in ("tcp", "inproc"):
            ctx = z.context()
            router = ctx.socket("ROUTER")
            where = router.bind_any(transport)
            peer = ctx.socket(name, ROUTING_ID=b"P", PROBE_ROUTER=1)
            peer.connect(where)
            router.recv()
            router.send(b"P", b"", b"hello") if name == "REQ" else router.send(b"P", b"hello")
            if name == "DEALER":
                peer.recv()
            router.none(100)
            ctx.end()


@scenario()
def probe_on_the_bound_side(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", PROBE_ROUTER=1)
    dealer = ctx.socket("DEALER")
    ctx.link(router, dealer, "tcp")
    router.none()
    dealer.recv()
    ctx.end()


@scenario()
def probe_router_wrong_types(z):
    ctx = z.context()
    for name in ("PUB", "SUB", "PUSH", "PULL", "PAIR", "REP", "XPUB", "XSUB", "STREAM"):
        ctx.socket(name).set("PROBE_ROUTER", 1)
    for option in ("ROUTER_MANDATORY", "ROUTER_HANDOVER", "ROUTER_RAW", "PROBE_ROUTER"):
        s = ctx.socket("ROUTER")
        for value in (-1, 2, 1, 0):
            s.set(option, value)
        s.get(option)
        ctx.socket("DEALER").set(option, 1)
    ctx.end()


@scenario()
def router_to_router(z):
    ctx = z.context()
    one = ctx.socket("ROUTER", ROUTING_ID=b"one", ROUTER_MANDATORY=1)
    two = ctx.socket("ROUTER", ROUTING_ID=b"two", ROUTER_MANDATORY=1)
    ctx.link(one, two, "tcp")
    z.eventually("reached", lambda: one.quiet_send(b"two", b"x") == 1)
    two.recv()
    z.eventually("reached", lambda: two.quiet_send(b"one", b"y") == 1)
    one.recv()
    ctx.end()


@scenario()
def peer_lost_in_the_middle_of_a_message(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1)
    where = router.bind_any("tcp")
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X")
    dealer.connect(where)
    dealer.send(b"hello")
    router.recv()
    router.send(b"X", flags=2)
    dealer.close()
    z.settle(0.2)
    router.send(b"rest", flags=2)
    router.send(b"end")
    router.send(b"X", b"next")
    other = ctx.socket("DEALER", ROUTING_ID=b"Y")
    other.connect(where)
    other.send(b"hello")
    router.recv()
    router.send(b"Y", b"works")
    other.recv()
    ctx.end()


@scenario()
def router_fair_queueing(z):
    ctx = z.context()
    router = ctx.socket("ROUTER")
    where = router.bind_any("inproc")
    dealers = [ctx.socket("DEALER", ROUTING_ID=b"%d" % i) for i in range(3)]
    for dealer in dealers:
        dealer.connect(where)
        for i in range(4):
            dealer.quiet_send(b"%d" % i)
    seen = [router.quiet_recv() for _ in range(12)]
    for turn in range(4):
        z.say("turn", sorted(seen[turn * 3:turn * 3 + 3]))
    ctx.end()


@scenario()
def raw_router(z):
    import socket as pysocket
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_RAW=1)
    router.bind_any("tcp")
    port = int(router.endpoint().rsplit(":", 1)[1])
    peer = pysocket.create_connection(("127.0.0.1", port))
    peer.sendall(b"raw bytes")
    got = router.quiet_recv()
    while got[1] == b"":
        z.say("empty first")
        got = router.quiet_recv()
    z.say("got", [len(got[0]), got[1:]])
    router.quiet_send(got[0], b"answer")
    z.say("answer", peer.recv(100))
    peer.close()
    z.say("end", router.quiet_recv()[1:])
    ctx.end()


@scenario(stock="it does not close, though zmq_setsockopt(3) says so")
def raw_router_closes_by_an_empty_message(z):
    import socket as pysocket
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_RAW=1)
    router.bind_any("tcp")
    port = int(router.endpoint().rsplit(":", 1)[1])
    peer = pysocket.create_connection(("127.0.0.1", port))
    z.expect("id", len(got := router.quiet_recv()), 2)
    router.quiet_send(got[0], b"")
    z.expect("closed", peer.recv(100), b"")
    peer.close()
    ctx.end()


@scenario(draft=True)
def notify(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_NOTIFY=3)
    where = router.bind_any("tcp")
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X")
    dealer.connect(where)
    z.expect("came", router.recv(), [b"X", b""])
    dealer.send(b"hello")
    z.expect("message", router.recv(), [b"X", b"hello"])
    dealer.close()
    z.expect("went", router.recv(), [b"X", b""])
    z.expect("get", router.get("ROUTER_NOTIFY"), 3)
    z.expect("wrong", router.set("ROUTER_NOTIFY", 4), "EINVAL")
    z.expect("wrong type", ctx.socket("DEALER").set("ROUTER_NOTIFY", 1), "EINVAL")
    ctx.end()


@scenario(draft=True)
def hello_and_disconnect_messages(z):
    ctx = z.context()
    for transport in ("tcp", "inproc"):
        router = ctx.socket("ROUTER", HELLO_MSG=b"H", DISCONNECT_MSG=b"D")
        where = router.bind_any(transport)
        dealer = ctx.socket("DEALER", ROUTING_ID=b"X")
        dealer.connect(where)
        z.expect("hello", dealer.recv(), [b"H"])
        dealer.send(b"x")
        z.expect("message", router.recv(), [b"X", b"x"])
        dealer.close()
        z.expect("gone", router.recv(), [b"X", b"D"])
    ctx.end()


@scenario(draft=True)
def disconnect_message_is_for_accepted_peers(z):
    for one, two in (("ROUTER", "DEALER"), ("SERVER", "CLIENT"), ("PEER", "PEER")):
        for transport in ("tcp", "inproc"):
            ctx = z.context()
            opened, peer = ctx.socket(one, DISCONNECT_MSG=b"D", RECONNECT_IVL=-1), ctx.socket(two)
            opened.connect(peer.bind_any(transport))
            if one == "ROUTER":
                peer.send(b"x")
                z.expect("joined", opened.quiet_recv()[1:], [b"x"])
            z.settle(0.1)
            peer.close()
            z.expect("told nothing", opened.none(), "EAGAIN")
            ctx.end()


@scenario(draft=True)
def hiccup_message(z):
    ctx = z.context()
    port = z.port()
    router = ctx.socket("ROUTER")
    router.bind(f"tcp://127.0.0.1:{port}")
    dealer = ctx.socket("DEALER", HICCUP_MSG=b"HICCUP", RECONNECT_IVL=20)
    dealer.connect(f"tcp://127.0.0.1:{port}")
    dealer.send(b"x")
    z.say("got", len(router.quiet_recv()))
    router.close()
    z.expect("told", dealer.recv(), [b"HICCUP"])
    ctx.end()


@scenario(draft=True)
def peer_state(z):
    import ctypes as c
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1)
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X")
    ctx.link(router, dealer, "tcp")
    dealer.send(b"x")
    router.recv()

    def state(who):
        return z.call("zmq_socket_get_peer_state", router.pointer(), who, c.c_size_t(len(who)))
    z.expect("writable", state(b"X"), 2)
    z.expect("unknown", state(b"nobody"), "EHOSTUNREACH")
    z.expect("another type", z.call("zmq_socket_get_peer_state", dealer.pointer(), b"X",
                                    c.c_size_t(1)), "ENOTSUP")
    ctx.end()


@scenario()
def many_peers(z):
    ctx = z.context()
    router = ctx.socket("ROUTER")
    where = router.bind_any("tcp")
    dealers = [ctx.socket("DEALER", ROUTING_ID=b"%d" % i) for i in range(60)]
    for dealer in dealers:
        z.call("zmq_connect", dealer.pointer(), where.encode())
        dealer.quiet_send(b"hi")
    got = [router.quiet_recv() for _ in dealers]
    z.say("all", sorted(int(m[0]) for m in got if not isinstance(m, Failure)))
    for i in range(60):
        router.quiet_send(b"%d" % i, b"re%d" % i)
    z.say("right", all(d.quiet_recv() == [b"re%d" % i] for i, d in enumerate(dealers)))
    ctx.end()
