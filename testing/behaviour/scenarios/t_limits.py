"""High-water marks where they meet other things: proxies, options changed late, peers that come and
go, inproc names that are bound again. zmq_socket(3), zmq_setsockopt(3), zmq_proxy(3),
zmq_inproc(7)."""
import ctypes as c
import struct

from kit import Failure, scenario


def steered(z, ctx, front, back, capture=None):
    """A proxy in a thread, and the socket that steers it."""
    control, steer = ctx.socket("PAIR", raw=True), ctx.socket("PAIR")
    control.quiet_set("LINGER", 0)
    where = f"inproc://steer{front.number}"
    control.bind(where)
    steer.connect(where)
    thread = z.thread(lambda: z.call("zmq_proxy_steerable", front.pointer(), back.pointer(),
                                     capture and capture.pointer(), control.pointer()))
    return steer, thread


def statistics(steer):
    steer.quiet_send(b"STATISTICS")
    parts = steer.quiet_recv()
    return [struct.unpack("=Q", part)[0] for part in parts]


@scenario()
def proxy_that_may_not_drop(z):
    """An XPUB with XPUB_NODROP behind a proxy holds the publisher up, and nothing is lost."""
    ctx = z.context()
    front, back = ctx.socket("XSUB", RCVHWM=5), ctx.socket("XPUB", SNDHWM=5, XPUB_NODROP=1)
    front.bind("inproc://front")
    back.bind("inproc://back")
    sub = ctx.socket("SUB", RCVHWM=5)
    sub.connect("inproc://back")
    sub.set("SUBSCRIBE", b"")
    pub = ctx.socket("XPUB", SNDHWM=5, XPUB_NODROP=1)
    pub.connect("inproc://front")
    steer, thread = steered(z, ctx, front, back)
    pub.recv()
    count = 500
    sender = z.thread(lambda: [pub.quiet_send(b"%d" % n) for n in range(count)])
    z.say("all came", [sub.quiet_recv() for _ in range(count)] == [[b"%d" % n]
                                                                 for n in range(count)])
    z.say("sent", len(sender.join()))
    z.say("statistics", statistics(steer))
    steer.send(b"TERMINATE")
    z.say("ended", thread.join())
    ctx.end()


@scenario()
def proxy_in_front_of_a_slow_worker(z):
    """A proxy takes no more than its sockets have room for."""
    ctx = z.context()
    front, back = ctx.socket("PULL", RCVHWM=10), ctx.socket("PUSH", SNDHWM=10)
    front.bind("inproc://front")
    back.bind("inproc://back")
    push, pull = ctx.socket("PUSH", SNDHWM=10), ctx.socket("PULL", RCVHWM=10)
    push.connect("inproc://front")
    pull.connect("inproc://back")
    steer, thread = steered(z, ctx, front, back)
    push.quiet_set("SNDTIMEO", 500)
    count = 0
    while not isinstance(push.quiet_send(b"%d" % count), Failure):
        count += 1
    # Two queues of twenty, and at most one message in the proxy's hands.
    z.say("taken", count in (40, 41))
    z.say("in order", [pull.quiet_recv() for _ in range(count)] == [[b"%d" % n]
                                                                  for n in range(count)])
    push.send(b"again")
    pull.recv()
    steer.send(b"TERMINATE")
    z.say("ended", thread.join())
    ctx.end()


@scenario()
def proxy_commands(z):
    ctx = z.context()
    front, back = ctx.socket("ROUTER"), ctx.socket("DEALER")
    front.bind("inproc://front")
    back.bind("inproc://back")
    req, rep = ctx.socket("REQ"), ctx.socket("REP")
    req.connect("inproc://front")
    rep.connect("inproc://back")
    steer, thread = steered(z, ctx, front, back)
    for what in (b"PAUSE", b"PAUSE", b"RESUME", b"RESUME", b"nonsense", b"", b"pause", b"PAUSEX"):
        if what in (b"PAUSE", b"RESUME"):
            steer.send(what)
    req.send(b"one")
    z.say("asked", rep.quiet_recv())
    rep.send(b"two")
    req.recv()
    z.say("statistics", statistics(steer))
    steer.send(b"PAUSE")
    z.settle(0.2)
    req.send(b"three")
    rep.none(300)
    z.say("while it pauses", statistics(steer))
    steer.send(b"RESUME")
    rep.recv()
    rep.send(b"four")
    req.recv()
    z.say("statistics", statistics(steer))
    steer.send(b"PAUSE")
    steer.send(b"TERMINATE")
    z.say("ended", thread.join())
    ctx.end()


