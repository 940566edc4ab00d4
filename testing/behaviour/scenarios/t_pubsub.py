"""PUB, SUB, XPUB and XSUB: RFC 29, zmq_socket(3) "Publish-subscribe pattern"."""
from kit import scenario

ALL = ("inproc", "ipc", "tcp")


def linked(z, ctx, transport="tcp", sub=None, xpub=None, second="SUB"):
    """An XPUB and a subscriber connected to it."""
    one = ctx.socket("XPUB", **(xpub or {}))
    two = ctx.socket(second, **(sub or {}))
    ctx.link(one, two, transport)
    return one, two


def crowd(ctx, second="SUB", **options):
    """An XPUB, and two subscribers that connect to it over tcp."""
    hub = ctx.socket("XPUB", **options)
    where = hub.bind_any("tcp")
    one, two = ctx.socket(second), ctx.socket(second)
    one.connect(where)
    two.connect(where)
    return hub, one, two


@scenario()
def prefixes(z):
    for transport in ALL:
        ctx = z.context()
        xpub, sub = linked(z, ctx, transport)
        for topic in (b"a", b"ab", b"b", b"\0\1"):
            sub.set("SUBSCRIBE", topic)
            xpub.recv()
        for message in (b"", b"a", b"ab", b"abc", b"b", b"c", b"\0", b"\0\1\2", b"ba", b"A"):
            xpub.send(message)
        z.say("got", sub.drain())
        ctx.end()


@scenario()
def subscribe_to_everything(z):
    ctx = z.context()
    xpub, sub = linked(z, ctx)
    sub.none(100)
    sub.set("SUBSCRIBE", b"")
    xpub.recv()
    xpub.send(b"")
    xpub.send(b"x", b"y")
    sub.recv()
    sub.recv()
    sub.set("UNSUBSCRIBE", b"")
    xpub.recv()
    xpub.send(b"z")
    sub.none()
    ctx.end()


@scenario()
def subscriptions_are_counted(z):
    for transport in ALL:
        ctx = z.context()
        xpub, sub = linked(z, ctx, transport)
        for _ in range(3):
            sub.set("SUBSCRIBE", b"t")
        xpub.recv()
        xpub.none(100)
        sub.set("UNSUBSCRIBE", b"t")
        sub.set("UNSUBSCRIBE", b"t")
        xpub.none(100)
        xpub.send(b"t1")
        sub.recv()
        sub.set("UNSUBSCRIBE", b"t")
        xpub.recv()
        xpub.send(b"t2")
        sub.none(100)
        sub.set("UNSUBSCRIBE", b"t")
        sub.set("UNSUBSCRIBE", b"never")
        xpub.none(100)
        ctx.end()


@scenario()
def xsub_messages(z):
    for transport in ALL:
        ctx = z.context()
        xpub, xsub = linked(z, ctx, transport, second="XSUB")
        xsub.send(b"\1a")
        xpub.recv()
        xsub.send(b"\1a")
        xpub.none(100)
        xsub.send(b"\0a")
        xpub.none(100)
        xsub.send(b"\0a")
        xpub.recv()
        xsub.send(b"\0a")
        xpub.none(100)
        xsub.send(b"\1")
        xpub.recv()
        xpub.send(b"all")
        xsub.recv()
        xsub.send(b"upstream")
        xpub.recv()
        xsub.send(b"\2upstream", b"more")
        xpub.recv()
        xsub.send(b"")
        xpub.recv()
        xsub.send(b"\1b", b"behind a subscription")
        z.say("got", xpub.drain())
        ctx.end()


@scenario()
def xsub_does_not_filter(z):
    ctx = z.context()
    xpub, xsub = linked(z, ctx, "inproc", second="XSUB")
    xsub.send(b"\1a")
    xpub.recv()
    xpub.send(b"a1")
    xpub.send(b"b1")
    xsub.recv()
    xsub.none(100)
    ctx.end()


@scenario()
def two_subscribers_of_one_topic(z):
    ctx = z.context()
    xpub, one, two = crowd(ctx)
    one.set("SUBSCRIBE", b"t")
    xpub.recv()
    two.set("SUBSCRIBE", b"t")
    xpub.none()
    xpub.send(b"t1")
    one.recv()
    two.recv()
    one.set("UNSUBSCRIBE", b"t")
    xpub.none()
    two.set("UNSUBSCRIBE", b"t")
    xpub.recv()
    ctx.end()


