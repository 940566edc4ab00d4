"""Corners of several pages: events in every state, filters of ipc, affinity, control by SUB,
greetings of the draft options."""
import os
import signal
import socket as pysocket
import time

from kit import scenario


@scenario()
def events_through_an_exchange(z):
    for transport in ("inproc", "tcp"):
        ctx = z.context()
        rep, req = ctx.pair("REP", "REQ", transport)
        z.settle(0.2)
        for s in (rep, req):
            s.events()
        req.send(b"q")
        req.events()
        z.eventually("asked", lambda: rep.quiet_get("EVENTS") & 1)
        rep.recv()
        rep.events()
        rep.send(b"a")
        rep.events()
        z.eventually("answered", lambda: req.quiet_get("EVENTS") & 1)
        req.events()
        req.recv()
        req.events()
        ctx.end()


@scenario()
def events_of_a_mandatory_router(z):
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_MANDATORY=1)
    router.events()
    z.say("poll", z.poll([(router, 2)], 10))
    dealer = ctx.socket("DEALER", ROUTING_ID=b"X")
    ctx.link(router, dealer, "inproc")
    z.eventually("reached", lambda: router.quiet_send(b"X", b"1") == 1)
    router.events()
    ctx.end()


@scenario()
def ipc_filters(z):
    me, mine, pid = os.getuid(), os.getgid(), os.getpid()
    for option, value in (("IPC_FILTER_UID", me), ("IPC_FILTER_UID", me + 1),
                          ("IPC_FILTER_GID", mine), ("IPC_FILTER_GID", mine + 12345),
                          ("IPC_FILTER_PID", pid), ("IPC_FILTER_PID", pid + 1)):
        ctx = z.context()
        pull = ctx.socket("PULL")
        z.say(option, pull.quiet_set(option, value))
        push = ctx.socket("PUSH", IMMEDIATE=1)
        push.connect(pull.bind_any("ipc"))
        push.full(b"x", milliseconds=400)
        ctx.end()


@scenario()
def affinity_and_more_io_threads(z):
    ctx = z.context()
    ctx.set("IO_THREADS", 3)
    pull = ctx.socket("PULL", AFFINITY=2)
    where = pull.bind_any("tcp")
    for mask in (1, 2, 4, 7, 0):
        push = ctx.socket("PUSH", AFFINITY=mask)
        push.connect(where)
        push.send(b"%d" % mask)
        pull.recv()
    push = ctx.socket("PUSH", AFFINITY=8)
    push.connect(where)
    ctx.end()


@scenario()
def conflate_and_multipart(z):
    ctx = z.context()
    push = ctx.socket("PUSH", CONFLATE=1)
    pull = ctx.socket("PULL", CONFLATE=1)
    ctx.link(pull, push, "tcp")
    push.send(b"single")
    pull.recv()
    for name in ("PAIR", "REQ", "ROUTER", "XPUB"):
        ctx.socket(name).set("CONFLATE", 1)
    ctx.end()


