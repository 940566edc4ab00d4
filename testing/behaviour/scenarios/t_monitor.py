"""Monitors: zmq_socket_monitor(3)."""
import socket as pysocket
import struct

from kit import scenario

ALL = ("tcp", "ipc")


def names(monitor, last):
    return monitor.until(last)


@scenario()
def connect_and_accept(z):
    for transport in ALL:
        ctx = z.context()
        one, two = ctx.socket("REP"), ctx.socket("REQ")
        first, second = one.monitor(ctx), two.monitor(ctx)
        where = one.bind_any(transport)
        two.connect(where)
        z.say("bound", first.until("HANDSHAKE_SUCCEEDED"))
        z.say("connected", second.until("HANDSHAKE_SUCCEEDED"))
        two.close()
        z.say("bound", first.until("DISCONNECTED"))
        one.unbind(where)
        z.say("bound", first.until("CLOSED"))
        ctx.end()


@scenario()
def endpoints_and_values(z):
    ctx = z.context()
    one, two = ctx.socket("PULL"), ctx.socket("PUSH")
    first, second = one.monitor(ctx), two.monitor(ctx)
    where = one.bind_any("tcp")
    two.connect(where)
    for monitor in (first, second):
        while (event := monitor.event(1500)) is not None:
            z.say("event", [event[0], event[1] > 0, event[2] == where])
    ctx.end()


@scenario()
def bind_failed(z):
    ctx = z.context()
    one, two = ctx.socket("PULL"), ctx.socket("PULL")
    where = one.bind_any("tcp")
    monitor = two.monitor(ctx)
    two.bind(where)
    z.say("value", monitor.wait("BIND_FAILED"))
    ctx.end()


@scenario()
def connection_refused(z):
    ctx = z.context()
    push = ctx.socket("PUSH", RECONNECT_IVL=30)
    monitor = push.monitor(ctx)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    z.say("first", [monitor.event()[0] for _ in range(3)])
    event = monitor.event()
    while event[0] != "CONNECT_RETRIED":
        event = monitor.event()
    z.say("retried", 1 <= event[1] <= 60)
    ctx.end()


@scenario()
def no_reconnect(z):
    ctx = z.context()
    push = ctx.socket("PUSH", RECONNECT_IVL=-1)
    monitor = push.monitor(ctx)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    z.say("first", [monitor.event()[0] for _ in range(2)])
    z.say("then", monitor.event(400))
    ctx.end()


@scenario()
def peer_disconnects_and_comes_back(z):
    ctx = z.context()
    port = z.port()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH", RECONNECT_IVL=30)
    pull.bind(f"tcp://127.0.0.1:{port}")
    monitor = push.monitor(ctx)
    push.connect(f"tcp://127.0.0.1:{port}")
    z.say("first", monitor.until("HANDSHAKE_SUCCEEDED"))
    pull.close()
    z.say("lost", monitor.until("CONNECT_RETRIED"))
    again = ctx.socket("PULL")
    z.eventually("bound", lambda: z.call("zmq_bind", again.pointer(),
                                         b"tcp://127.0.0.1:%d" % port) == 0)
    z.say("last", monitor.until("HANDSHAKE_SUCCEEDED")[-2:])
    ctx.end()


@scenario()
def disconnect_by_hand(z):
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
    where = pull.bind_any("tcp")
    first, second = pull.monitor(ctx), push.monitor(ctx)
    push.connect(where)
    first.wait("HANDSHAKE_SUCCEEDED")
    second.wait("HANDSHAKE_SUCCEEDED")
    push.disconnect(where)
    push.full(b"nobody")
    z.say("binder", first.until("DISCONNECTED"))
    z.say("connecter", [e[0] if (e := second.event(300)) else None])
    ctx.end()


@scenario()
def unbind_by_hand(z):
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH", RECONNECT_IVL=-1)
    where = pull.bind_any("tcp")
    first, second = pull.monitor(ctx), push.monitor(ctx)
    push.connect(where)
    first.wait("HANDSHAKE_SUCCEEDED")
    second.wait("HANDSHAKE_SUCCEEDED")
    pull.unbind(where)
    pull.none()
    z.say("connecter", second.until("DISCONNECTED"))
    z.say("binder", first.event()[0])
    ctx.end()