@scenario()
def verbose(z):
    ctx = z.context()
    xpub, one, two = crowd(ctx, XPUB_VERBOSE=1)
    one.set("SUBSCRIBE", b"t")
    xpub.recv()
    two.set("SUBSCRIBE", b"t")
    xpub.recv()
    one.set("UNSUBSCRIBE", b"t")
    xpub.none()
    two.set("UNSUBSCRIBE", b"t")
    xpub.recv()
    xpub.set("XPUB_VERBOSE", 0)
    one.set("SUBSCRIBE", b"u")
    xpub.recv()
    two.set("SUBSCRIBE", b"u")
    xpub.none()
    ctx.end()


@scenario()
def verboser(z):
    ctx = z.context()
    xpub, one, two = crowd(ctx, XPUB_VERBOSER=1)
    one.set("SUBSCRIBE", b"t")
    xpub.recv()
    two.set("SUBSCRIBE", b"t")
    xpub.recv()
    one.set("UNSUBSCRIBE", b"t")
    xpub.recv()
    two.set("UNSUBSCRIBE", b"t")
    xpub.recv()
    one.set("SUBSCRIBE", b"v")
    two.set("SUBSCRIBE", b"v")
    xpub.recv()
    xpub.recv()
    one.close()
    xpub.recv()
    two.close()
    xpub.recv()
    ctx.end()


@scenario()
def lost_subscriber_unsubscribes(z):
    for transport in ALL:
        ctx = z.context()
        xpub = ctx.socket("XPUB")
        where = xpub.bind_any(transport)
        one, two = ctx.socket("SUB"), ctx.socket("SUB")
        one.connect(where)
        one.set("SUBSCRIBE", b"t")
        xpub.recv()
        two.connect(where)
        two.set("SUBSCRIBE", b"t")
        two.set("SUBSCRIBE", b"u")
        xpub.recv()
        two.close()
        xpub.recv()
        xpub.none(100)
        one.close()
        xpub.recv()
        ctx.end()


@scenario(stock="its SUB tells the publisher nothing of a disconnect")
def disconnecting_unsubscribes(z):
    for transport in ALL:
        ctx = z.context()
        xpub = ctx.socket("XPUB")
        where = xpub.bind_any(transport)
        sub = ctx.socket("SUB", SUBSCRIBE=b"t")
        sub.connect(where)
        z.expect("asked", xpub.recv(), [b"\1t"])
        sub.disconnect(where)
        z.expect("cancelled", xpub.recv(), [b"\0t"])
        ctx.end()


@scenario()
def manual(z):
    for transport in ALL:
        ctx = z.context()
        xpub, sub = linked(z, ctx, transport, xpub={"XPUB_MANUAL": 1})
        sub.set("SUBSCRIBE", b"A")
        xpub.recv()
        xpub.set("SUBSCRIBE", b"XA")
        xpub.send(b"A")
        xpub.send(b"XA")
        sub.none() if transport != "inproc" else sub.none(100)
        sub.set("SUBSCRIBE", b"XA")
        xpub.recv()
        xpub.set("SUBSCRIBE", b"XA")
        xpub.send(b"XA2")
        sub.recv()
        sub.set("UNSUBSCRIBE", b"A")
        xpub.recv()
        xpub.set("UNSUBSCRIBE", b"XA")
        xpub.send(b"XA3")
        sub.none(200)
        ctx.end()


@scenario()
def manual_translates_topics_for_xsub(z):
    ctx = z.context()
    xpub, xsub = linked(z, ctx, "tcp", xpub={"XPUB_MANUAL": 1}, second="XSUB")
    xsub.send(b"\1A")
    xpub.recv()
    xpub.set("SUBSCRIBE", b"B")
    xpub.send(b"A")
    xpub.send(b"B")
    xsub.recv()
    xsub.send(b"\0A")
    xpub.recv()
    xpub.set("UNSUBSCRIBE", b"B")
    xpub.send(b"B")
    xsub.none()
    ctx.end()


@scenario()
def manual_peer_lost(z):
    ctx = z.context()
    xpub, sub = linked(z, ctx, "tcp", xpub={"XPUB_MANUAL": 1})
    sub.set("SUBSCRIBE", b"A")
    xpub.recv()
    xpub.set("SUBSCRIBE", b"B")
    sub.close()
    xpub.recv()
    xpub.none()
    xpub.set("SUBSCRIBE", b"C")
    xpub.send(b"C")
    ctx.end()


@scenario()
def manual_two_peers(z):
    ctx = z.context()
    xpub, one, two = crowd(ctx, "XSUB", XPUB_MANUAL=1)
    one.send(b"\1A")
    xpub.recv()
    xpub.set("SUBSCRIBE", b"1")
    two.send(b"\1A")
    xpub.recv()
    xpub.set("SUBSCRIBE", b"2")
    xpub.send(b"1")
    xpub.send(b"2")
    z.say("one", one.drain())
    z.say("two", two.drain())
    ctx.end()


