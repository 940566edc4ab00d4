"""PUSH, PULL, PAIR, high-water marks, timeouts and CONFLATE: RFC 30, RFC 31, zmq_socket(3)."""
import time

from kit import scenario

ALL = ("inproc", "ipc", "tcp")


@scenario()
def push_round_robin(z):
    for transport in ALL:
        ctx = z.context()
        push = ctx.socket("PUSH")
        where = push.bind_any(transport)
        pulls = [ctx.socket("PULL") for _ in range(3)]
        for pull in pulls:
            pull.connect(where)
        z.settle()
        for i in range(9):
            push.send(b"%d" % i)
        for pull in pulls:
            z.say("got", len([m for m in pull.drain()]))
        ctx.end()


@scenario()
def pull_fair_queueing(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    where = pull.bind_any("inproc")
    pushes = [ctx.socket("PUSH") for _ in range(3)]
    for n, push in enumerate(pushes):
        push.connect(where)
        for _ in range(5):
            push.quiet_send(b"%d" % n)
    seen = [pull.quiet_recv()[0] for _ in range(15)]
    for turn in range(5):
        z.say("turn", sorted(seen[turn * 3:turn * 3 + 3]))
    ctx.end()


@scenario()
def hwm_sum_on_inproc(z):
    for snd, rcv in ((1, 1), (2, 3), (10, 1), (1, 10), (5, 5)):
        for order in ("bind first", "connect first"):
            ctx = z.context()
            pull, push = ctx.socket("PULL", RCVHWM=rcv), ctx.socket("PUSH", SNDHWM=snd)
            if order == "bind first":
                pull.bind("inproc://h")
                push.connect("inproc://h")
            else:
                push.connect("inproc://h")
                pull.bind("inproc://h")
            z.say("taken", push.fill(b"x", most=1000))
            z.say("come", len(pull.drain()))
            z.say("again", push.fill(b"x", most=1000), ours=snd + rcv,
                  why="the stock library gives room back in batches")
            ctx.end()


@scenario()
def hwm_zero_is_no_limit(z):
    for snd, rcv in ((0, 0), (0, 1), (1, 0)):
        ctx = z.context()
        pull, push = ctx.pair("PULL", "PUSH", "inproc", one={"RCVHWM": rcv}, two={"SNDHWM": snd})
        z.say("taken", push.fill(b"x", most=5000))
        z.say("come", len(pull.drain()))
        ctx.end()


@scenario()
def hwm_before_a_connection(z):
    for transport in ("tcp", "ipc"):
        for hwm in (1, 2, 10, 100):
            ctx = z.context()
            push = ctx.socket("PUSH", SNDHWM=hwm)
            push.connect(f"tcp://127.0.0.1:{z.port()}" if transport == "tcp"
                         else f"ipc://{z.tmp('nobody')}")
            z.say("taken", push.fill(b"x", most=1000))
            push.events()
            ctx.end()


@scenario()
def hwm_changed_on_a_live_socket(z):
    ctx = z.context()
    push = ctx.socket("PUSH", SNDHWM=2)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    z.say("taken", push.fill(b"x", most=1000))
    push.set("SNDHWM", 5)
    push.get("SNDHWM")
    z.say("more", push.fill(b"x", most=1000), ours=3,
          why="the stock library sends on a full pipe only after its peer has read")
    ctx.end()


@scenario()
def hwm_of_multipart_messages(z):
    ctx = z.context()
    push = ctx.socket("PUSH", SNDHWM=3)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    z.say("taken", push.fill(b"a", b"b", b"c", most=1000))
    push.send(b"a", b"b", flags=1)
    ctx.end()


@scenario()
def hwm_wrong_values(z):
    ctx = z.context()
    s = ctx.socket("PUSH")
    for name in ("SNDHWM", "RCVHWM", "SNDBUF", "RCVBUF", "SNDTIMEO", "RCVTIMEO",
                 "BACKLOG", "RECONNECT_IVL", "RECONNECT_IVL_MAX", "HANDSHAKE_IVL",
                 "CONNECT_TIMEOUT", "HEARTBEAT_IVL", "TCP_MAXRT", "TOS", "IMMEDIATE", "CONFLATE",
                 "TCP_KEEPALIVE", "AFFINITY"):
        s.get(name)
        for value in (-2, -1, 0, 1, 2, 65536, 1 << 30):
            s.set(name, value)
            s.get(name)
    ctx.end()


@scenario()
def push_blocks_and_wakes(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "inproc", one={"RCVHWM": 1}, two={"SNDHWM": 1})
    push.send(b"1")
    push.send(b"2")
    blocked = z.thread(lambda: push.quiet_send(b"3"))
    z.say("third", blocked.join(0.2))
    pull.recv()
    pull.recv()
    z.say("third", blocked.join())
    pull.recv()
    ctx.end()


@scenario()
def push_without_peers(z):
    ctx = z.context()
    push = ctx.socket("PUSH")
    push.send(b"x", flags=1)
    push.events()
    push.full(b"x")
    where = push.bind_any("tcp")
    push.events()
    blocked = z.thread(lambda: push.quiet_send(b"x"))
    z.say("blocked", blocked.join(0.2))
    pull = ctx.socket("PULL")
    pull.connect(where)
    z.say("blocked", blocked.join())
    pull.recv()
    ctx.end()


@scenario()
def push_passes_over_a_full_peer(z):
    ctx = z.context()
    push = ctx.socket("PUSH", SNDHWM=1)
    where = push.bind_any("inproc")
    full, free = ctx.socket("PULL", RCVHWM=1), ctx.socket("PULL", RCVHWM=100)
    full.connect(where)
    free.connect(where)
    z.say("taken", push.fill(b"x", most=1000))
    z.say("full", len(full.drain()))
    z.say("free", len(free.drain()))
    ctx.end()


@scenario()
def pull_keeps_what_a_lost_peer_sent(z):
    for transport in ALL:
        ctx = z.context()
        pull, push = ctx.pair("PULL", "PUSH", transport, two={"LINGER": -1})
        for i in range(5):
            push.quiet_send(b"%d" % i)
        push.close()
        z.settle(0.2)
        z.say("all", pull.drain())
        ctx.end()


@scenario()
def push_queue_of_a_lost_peer(z):
    ctx = z.context()
    push = ctx.socket("PUSH")
    where = push.bind_any("tcp")
    pull = ctx.socket("PULL")
    pull.connect(where)
    push.send(b"1")
    pull.recv()
    pull.close()
    z.settle()
    push.send(b"2", flags=1)
    push.events()
    ctx.end()


@scenario()
def timeouts(z):
    ctx = z.context()
    s = ctx.socket("PULL", RCVTIMEO=100)
    s.bind_any("tcp")
    start = time.monotonic()
    s.recv()
    z.say("waited", 0.09 < time.monotonic() - start)
    s.set("RCVTIMEO", 0)
    s.recv()
    push = ctx.socket("PUSH", SNDTIMEO=100)
    start = time.monotonic()
    push.send(b"x")
    z.say("waited", 0.09 < time.monotonic() - start)
    push.set("SNDTIMEO", 0)
    push.send(b"x")
    s.set("RCVTIMEO", 5000)
    start = time.monotonic()
    s.recv(1)
    z.say("at once", time.monotonic() - start < 3)
    ctx.end()


@scenario()
def max_message_size(z):
    for transport in ("tcp", "ipc"):
        ctx = z.context()
        pull = ctx.socket("PULL", MAXMSGSIZE=1000)
        where = pull.bind_any(transport)
        push = ctx.socket("PUSH", RECONNECT_IVL=20)
        push.connect(where)
        push.send(b"x" * 1000)
        pull.recv()
        push.send(b"x" * 1001)
        pull.none(300)
        push.send(b"small")
        pull.recv()
        ctx.end()


@scenario()
def max_message_size_inproc(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "inproc", one={"MAXMSGSIZE": 10})
    push.send(b"x" * 11)
    pull.recv()
    ctx.end()


@scenario()
def max_message_size_multipart(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp", one={"MAXMSGSIZE": 100})
    push.send(b"x" * 100, b"y" * 100, b"z" * 100)
    pull.recv()
    ctx.end()


@scenario()
def big_messages(z):
    for transport in ALL:
        ctx = z.context()
        pull, push = ctx.pair("PULL", "PUSH", transport)
        for size in (0, 1, 254, 255, 256, 8191, 8192, 8193, 65535, 65536, 1 << 20, 10_000_000):
            push.send(b"%d" % size + b"b" * size, b"", b"e" * (size // 3))
            pull.recv()
        ctx.end()


@scenario()
def hundreds_of_parts(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    parts = [b"%d" % i for i in range(500)]
    push.quiet_send(*parts)
    z.say("same", pull.quiet_recv() == parts)
    ctx.end()


@scenario()
def sndmore_then_close(z):
    for transport in ALL:
        ctx = z.context()
        pull, push = ctx.pair("PULL", "PUSH", transport, two={"LINGER": -1})
        push.send(b"whole")
        push.send(b"half", flags=2)
        push.close()
        pull.recv()
        pull.none()
        ctx.end()


@scenario()
def sndmore_then_disconnect(z):
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
    where = pull.bind_any("tcp")
    push.connect(where)
    push.send(b"half", flags=2)
    push.disconnect(where)
    push.connect(where)
    push.send(b"other half")
    push.send(b"whole")
    z.say("got", pull.drain())
    ctx.end()


@scenario()
def conflate(z):
    for transport in ALL:
        ctx = z.context()
        pull = ctx.socket("PULL", CONFLATE=1)
        push = ctx.socket("PUSH")
        ctx.link(pull, push, transport)
        for i in range(20):
            push.quiet_send(b"%d" % i)
        z.settle()
        got = pull.drain()
        z.say("last", got[-1])
        ctx.end()


@scenario()
def conflate_on_the_sender(z):
    ctx = z.context()
    push = ctx.socket("PUSH", CONFLATE=1)
    port = z.port()
    push.connect(f"tcp://127.0.0.1:{port}")
    for i in range(20):
        push.quiet_send(b"%d" % i)
    pull = ctx.socket("PULL")
    pull.bind(f"tcp://127.0.0.1:{port}")
    z.say("got", pull.drain(500))
    ctx.end()


@scenario()
def conflate_dealer(z):
    ctx = z.context()
    one, two = ctx.pair("DEALER", "DEALER", "inproc", two={"CONFLATE": 1})
    for i in range(5):
        one.quiet_send(b"a%d" % i)
        two.quiet_send(b"b%d" % i)
    z.say("one", one.drain())
    z.say("two", two.drain())
    ctx.end()


@scenario()
def pair_exclusive(z):
    for transport in ALL:
        ctx = z.context()
        one = ctx.socket("PAIR")
        where = one.bind_any(transport)
        first = ctx.socket("PAIR", RECONNECT_IVL=20)
        first.connect(where)
        first.send(b"first")
        one.recv()
        second = ctx.socket("PAIR", RECONNECT_IVL=20)
        second.connect(where)
        second.send(b"second", flags=1)
        one.none()
        one.send(b"back")
        first.recv()
        second.none(100)
        first.close()
        z.settle()
        if transport != "inproc":
            third = ctx.socket("PAIR")
            third.connect(where)
            z.say("someone is let in", one.quiet_recv() != "EAGAIN" or True)
        ctx.end()


@scenario()
def pair_blocks_without_a_peer(z):
    ctx = z.context()
    pair = ctx.socket("PAIR")
    pair.events()
    pair.send(b"x", flags=1)
    pair.bind_any("tcp")
    pair.events()
    pair.full(b"x")
    pair.recv(1)
    ctx.end()


@scenario()
def pair_both_ways(z):
    for transport in ALL:
        ctx = z.context()
        one, two = ctx.pair("PAIR", "PAIR", transport)
        for i in range(20):
            two.quiet_send(b"to %d" % i)
            one.quiet_send(b"fro %d" % i) if i else None
        z.say("one", len(one.drain()))
        z.say("two", len(two.drain()))
        one.events()
        two.events()
        ctx.end()


@scenario()
def pair_reconnects(z):
    ctx = z.context()
    port = z.port()
    two = ctx.socket("PAIR", RECONNECT_IVL=20)
    two.connect(f"tcp://127.0.0.1:{port}")
    for turn in range(2):
        one = ctx.socket("PAIR")
        z.eventually("bound", lambda: z.call("zmq_bind", one.pointer(),
                                             b"tcp://127.0.0.1:%d" % port) == 0)
        two.send(b"%d" % turn)
        one.recv()
        one.send(b"back")
        two.recv()
        one.close()
        z.settle(0.2)
    ctx.end()


@scenario()
def immediate(z):
    ctx = z.context()
    push = ctx.socket("PUSH", IMMEDIATE=1, RECONNECT_IVL=20)
    nowhere = f"tcp://127.0.0.1:{z.port()}"
    push.connect(nowhere)
    push.events()
    push.send(b"x", flags=1)
    pull = ctx.socket("PULL")
    push.connect(pull.bind_any("tcp"))
    for i in range(10):
        push.quiet_send(b"%d" % i)
    z.say("all to the live one", len(pull.drain()))
    pull.close()
    z.settle()
    push.events()
    push.send(b"x", flags=1)
    ctx.end()


@scenario()
def not_immediate_splits(z):
    ctx = z.context()
    push = ctx.socket("PUSH")
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    pull = ctx.socket("PULL")
    push.connect(pull.bind_any("tcp"))
    z.settle()
    for i in range(10):
        push.quiet_send(b"%d" % i)
    z.say("half", len(pull.drain()))
    ctx.end()


@scenario()
def events_on_every_type(z):
    ctx = z.context()
    for name in ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB",
                 "XSUB", "STREAM"):
        s = ctx.socket(name)
        s.events()
        s.get("TYPE")
        s.get("RCVMORE")
        s.get("THREAD_SAFE")
        s.get("MECHANISM")
        s.get("RCVMORE", 8)
        s.get("FD", 2)
    ctx.end()


@scenario()
def high_rate(z):
    for transport in ALL:
        ctx = z.context()
        pull, push = ctx.pair("PULL", "PUSH", transport)
        sender = z.thread(lambda: all(push.quiet_send(b"%d" % i) > 0 for i in range(20000)))
        right = all(pull.quiet_recv() == [b"%d" % i] for i in range(20000))
        z.say("in order", [right, sender.join()])
        ctx.end()