@scenario()
def stopping(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    monitor = pull.monitor(ctx)
    z.say("stop", z.call("zmq_socket_monitor", pull.pointer(), None, 0))
    z.say("event", monitor.event())
    z.say("then", monitor.event(100))
    z.say("stop again", z.call("zmq_socket_monitor", pull.pointer(), None, 0))
    pull.bind_any("tcp")
    z.say("then", monitor.event(100))
    ctx.end()


@scenario()
def close_stops_the_monitor(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    monitor = pull.monitor(ctx)
    pull.bind_any("tcp")
    pull.close()
    z.say("events", monitor.until("MONITOR_STOPPED"))
    ctx.end()


@scenario()
def masks(z):
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
    first = pull.monitor(ctx, 0x20)
    push.connect(pull.bind_any("tcp"))
    z.say("accepted only", first.event()[0])
    z.say("then", first.event(300))
    pull.close()
    z.say("then", first.event(300))
    ctx.end()


@scenario()
def wrong_arguments(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    for where in (b"tcp://127.0.0.1:5555", b"ipc:///tmp/x", b"nonsense", b"", b"inproc://"):
        z.say(f"{where}", z.call("zmq_socket_monitor", s.pointer(), where, 0xFFFF))
    other = ctx.socket("PAIR")
    other.bind("inproc://taken")
    z.say("taken", z.call("zmq_socket_monitor", s.pointer(), b"inproc://taken", 0xFFFF))
    z.say("null", z.call("zmq_socket_monitor", s.pointer(), None, 0xFFFF))
    ctx.end()


@scenario()
def second_monitor_replaces_the_first(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    first = s.monitor(ctx)
    z.say("second", z.call("zmq_socket_monitor", s.pointer(), b"inproc://other", 0xFFFF))
    reader = ctx.socket("PAIR")
    reader.connect("inproc://other")
    z.say("first", first.event())
    s.bind_any("tcp")
    got = reader.quiet_recv()
    z.say("second", struct.unpack("=HI", got[0])[0])
    ctx.end()


@scenario()
def raw_frames(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    monitor = s.monitor(ctx)
    where = s.bind_any("tcp")
    got = monitor.reader.quiet_recv()
    z.say("frames", [len(got), len(got[0]), got[1] == where.encode()])
    ctx.end()


@scenario()
def nothing_is_told_of_inproc(z):
    ctx = z.context()
    a, b = ctx.socket("PAIR"), ctx.socket("PAIR")
    monitor = a.monitor(ctx)
    ctx.link(a, b, "inproc")
    z.say("nothing", monitor.event(200))
    ctx.end()


@scenario()
def handshake_failures(z):
    ctx = z.context()
    pull = ctx.socket("PULL", HANDSHAKE_IVL=200)
    where = pull.bind_any("tcp")
    port = int(where.rsplit(":", 1)[1])
    monitor = pull.monitor(ctx, 0xFFFF & ~0x20)
    greeting = b"\xff" + b"\0" * 8 + b"\x7f" + b"\3\0" + b"NULL" + b"\0" * 48
    for name, data in (("nothing", b""), ("greeting", greeting[:10]), ("mechanism",
                       greeting.replace(b"NULL", b"XXXX")),
                       ("bad ready", greeting + b"\4\6\5READX"),
                       ("no type", greeting + b"\4\6\5READY"),
                       ("bad type", greeting + b"\4\x19\5READY\x0bSocket-Type\0\0\0\3PUB"),
                       ("message", greeting + b"\0\1x")):
        peer = pysocket.create_connection(("127.0.0.1", port))
        peer.sendall(data)
        if name == "greeting":
            peer.close()
        event = monitor.event()
        shown = event[0] if event else None
        z.say(name, [shown, event[1]] if "PROTOCOL" in str(shown) else shown)
        peer.close()
        while monitor.event(300):
            pass
    ctx.end()


@scenario(draft=True)
def version_two(z):
    import ctypes as c
    ctx = z.context()
    s = ctx.socket("PULL")
    z.expect("start", z.call("zmq_socket_monitor_versioned", s.pointer(), b"inproc://m2",
                             c.c_uint64(0x1FFFF), 2, 0), 0)
    reader = ctx.socket("PAIR")
    reader.connect("inproc://m2")
    where = s.bind_any("tcp")
    got = reader.quiet_recv()
    z.expect("frames", len(got), 5)
    z.expect("event", int.from_bytes(got[0], "little"), 8)
    z.expect("values", int.from_bytes(got[1], "little"), 1)
    z.expect("local", got[3] == where.encode(), True)
    z.expect("old version", z.call("zmq_socket_monitor_versioned", s.pointer(), b"inproc://m3",
                                   c.c_uint64(0x1FFFF), 9, 0), "EINVAL")
    z.expect("type", z.call("zmq_socket_monitor_versioned", s.pointer(), b"inproc://m4",
                            c.c_uint64(0xFFFF), 2, 5), "EINVAL")
    ctx.end()