@scenario()
def manual_options_need_manual(z):
    ctx = z.context()
    xpub = ctx.socket("XPUB")
    xpub.set("SUBSCRIBE", b"A")
    xpub.set("UNSUBSCRIBE", b"A")
    pub = ctx.socket("PUB")
    pub.set("SUBSCRIBE", b"A")
    xsub = ctx.socket("XSUB")
    xsub.set("SUBSCRIBE", b"A")
    sub = ctx.socket("SUB")
    sub.set("SUBSCRIBE", None)
    sub.set("UNSUBSCRIBE", None)
    for name in ("XPUB_VERBOSE", "XPUB_VERBOSER", "XPUB_MANUAL", "XPUB_NODROP",
                 "INVERT_MATCHING"):
        for type_name in ("PUB", "XPUB", "SUB", "XSUB", "PUSH"):
            s = ctx.socket(type_name)
            for value in (1, 0, 2, -1):
                s.set(name, value)
            s.get(name)
    ctx.socket("PUB").set("XPUB_WELCOME_MSG", b"x")
    ctx.socket("SUB").set("XPUB_WELCOME_MSG", b"x")
    ctx.end()


@scenario()
def welcome_message(z):
    for transport in ALL:
        ctx = z.context()
        xpub = ctx.socket("XPUB", XPUB_WELCOME_MSG=b"W")
        where = xpub.bind_any(transport)
        sub = ctx.socket("SUB", SUBSCRIBE=b"W")
        sub.connect(where)
        xpub.recv()
        sub.recv()
        other = ctx.socket("SUB", SUBSCRIBE=b"X")
        other.connect(where)
        xpub.recv()
        other.none(150)
        xpub.set("XPUB_WELCOME_MSG", None)
        third = ctx.socket("SUB", SUBSCRIBE=b"W")
        third.connect(where)
        third.none(200)
        ctx.end()


@scenario()
def welcome_message_to_xsub(z):
    ctx = z.context()
    xpub, xsub = linked(z, ctx, "tcp", xpub={"XPUB_WELCOME_MSG": b"welcome"}, second="XSUB")
    xpub.none(100)
    xsub.recv()
    ctx.end()


@scenario()
def nodrop(z):
    for name in ("XPUB", "PUB"):
        ctx = z.context()
        pub = ctx.socket(name, SNDHWM=5, XPUB_NODROP=1)
        sub = ctx.socket("SUB", RCVHWM=5, SUBSCRIBE=b"")
        ctx.link(pub, sub, "inproc")
        z.settle(0.1)
        z.say("taken", pub.fill(b"x", most=100))
        pub.send(b"x", flags=1)
        pub.full(b"x")
        pub.events()
        z.say("come", len(sub.drain()))
        pub.send(b"y")
        sub.recv()
        ctx.end()


@scenario()
def drops_by_default(z):
    ctx = z.context()
    pub = ctx.socket("PUB", SNDHWM=5)
    sub = ctx.socket("SUB", RCVHWM=5, SUBSCRIBE=b"")
    ctx.link(pub, sub, "inproc")
    z.settle(0.1)
    z.say("taken", pub.fill(b"x", most=100))
    pub.events()
    z.say("come", len(sub.drain()))
    ctx.end()


@scenario()
def slow_subscriber_does_not_hold_another(z):
    ctx = z.context()
    pub = ctx.socket("PUB", SNDHWM=4)
    where = pub.bind_any("inproc")
    slow = ctx.socket("SUB", RCVHWM=4, SUBSCRIBE=b"")
    fast = ctx.socket("SUB", RCVHWM=100, SUBSCRIBE=b"")
    slow.connect(where)
    fast.connect(where)
    z.settle(0.1)
    got = 0
    for i in range(20):
        pub.quiet_send(b"%d" % i)
        got += isinstance(fast.quiet_recv(), list)
    z.say("fast", got)
    z.say("slow", slow.drain())
    ctx.end()


@scenario()
def invert_matching(z):
    for transport in ("tcp", "inproc"):
        ctx = z.context()
        pub = ctx.socket("XPUB", INVERT_MATCHING=1)
        sub = ctx.socket("SUB", INVERT_MATCHING=1)
        ctx.link(pub, sub, transport)
        sub.set("SUBSCRIBE", b"a")
        sub.set("SUBSCRIBE", b"b")
        pub.recv()
        pub.recv()
        for m in (b"a1", b"c1", b"b1", b"d1", b""):
            pub.send(m)
        z.say("got", sub.drain())
        ctx.end()


