"""Connections that come, go and come back: zmq_connect(3), zmq_disconnect(3), zmq_unbind(3),
zmq_tcp(7), zmq_ipc(7), with every order of calls."""
import itertools
import os
import time

from kit import Failure, scenario

PAIRS = (("PULL", "PUSH"), ("ROUTER", "DEALER"), ("REP", "REQ"), ("PAIR", "PAIR"))


def passes(z, one, two):
    """A message from the second to the first."""
    two.send(b"m")
    got = one.quiet_recv()
    z.say("got", got if isinstance(got, str) else got[-1])
    if one.name == "REP":
        one.quiet_send(b"r")
        two.recv()


@scenario()
def reverse_roles(z):
    """The side that sends binds, the side that receives connects."""
    for one, two in PAIRS:
        for transport in ("inproc", "ipc", "tcp"):
            ctx = z.context()
            a, b = ctx.socket(one), ctx.socket(two)
            a.connect(b.bind_any(transport))
            passes(z, a, b)
            ctx.end()


@scenario()
def every_order_of_closing(z):
    for order in itertools.permutations(("unbind", "close a", "close b")):
        ctx = z.context()
        a, b = ctx.socket("PULL"), ctx.socket("PUSH")
        where = a.bind_any("tcp")
        b.connect(where)
        passes(z, a, b)
        for step in order:
            if step == "close b":
                b.close()
            elif step == "close a":
                a.close()
            elif a.handle:
                a.unbind(where)
        ctx.end()


@scenario()
def connect_close_at_once(z):
    for transport in ("inproc", "ipc", "tcp"):
        ctx = z.context()
        a = ctx.socket("PULL")
        where = a.bind_any(transport)
        for _ in range(20):
            b = ctx.socket("PUSH")
            z.call("zmq_connect", b.pointer(), where.encode())
            b.quiet_close()
        last = ctx.socket("PUSH")
        last.connect(where)
        last.send(b"fine")
        a.recv()
        ctx.end()


@scenario()
def connect_send_close_at_once(z):
    for transport in ("inproc", "ipc", "tcp"):
        ctx = z.context()
        a = ctx.socket("PULL")
        where = a.bind_any(transport)
        for i in range(20):
            b = ctx.socket("PUSH", LINGER=-1)
            z.call("zmq_connect", b.pointer(), where.encode())
            b.quiet_send(b"%d" % i)
            b.quiet_close()
        z.say("all", sorted(int(a.quiet_recv()[0]) for _ in range(20)))
        ctx.end()


@scenario()
def server_restarts(z):
    for one, two in PAIRS:
        ctx = z.context()
        where = f"tcp://127.0.0.1:{z.port()}"
        b = ctx.socket(two, RECONNECT_IVL=20)
        b.connect(where)
        for _ in range(3):
            a = ctx.socket(one)
            z.eventually("bound", lambda: z.call("zmq_bind", a.pointer(), where.encode()) == 0)
            passes(z, a, b)
            a.close()
            z.settle(0.15)
            b.quiet_recv(1) if two != "REQ" else None
        ctx.end()


@scenario()
def server_restarts_on_ipc(z):
    ctx = z.context()
    where = f"ipc://{z.tmp('again')}"
    b = ctx.socket("PUSH", RECONNECT_IVL=20)
    b.connect(where)
    for _ in range(3):
        a = ctx.socket("PULL")
        z.eventually("bound", lambda: z.call("zmq_bind", a.pointer(), where.encode()) == 0)
        passes(z, a, b)
        a.close()
        z.settle(0.15)
    ctx.end()