@scenario()
def statistics_count_parts_and_bytes(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    front.bind("inproc://front")
    back.bind("inproc://back")
    push, pull = ctx.socket("PUSH"), ctx.socket("PULL")
    push.connect("inproc://front")
    pull.connect("inproc://back")
    steer, thread = steered(z, ctx, front, back)
    for parts in ([b"x"], [b"", b"yy", b"zzz"], [b"w" * 1000]):
        push.quiet_send(*parts)
        pull.recv()
    z.say("statistics", statistics(steer))
    steer.send(b"TERMINATE")
    z.say("ended", thread.join())
    ctx.end()


@scenario()
def captures(z):
    """What the capture socket gets of each direction, and what its type may be."""
    ctx = z.context()
    for kind, reader in (("PUB", "SUB"), ("PUSH", "PULL"), ("PAIR", "PAIR"), ("DEALER", "DEALER")):
        front, back, capture = ctx.socket("ROUTER"), ctx.socket("DEALER"), ctx.socket(kind)
        names = [f"inproc://{kind}{n}" for n in range(3)]
        for s, name in zip((front, back, capture), names):
            s.bind(name)
        copies = ctx.socket(reader)
        if reader == "SUB":
            copies.set("SUBSCRIBE", b"")
        copies.connect(names[2])
        req, rep = ctx.socket("REQ", ROUTING_ID=b"asker"), ctx.socket("REP")
        req.connect(names[0])
        rep.connect(names[1])
        z.settle(0.1)
        steer, thread = steered(z, ctx, front, back, capture)
        req.send(b"question", b"more")
        rep.recv()
        rep.send(b"answer")
        req.recv()
        copies.recv()
        copies.recv()
        steer.send(b"TERMINATE")
        z.say("ended", thread.join())
        for s in (front, back, capture, copies, req, rep, steer):
            s.quiet_close()
    ctx.end()


@scenario()
def mandatory_router_whose_peer_is_full(z):
    ctx = z.context()
    for transport in ("tcp", "inproc"):
        router = ctx.socket("ROUTER", ROUTER_MANDATORY=1, SNDHWM=1, LINGER=1)
        where = router.bind_any(transport)
        dealer = ctx.socket("DEALER", ROUTING_ID=b"X", RCVHWM=1)
        dealer.connect(where)
        dealer.send(b"hello")
        router.recv()
        body = b"x" * 65536
        count = 0
        while router.quiet_send(b"X", flags=3) == 1 and router.quiet_send(body, flags=1) > 0:
            count += 1
            if count > 10_000:
                break
        z.say("some, and then no more", 1 <= count < 10_000)
        z.say("why", router.quiet_send(b"X", flags=3))
        waiting = z.thread(lambda: router.quiet_send(b"X", body))
        z.say("all", len([dealer.quiet_recv() for _ in range(count)]) == count)
        z.say("goes on", waiting.join())
        z.say("the last", len(dealer.quiet_recv()[0]))
    ctx.end()


@scenario()
def marks_changed_on_full_pipes(z):
    for transport in ("inproc", "tcp"):
        ctx = z.context()
        push, pull = ctx.socket("PUSH", SNDHWM=2), ctx.socket("PULL", RCVHWM=2)
        if transport == "inproc":
            where = pull.bind_any(transport)
            push.connect(where)
        else:
            push.connect(f"tcp://127.0.0.1:{z.port()}")
        first = push.fill(b"x")
        z.say("first", first)
        push.set("SNDHWM", 5)
        z.settle(0.1)
        more = push.fill(b"x")
        z.say("first and more", first + more, ours=first + 3,
              why="a raised SNDHWM counts at once, not only after the peer has read")
        push.set("SNDHWM", 1)
        z.say("none", push.fill(b"x"))
        ctx.end()


@scenario()
def a_name_is_bound_again(z):
    """What is connected to a name that is given up stays with who had it."""
    ctx = z.context()
    for kind, other in (("PULL", "PUSH"), ("PAIR", "PAIR"), ("DEALER", "DEALER")):
        one, two = ctx.socket(kind), ctx.socket(kind)
        name = f"inproc://again{one.number}"
        sender = ctx.socket(other)
        one.bind(name)
        sender.connect(name)
        z.settle(0.05)
        sender.send(b"1")
        one.recv()
        one.unbind(name)
        two.bind(name)
        z.settle(0.05)
        z.say("sent", sender.quiet_send(b"2", flags=1))
        z.say("one", one.quiet_recv(1))
        z.say("two", two.quiet_recv(1))
        late = ctx.socket(other)
        late.connect(name)
        z.settle(0.05)
        z.say("sent", late.quiet_send(b"3", flags=1))
        z.say("two", two.quiet_recv(1))
        for s in (one, two, sender, late):
            s.quiet_close()
    ctx.end()


@scenario(stock="its XPUB is not told of a SUB that disconnects on inproc")
def an_inproc_peer_comes_back(z):
    """A subscriber on inproc whose publisher's name was unbound and bound again connects anew."""
    ctx = z.context()
    pub, sub = ctx.socket("XPUB", XPUB_VERBOSE=1), ctx.socket("SUB")
    sub.set("SUBSCRIBE", b"")
    pub.bind("inproc://a")
    sub.connect("inproc://a")
    z.expect("subscribed", pub.recv(), [b"\1"])
    pub.send(b"foo")
    z.expect("got", sub.recv(), [b"foo"])
    sub.disconnect("inproc://a")
    z.expect("gone", pub.recv(), [b"\0"])
    pub.send(b"lost")
    sub.connect("inproc://a")
    z.expect("subscribed", pub.recv(), [b"\1"])
    pub.send(b"bar")
    z.expect("got", sub.recv(), [b"bar"])
    pub.unbind("inproc://a")
    pub.send(b"still connected")
    z.expect("got", sub.recv(), [b"still connected"])
    pub.bind("inproc://a")
    sub.disconnect("inproc://a")
    z.expect("gone", pub.recv(), [b"\0"])
    sub.connect("inproc://a")
    z.expect("subscribed", pub.recv(), [b"\1"])
    pub.send(b"again")
    z.expect("got", sub.recv(), [b"again"])
    ctx.end()


@scenario()
def one_name_after_another(z):
    """A DEALER with a fixed name that comes, talks and goes, a hundred times."""
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1)
    where = router.bind_any("tcp")
    for number in range(60):
        other = z.context()
        dealer = other.socket("DEALER", raw=True)
        dealer.quiet_set("LINGER", 0)
        dealer.quiet_set("RCVTIMEO", 8000)
        dealer.quiet_set("ROUTING_ID", b"%09d" % number)
        z.call("zmq_connect", dealer.pointer(), where.encode())
        for _ in range(1000):
            if router.quiet_send(b"%09d" % number, b"HELLO", flags=1) == 5:
                break
            z.settle(0.002)
        if dealer.quiet_recv() != [b"HELLO"]:
            z.say("lost", number)
        dealer.quiet_close()
        z.call("zmq_ctx_term", other.pointer())
    ctx.end()