@scenario()
def subscribe_before_and_after_connect(z):
    ctx = z.context()
    pub = ctx.socket("XPUB")
    where = pub.bind_any("tcp")
    sub = ctx.socket("SUB", SUBSCRIBE=b"a")
    sub.connect(where)
    pub.recv()
    sub.set("SUBSCRIBE", b"b")
    pub.recv()
    ctx.end()


@scenario()
def sub_binds_and_pub_connects(z):
    for transport in ALL:
        ctx = z.context()
        sub = ctx.socket("SUB", SUBSCRIBE=b"t")
        where = sub.bind_any(transport)
        pub = ctx.socket("XPUB")
        pub.connect(where)
        sub.none(100)
        z.eventually("came", lambda: pub.quiet_send(b"t1") == 2 and sub.quiet_recv(1) != "EAGAIN")
        second = ctx.socket("XPUB")
        second.connect(where)
        sub.drain(100)
        second.recv()
        second.send(b"t2")
        z.say("t2", sub.drain()[-1])
        ctx.end()


@scenario()
def pub_with_several_publishers(z):
    ctx = z.context()
    sub = ctx.socket("SUB", SUBSCRIBE=b"")
    pubs = [ctx.socket("XPUB") for _ in range(3)]
    for pub in pubs:
        sub.connect(pub.bind_any("tcp"))
    for pub in pubs:
        pub.recv()
    for i in range(3):
        for n, pub in enumerate(pubs):
            pub.quiet_send(b"%d-%d" % (n, i))
    z.say("got", sorted(m[0] for m in (sub.quiet_recv() for _ in range(9))))
    ctx.end()


@scenario()
def resubscribes_after_a_reconnect(z):
    ctx = z.context()
    port = z.port()
    sub = ctx.socket("SUB", RECONNECT_IVL=20)
    for topic in (b"a", b"b", b"c", b"b"):
        sub.set("SUBSCRIBE", topic)
    sub.set("UNSUBSCRIBE", b"c")
    sub.connect(f"tcp://127.0.0.1:{port}")
    for _ in range(2):
        pub = ctx.socket("XPUB")
        z.eventually("bound", lambda: z.call("zmq_bind", pub.pointer(),
                                             b"tcp://127.0.0.1:%d" % port) == 0)
        sub.none(150)
        z.say("asked", sorted(pub.quiet_recv()[0] for _ in range(2)))
        pub.send(b"b1")
        sub.recv()
        pub.close()
        z.settle(0.1)
    ctx.end()


@scenario()
def many_topics(z):
    ctx = z.context()
    xpub, sub = linked(z, ctx, "tcp", xpub={"RCVHWM": 0}, sub={"SNDHWM": 0})
    for i in range(2000):
        sub.quiet_set("SUBSCRIBE", b"topic-%d" % i)
    z.say("asked", len({xpub.quiet_recv()[0] for _ in range(2000)}))
    for i in range(0, 2000, 100):
        xpub.quiet_send(b"topic-%d" % i)
        xpub.quiet_send(b"subject-%d" % i)
    z.say("got", sub.drain())
    for i in range(2000):
        sub.quiet_set("UNSUBSCRIBE", b"topic-%d" % i)
    z.say("cancelled", len({xpub.quiet_recv()[0] for _ in range(2000)}))
    ctx.end()


@scenario()
def multipart_is_filtered_by_its_first_part(z):
    ctx = z.context()
    xpub, sub = linked(z, ctx, "tcp", sub={"SUBSCRIBE": b"a"})
    xpub.recv()
    xpub.send(b"a", b"b", b"c")
    xpub.send(b"b", b"a", b"a")
    xpub.send(b"a", b"", b"")
    z.say("got", sub.drain())
    ctx.end()


@scenario()
def long_topics(z):
    ctx = z.context()
    xpub, sub = linked(z, ctx, "tcp")
    for size in (255, 256, 1000, 70_000):
        sub.quiet_set("SUBSCRIBE", b"%d" % size + b"t" * size)
        xpub.recv()
        xpub.quiet_send(b"%d" % size + b"t" * size + b"body")
        sub.recv()
    ctx.end()


@scenario()
def conflating_subscriber(z):
    ctx = z.context()
    pub = ctx.socket("PUB")
    sub = ctx.socket("SUB", CONFLATE=1, SUBSCRIBE=b"")
    ctx.link(pub, sub, "tcp")
    z.settle()
    for i in range(50):
        pub.quiet_send(b"%d" % i)
    z.settle()
    sub.recv()
    sub.none(100)
    pub.send(b"next")
    sub.recv()
    ctx.end()


