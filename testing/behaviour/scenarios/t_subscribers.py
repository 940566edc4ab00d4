"""What an XPUB is told by peers that do not subscribe as a SUB does. RFC 29, zmq_setsockopt(3)."""
from kit import scenario
from t_draft import publish
from t_wire import dial, frame


def subscription(minor, topic, cancel=False):
    """As a peer of ZMTP 3.minor writes it."""
    if minor:
        name = b"CANCEL" if cancel else b"SUBSCRIBE"
        return frame(4, bytes([len(name)]) + name + topic)
    return frame(0, (b"\0" if cancel else b"\1") + topic)


@scenario()
def cancels_of_what_nobody_asked_for(z):
    for options in ({}, {"XPUB_VERBOSE": 1}, {"XPUB_VERBOSER": 1}, {"XPUB_MANUAL": 1}):
        for minor in (0, 1):
            ctx = z.context()
            xpub = ctx.socket("XPUB", **options)
            xpub.bind_any("tcp")
            peer, other = dial(xpub), dial(xpub)
            peer.shake(b"SUB", minor)
            other.shake(b"XSUB", minor)
            peer.send(subscription(minor, b"never", True) + subscription(minor, b"a")
                      + subscription(minor, b"a") + subscription(minor, b"a", True) * 3)
            z.say("alone", xpub.drain())
            peer.send(subscription(minor, b"k"))
            z.say("subscribed", xpub.recv())
            other.send(subscription(minor, b"k", True) + subscription(minor, b"zz", True))
            z.say("the other cancels", xpub.drain())
            peer.send(subscription(minor, b"k", True))
            z.say("last", xpub.drain())
            peer.connection.close()
            other.connection.close()
            z.say("gone", xpub.drain())
            ctx.end()


@scenario()
def messages_among_subscriptions(z):
    ctx = z.context()
    xpub = ctx.socket("XPUB")
    xpub.bind_any("tcp")
    peer = dial(xpub)
    peer.shake(b"SUB")
    for data in (frame(0, b"user"), frame(1, b"one"), frame(1, b"\1A"), frame(0, b"\0A"),
                 frame(0, b""), frame(0, b"\1"), frame(0, b"\0")):
        peer.send(data)
    z.say("told", xpub.drain())
    ctx.end()


@scenario()
def subscriptions_tell_whose_they_are(z):
    """What an XPUB receives of a peer has the properties of its connection."""
    for transport in ("tcp", "inproc"):
        ctx = z.context()
        xpub, sub = ctx.socket("XPUB", XPUB_VERBOSER=1), ctx.socket("SUB")
        sub.connect(xpub.bind_any(transport))
        for what in ("SUBSCRIBE", "UNSUBSCRIBE"):
            sub.set(what, b"a")
            told = z.message()
            told.recv(xpub)
            z.say("told", told.data())
            z.say("of", [told.gets(name) for name in ("Socket-Type", "Peer-Address", "User-Id")])
        sub.set("SUBSCRIBE", b"b")
        xpub.recv()
        sub.close()
        told = z.message()
        told.recv(xpub)
        z.say("gone", [told.data(), told.gets("Socket-Type")])
        ctx.end()


@scenario()
def a_message_leaves_the_peer_of_manual_mode(z):
    """XPUB_MANUAL: what is set after a message is received is for who subscribed last."""
    for transport in ("tcp", "inproc"):
        ctx = z.context()
        xpub, xsub = ctx.pair("XPUB", "XSUB", transport, one={"XPUB_MANUAL": 1})
        xsub.send(b"\1A")
        xpub.recv()
        xsub.send(b"a message")
        xpub.recv()
        xpub.set("SUBSCRIBE", b"2")
        xpub.send(b"2x")
        xsub.recv()
        ctx.end()


@scenario(draft=True)
def publishers_do_not_say_hello(z):
    for transport in ("tcp", "inproc"):
        for name in ("PUB", "XPUB"):
            ctx = z.context()
            ctx.pair(name, "SUB", transport, one={"HELLO_MSG": b"H"}, two={"SUBSCRIBE": b""})
            z.expect("nothing", ctx.sockets[1].none(), "EAGAIN")
            ctx.end()


def heard(z, opened, of):
    """Makes calls until the subscriber and the publisher know of each other."""
    for _ in range(10):
        opened.quiet_get("EVENTS")
        of.quiet_get("EVENTS")
        z.settle(0.02)


@scenario()
def a_publisher_that_connects_keeps_its_queue(z):
    """While its subscriber is away, a PUB or XPUB that connects to it goes on as if it were there:
    nothing is unsubscribed, and what was subscribed to waits for the next connection."""
    for name, options in (("XPUB", {}), ("XPUB", {"XPUB_VERBOSE": 1}), ("XPUB", {"XPUB_MANUAL": 1}),
                          ("XPUB", {"IMMEDIATE": 1}), ("PUB", {})):
        ctx = z.context()
        where = f"tcp://127.0.0.1:{z.port()}"
        pub, sub = ctx.socket(name, RECONNECT_IVL=20, **options), ctx.socket("SUB", SUBSCRIBE=b"a")
        monitor = pub.monitor(ctx, 0x1200)
        sub.bind(where)
        pub.connect(where)
        monitor.wait("HANDSHAKE_SUCCEEDED")
        heard(z, sub, pub)
        if name == "XPUB":
            z.say("subscribed", pub.drain(50))
        if "XPUB_MANUAL" in options:
            pub.set("SUBSCRIBE", b"a")
        pub.send(b"a1")
        sub.recv()
        sub.close()
        monitor.wait("DISCONNECTED")
        z.settle(0.1)
        if name == "XPUB":
            z.say("told", pub.drain(50))
        for body in (b"a2", b"b2", b"a3"):
            pub.send(body)
        sub = ctx.socket("XSUB")
        sub.send(b"\1b")
        z.eventually("bound", lambda: z.call("zmq_bind", sub.pointer(), where.encode()) == 0)
        monitor.wait("HANDSHAKE_SUCCEEDED")
        heard(z, sub, pub)
        if name == "XPUB":
            z.say("told", pub.drain(50))
        pub.send(b"a4")
        z.say("got", sub.drain())
        pub.disconnect(where)
        if name == "XPUB":
            z.say("told", sorted(pub.drain(50)))
        ctx.end()


@scenario(draft=True)
def a_radio_that_connects_keeps_its_queue(z):
    ctx = z.context()
    where = f"tcp://127.0.0.1:{z.port()}"
    radio, dish = ctx.socket("RADIO", RECONNECT_IVL=20), ctx.socket("DISH")
    monitor = radio.monitor(ctx, 0x1200)
    z.call("zmq_join", dish.pointer(), b"A")
    dish.bind(where)
    radio.connect(where)
    z.eventually("joined", lambda: publish(z, radio, b"A", b"1") == 1 and dish.drain(50))
    dish.close()
    while monitor.event()[0] != "DISCONNECTED":
        pass
    z.settle(0.1)
    publish(z, radio, b"A", b"2")
    publish(z, radio, b"B", b"3")
    dish = ctx.socket("DISH")
    z.call("zmq_join", dish.pointer(), b"A")
    z.eventually("bound", lambda: z.call("zmq_bind", dish.pointer(), where.encode()) == 0)
    z.expect("got", dish.recv(), [b"2"])
    z.expect("no more", dish.none(), "EAGAIN")
    ctx.end()