@scenario()
def a_stream_of_more_than_its_buffers(z):
    ctx = z.context()
    server, client = ctx.socket("STREAM"), ctx.socket("STREAM")
    where = server.bind_any("tcp")
    client.connect(where)
    there = client.quiet_recv()
    here = server.quiet_recv()
    z.say("told", [len(there), len(here), there[1], here[1]])
    body = bytes(range(256)) * 16_384
    sender = z.thread(lambda: client.quiet_send(there[0], body))
    got = b""
    while len(got) < len(body):
        parts = server.quiet_recv()
        if isinstance(parts, Failure):
            break
        got += parts[1]
    z.say("whole", [got == body, sender.join()])
    ctx.end()


@scenario()
def manual_subscriptions_one_by_one(z):
    """XPUB_MANUAL: what a subscription becomes is set before the next message is received."""
    ctx = z.context()
    for transport in ("inproc", "tcp"):
        xpub = ctx.socket("XPUB", XPUB_MANUAL=1)
        where = xpub.bind_any(transport)
        sub, xsub = ctx.socket("SUB"), ctx.socket("XSUB")
        sub.connect(where)
        sub.set("SUBSCRIBE", b"A")
        xpub.recv()
        xpub.set("SUBSCRIBE", b"XA")
        xpub.send(b"A")
        xpub.send(b"XA")
        sub.recv()
        sub.set("UNSUBSCRIBE", b"A")
        xpub.recv()
        xpub.set("UNSUBSCRIBE", b"XA")
        xpub.send(b"XA")
        sub.none(100)
        xsub.connect(where)
        xsub.send(b"\1B")
        xpub.recv()
        xpub.set("SUBSCRIBE", b"XB")
        xsub.send(b"\1B")
        xpub.none(100)
        xsub.send(b"text of its own")
        xpub.recv()
        xpub.send(b"XB")
        xsub.recv()
        xsub.close()
        xpub.recv()
        for s in (xpub, sub):
            s.quiet_close()
    ctx.end()