@scenario()
def xpub_through_a_forwarder_by_hand(z):
    ctx = z.context()
    pub, sub = ctx.socket("PUB"), ctx.socket("SUB")
    xsub, xpub = ctx.socket("XSUB"), ctx.socket("XPUB")
    ctx.link(pub, xsub, "tcp")
    ctx.link(xpub, sub, "tcp")
    sub.set("SUBSCRIBE", b"t")
    m = xpub.quiet_recv()
    z.say("subscription", m)
    xsub.send(*m)
    z.settle()
    pub.send(b"t1", b"body")
    pub.send(b"u1", b"body")
    got = xsub.quiet_recv()
    xpub.send(*got)
    sub.recv()
    xsub.none(100)
    ctx.end()


@scenario()
def pub_ignores_what_it_is_sent(z):
    ctx = z.context()
    pub, xsub = ctx.socket("PUB"), ctx.socket("XSUB")
    ctx.link(pub, xsub, "tcp")
    xsub.send(b"\1t")
    xsub.send(b"rubbish")
    xsub.send(b"\2rubbish", b"more")
    z.settle()
    pub.recv(1)
    pub.send(b"t1")
    xsub.recv()
    ctx.end()


@scenario(draft=True)
def topics_count(z):
    ctx = z.context()
    xpub, sub = linked(z, ctx, "tcp")
    z.expect("none", sub.get("TOPICS_COUNT"), 0)
    for topic in (b"a", b"b", b"b", b"c"):
        sub.set("SUBSCRIBE", topic)
    z.expect("three", sub.get("TOPICS_COUNT"), 3)
    for _ in range(3):
        xpub.recv()
    z.expect("three", xpub.get("TOPICS_COUNT"), 3)
    sub.set("UNSUBSCRIBE", b"b")
    z.expect("three", sub.get("TOPICS_COUNT"), 3)
    sub.set("UNSUBSCRIBE", b"b")
    z.expect("two", sub.get("TOPICS_COUNT"), 2)
    z.expect("other types", ctx.socket("PUSH").get("TOPICS_COUNT"), "EINVAL")
    ctx.end()


@scenario(draft=True)
def only_first_subscribe(z):
    ctx = z.context()
    xpub, xsub = linked(z, ctx, "tcp", xpub={"ONLY_FIRST_SUBSCRIBE": 1},
                        sub={"ONLY_FIRST_SUBSCRIBE": 1}, second="XSUB")
    xsub.send(b"\1A", b"\1B")
    z.expect("the first part", xpub.recv(), [b"\1A"])
    z.expect("the rest", xpub.recv(), [b"\1B"])
    xpub.send(b"A1")
    xpub.send(b"B1")
    z.expect("A", xsub.recv(), [b"A1"])
    z.expect("no B", xsub.none(), "EAGAIN")
    ctx.end()


@scenario(draft=True)
def xsub_verbose_unsubscribe(z):
    ctx = z.context()
    xpub, xsub = linked(z, ctx, "tcp", xpub={"XPUB_VERBOSER": 1},
                        sub={"XSUB_VERBOSE_UNSUBSCRIBE": 1}, second="XSUB")
    xsub.send(b"\1A")
    z.expect("asked", xpub.recv(), [b"\1A"])
    xsub.send(b"\0A")
    z.expect("cancelled", xpub.recv(), [b"\0A"])
    xsub.send(b"\0A")
    xsub.send(b"\1B")
    z.expect("then", [xpub.recv(), xpub.recv()], [[b"\0A"], [b"\1B"]])
    ctx.end()


@scenario(draft=True)
def manual_last_value(z):
    ctx = z.context()
    xpub = ctx.socket("XPUB", XPUB_MANUAL_LAST_VALUE=1)
    where = xpub.bind_any("tcp")
    one, two = ctx.socket("SUB"), ctx.socket("SUB")
    one.connect(where)
    one.set("SUBSCRIBE", b"t")
    xpub.recv()
    xpub.set("SUBSCRIBE", b"t")
    xpub.send(b"t-last")
    z.expect("one", one.recv(), [b"t-last"])
    two.connect(where)
    two.set("SUBSCRIBE", b"t")
    z.expect("asked", xpub.recv(), [b"\1t"])
    xpub.set("SUBSCRIBE", b"t")
    xpub.send(b"t-again")
    z.expect("two", two.recv(), [b"t-again"])
    z.expect("not one", one.none(), "EAGAIN")
    xpub.send(b"t-both")
    z.expect("one", one.recv(), [b"t-both"])
    z.expect("two", two.recv(), [b"t-both"])
    ctx.end()