@scenario()
def proxy_controlled_by_publisher(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    push, pull = ctx.socket("PUSH"), ctx.socket("PULL")
    control, remote = ctx.socket("SUB", SUBSCRIBE=b""), ctx.socket("XPUB")
    ctx.link(remote, control, "inproc")
    remote.recv()
    ctx.link(front, push, "inproc")
    ctx.link(back, pull, "inproc")
    running = z.thread(lambda: z.call("zmq_proxy_steerable", front.pointer(), back.pointer(), None,
                                      control.pointer()))
    push.send(b"1")
    pull.recv()
    remote.send(b"PAUSE")
    z.settle(0.1)
    push.send(b"2")
    pull.none()
    remote.send(b"RESUME")
    pull.recv()
    remote.send(b"TERMINATE")
    z.say("ended", running.join())
    ctx.end()


@scenario()
def term_is_interrupted(z):
    ctx = z.context()
    s = ctx.socket("PUSH")
    signal.signal(signal.SIGALRM, lambda *a: None)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    z.say("term", ctx.term())
    s.close()
    z.say("again", ctx.term())


@scenario()
def signals_in_a_busy_loop(z):
    """Interrupted calls may be made again; nothing is lost."""
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    signal.signal(signal.SIGALRM, lambda *a: None)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    right = True
    for i in range(500):
        while push.quiet_send(b"%d" % i) == "EINTR":
            pass
        while (got := pull.quiet_recv()) == "EINTR":
            pass
        right = right and got == [b"%d" % i]
    signal.setitimer(signal.ITIMER_REAL, 0)
    z.say("right", right)
    ctx.end()


@scenario()
def sndmore_on_every_sender(z):
    for one, two in (("PULL", "PUSH"), ("PAIR", "PAIR"), ("DEALER", "DEALER"), ("SUB", "XPUB")):
        ctx = z.context()
        a, b = ctx.socket(one), ctx.socket(two)
        ctx.link(a, b, "inproc")
        if one == "SUB":
            a.set("SUBSCRIBE", b"")
            a.none(50)
            b.recv()
        b.send(b"1", flags=2)
        b.events()
        a.none(50)
        b.send(b"2", flags=2)
        a.none(50)
        b.send(b"3")
        a.recv()
        ctx.end()


@scenario()
def timeout_while_parts_are_missing(z):
    """Receiving waits for the whole message."""
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    push.send(b"1", flags=2)
    waiting = z.thread(pull.quiet_recv)
    z.say("waits", waiting.join(0.2))
    push.send(b"2")
    z.say("whole", waiting.join())
    ctx.end()


@scenario()
def backlog_of_inproc_before_bind(z):
    ctx = z.context()
    pushes = [ctx.socket("PUSH", SNDHWM=3) for _ in range(5)]
    for i, push in enumerate(pushes):
        push.connect("inproc://later")
        z.say("taken", push.fill(b"%d" % i, most=100))
    pull = ctx.socket("PULL", RCVHWM=2)
    pull.bind("inproc://later")
    z.say("all", sorted(m[0] for m in pull.drain()))
    ctx.end()


@scenario()
def udp_is_for_draft_types(z):
    ctx = z.context()
    for name in ("PUB", "SUB", "DEALER", "STREAM"):
        s = ctx.socket(name)
        s.bind("udp://127.0.0.1:5555")
        s.connect("udp://127.0.0.1:5555")
    ctx.end()


@scenario()
def multicast_options_are_kept(z):
    ctx = z.context()
    s = ctx.socket("PUB")
    for name in ("RATE", "RECOVERY_IVL", "MULTICAST_HOPS", "MULTICAST_MAXTPDU"):
        s.get(name)
        s.set(name, 500)
        s.get(name)
    ctx.end()


@scenario()
def subscriber_gets_a_burst_in_order(z):
    ctx = z.context()
    xpub = ctx.socket("XPUB", SNDHWM=0)
    sub = ctx.socket("SUB", RCVHWM=0, SUBSCRIBE=b"")
    ctx.link(xpub, sub, "tcp")
    xpub.recv()
    for i in range(20_000):
        xpub.quiet_send(b"%d" % i)
    z.say("right", all(sub.quiet_recv() == [b"%d" % i] for i in range(20_000)))
    ctx.end()


@scenario()
def peers_that_come_and_go_under_load(z):
    ctx = z.context()
    push = ctx.socket("PUSH", SNDHWM=0)
    where = push.bind_any("tcp")
    steady = ctx.socket("PULL", RCVHWM=0)
    steady.connect(where)
    z.settle(0.2)
    got = 0
    for i in range(20):
        other = ctx.socket("PULL")
        z.call("zmq_connect", other.pointer(), where.encode())
        for n in range(50):
            push.quiet_send(b"%d" % n)
        other.quiet_close()
    got = len(steady.drain())
    z.say("most", got > 300)
    push.send(b"end", flags=1)
    ctx.end()


@scenario(draft=True)
def hello_message_of_every_type(z):
    for one, two in (("ROUTER", "DEALER"), ("DEALER", "ROUTER"), ("SERVER", "CLIENT"),
                     ("CLIENT", "SERVER")):
        for transport in ("tcp", "inproc"):
            ctx = z.context()
            a, b = ctx.socket(one, HELLO_MSG=b"HELLO"), ctx.socket(two)
            ctx.link(a, b, transport)
            got = b.quiet_recv()
            z.expect("hello", got[-1], b"HELLO")
            ctx.end()


@scenario(draft=True)
def priority_and_busy_poll(z):
    ctx = z.context()
    pull = ctx.socket("PULL", PRIORITY=3)
    push = ctx.socket("PUSH")
    ctx.link(pull, push, "tcp")
    push.send(b"x")
    m = z.message()
    m.recv(pull)
    inner = pysocket.socket(fileno=os.dup(m.get("SRCFD")))
    z.expect("priority", inner.getsockopt(pysocket.SOL_SOCKET, pysocket.SO_PRIORITY), 3)
    inner.close()
    ctx.end()


@scenario()
def idle_sockets_use_no_time(z):
    ctx = z.context()
    pairs = [ctx.pair("PAIR", "PAIR", "tcp") for _ in range(5)]
    for one, two in pairs:
        two.send(b"unread")
    z.settle(0.3)
    before = time.process_time()
    time.sleep(1)
    z.say("idle", time.process_time() - before < 0.2)
    ctx.end()