@scenario()
def client_process_dies(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    where = pull.bind_any("tcp")
    monitor = pull.monitor(ctx, 0x200)
    child = os.fork()
    if child == 0:
        own = z.context()
        push = own.socket("PUSH")
        z.call("zmq_connect", push.pointer(), where.encode())
        push.quiet_send(b"last words")
        time.sleep(0.3)
        os._exit(1)
    pull.recv()
    os.waitpid(child, 0)
    monitor.wait("DISCONNECTED")
    other = ctx.socket("PUSH")
    other.connect(where)
    other.send(b"next")
    pull.recv()
    ctx.end()


@scenario()
def context_in_another_thread_ends(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    where = pull.bind_any("tcp")

    def work():
        own = z.context()
        push = own.socket("PUSH", raw=True)
        z.call("zmq_connect", push.pointer(), where.encode())
        for i in range(100):
            push.quiet_send(b"%d" % i)
        push.quiet_close()
        return own.term()
    z.say("ended", z.thread(work).join())
    z.say("all", len(pull.drain()))
    ctx.end()


@scenario()
def term_with_messages_for_nobody(z):
    """Bound sockets hold nothing for peers that never came."""
    for name in ("PUB", "XPUB", "ROUTER"):
        ctx = z.context()
        s = ctx.socket(name, raw=True)
        s.bind("tcp://127.0.0.1:*")
        s.send(b"x", b"y")
        s.close()
        z.say("term", z.thread(ctx.term).join())


@scenario()
def pub_lingers_for_its_subscribers(z):
    ctx, other = z.context(), z.context()
    pub, sub = ctx.socket("XPUB", raw=True), other.socket("SUB", SUBSCRIBE=b"", RCVHWM=0)
    pub.quiet_set("SNDHWM", 0)
    where = pub.bind_any("tcp")
    sub.connect(where)
    pub.recv()
    for i in range(2000):
        pub.quiet_send(b"%d" % i * 100)
    pub.close()
    term = z.thread(ctx.term)
    z.say("all", len(sub.drain(800)))
    z.say("term", term.join())
    other.end()


@scenario()
def rebinding_in_place(z):
    """One socket hands its port to another; clients follow."""
    ctx = z.context()
    first, second = ctx.socket("PULL"), ctx.socket("PULL")
    where = first.bind_any("tcp")
    push = ctx.socket("PUSH", RECONNECT_IVL=20, IMMEDIATE=1)
    push.connect(where)
    push.send(b"1")
    first.recv()
    first.unbind(where)
    first.none(150)
    z.eventually("bound", lambda: z.call("zmq_bind", second.pointer(), where.encode()) == 0)
    push.full(b"2", milliseconds=3000)
    second.recv()
    ctx.end()


@scenario()
def messages_after_unbind(z):
    """What had been received stays; what comes later does not."""
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH", RECONNECT_IVL=-1)
    where = pull.bind_any("tcp")
    push.connect(where)
    push.send(b"first")
    pull.recv()
    pull.unbind(where)
    pull.none(100)
    push.send(b"late", flags=1)
    pull.none()
    ctx.end()


@scenario()
def sub_unbinds(z):
    ctx = z.context()
    sub = ctx.socket("SUB", SUBSCRIBE=b"")
    where = sub.bind_any("tcp")
    pub = ctx.socket("XPUB", RECONNECT_IVL=-1)
    pub.connect(where)
    sub.none(150)
    pub.recv()
    pub.send(b"1")
    sub.recv()
    sub.unbind(where)
    sub.none()
    pub.send(b"2")
    sub.none()
    pub.none()
    ctx.end()


@scenario()
def ten_thousand_options(z):
    """Setting and reading options of a live socket changes nothing it carries."""
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    for i in range(1000):
        push.quiet_set("SNDHWM", i % 7 + 1000)
        push.quiet_send(b"%d" % i)
        if pull.quiet_get("EVENTS") & 1:
            pass
        if pull.quiet_recv() != [b"%d" % i]:
            z.say("wrong", i)
    ctx.end()


@scenario()
def same_endpoint_bound_by_two_transports(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    port = z.port()
    pull.bind(f"tcp://127.0.0.1:{port}")
    pull.bind(f"tcp://127.0.0.2:{port}")
    pull.bind(f"tcp://*:{port}")
    for host in ("127.0.0.1", "127.0.0.2"):
        push = ctx.socket("PUSH")
        push.connect(f"tcp://{host}:{port}")
        push.send(host.encode())
        pull.recv()
    ctx.end()


@scenario()
def router_handles_reconnecting_dealers(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_HANDOVER=1)
    where = router.bind_any("tcp")
    for i in range(5):
        dealer = ctx.socket("DEALER", ROUTING_ID=b"same")
        dealer.connect(where)
        dealer.send(b"%d" % i)
        router.recv()
        router.send(b"same", b"re%d" % i)
        dealer.recv()
    ctx.end()


@scenario()
def poll_loop_of_many(z):
    ctx = z.context()
    pulls = [ctx.socket("PULL") for _ in range(30)]
    pushes = [ctx.socket("PUSH") for _ in range(30)]
    for pull, push in zip(pulls, pushes):
        z.call("zmq_bind", pull.pointer(), b"tcp://127.0.0.1:*")
        z.call("zmq_connect", push.pointer(), pull.endpoint().encode())
    for push in pushes:
        for i in range(10):
            push.quiet_send(b"%d" % i)
    got = 0
    end = time.monotonic() + 8
    while got < 300 and time.monotonic() < end:
        there = z.poll([(p, 1) for p in pulls], 1000)
        for pull, events in zip(pulls, there):
            while events and not isinstance(pull.quiet_recv(1), Failure):
                got += 1
    z.say("all", got)
    z.say("none", z.poll([(p, 1) for p in pulls], 20))
    ctx.end()
