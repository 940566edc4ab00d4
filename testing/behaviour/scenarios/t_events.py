"""The order of a monitor's events, whatever happens to a connection. zmq_socket_monitor(3)."""
import os
import resource
import socket as pysocket

from kit import scenario
from t_wire import Peer, dial, greeting, listener, ready


def names(monitor, count, milliseconds=3000):
    """The next events' names, and their values where those mean something."""
    found = []
    while len(found) < count and (event := monitor.event(milliseconds)) is not None:
        name, value, _ = event
        shown = name in ("BIND_FAILED", "CONNECT_DELAYED") or "PROTOCOL" in name
        found.append([name, value] if shown else name)
    return found


@scenario()
def a_server_that_says_nothing(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", HANDSHAKE_IVL=200, RECONNECT_IVL=300)
    monitor = push.monitor(ctx)
    push.connect(where)
    z.say("events", names(monitor, 5))
    server.close()
    ctx.end()


@scenario()
def a_client_that_says_nothing(z):
    ctx = z.context()
    pull = ctx.socket("PULL", HANDSHAKE_IVL=200)
    pull.bind_any("tcp")
    monitor = pull.monitor(ctx)
    peer = dial(pull)
    z.say("events", names(monitor, 3, 1000))
    peer.connection.close()
    ctx.end()


@scenario()
def peers_that_leave_in_the_handshake(z):
    for data in (b"", b"\xff" + b"\0" * 8, greeting()[:12], greeting()):
        ctx = z.context()
        pull = ctx.socket("PULL")
        pull.bind_any("tcp")
        monitor = pull.monitor(ctx)
        peer = dial(pull)
        peer.send(data)
        peer.connection.shutdown(pysocket.SHUT_WR)
        z.say(f"server, {len(data)} bytes", names(monitor, 3, 1000))
        peer.connection.close()
        server, where = listener(z)
        push = ctx.socket("PUSH", RECONNECT_IVL=5000)
        monitor = push.monitor(ctx)
        push.connect(where)
        peer = Peer(server.accept()[0])
        peer.send(data)
        peer.read(10)
        peer.connection.shutdown(pysocket.SHUT_WR)
        z.say(f"client, {len(data)} bytes", names(monitor, 5, 1000))
        peer.connection.close()
        server.close()
        ctx.end()


@scenario()
def peers_that_leave_after_the_handshake(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    monitor = pull.monitor(ctx)
    peer = dial(pull)
    peer.shake(b"PUSH")
    peer.connection.close()
    z.say("server", names(monitor, 4, 1000))
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=5000)
    monitor = push.monitor(ctx)
    push.connect(where)
    peer = Peer(server.accept()[0])
    peer.shake(b"PULL")
    peer.connection.close()
    z.say("client", names(monitor, 5, 1000))
    server.close()
    ctx.end()


@scenario()
def another_language(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    monitor = pull.monitor(ctx)
    peer = dial(pull)
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: everything there may be\r\n\r\n")
    z.say("server", names(monitor, 3, 1000))
    peer.connection.close()
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=5000)
    monitor = push.monitor(ctx)
    push.connect(where)
    peer = Peer(server.accept()[0])
    peer.send(b"220 mail.example.org ESMTP, and a text that is longer than a greeting is\r\n")
    z.say("client", names(monitor, 2, 1000))
    peer.connection.close()
    server.close()
    ctx.end()


@scenario()
def mechanisms_and_types_that_do_not_fit(z):
    for what, answer in (("mechanism", greeting(0, b"PLAIN")), ("type", greeting() + ready(b"PUB")),
                         ("command", greeting() + b"\4\6\5HELLO")):
        ctx = z.context()
        pull = ctx.socket("PULL")
        pull.bind_any("tcp")
        monitor = pull.monitor(ctx)
        peer = dial(pull)
        peer.send(answer)
        z.say(f"server, {what}", names(monitor, 3, 1000))
        peer.connection.close()
        server, where = listener(z)
        push = ctx.socket("PUSH", RECONNECT_IVL=5000)
        monitor = push.monitor(ctx)
        push.connect(where)
        peer = Peer(server.accept()[0])
        peer.send(answer)
        seen = names(monitor, 5, 1000)
        z.say(f"client, {what}", seen[:4] if what != "type" else seen[:3])
        z.say("and then", seen[4:] if what != "type" else seen[3:], ours=["CONNECT_RETRIED"],
              why="another attempt is made, as long as RECONNECT_STOP does not forbid it")
        peer.connection.close()
        server.close()
        ctx.end()


@scenario()
def nobody_listens(z):
    ctx = z.context()
    for where in (f"tcp://127.0.0.1:{z.port()}", f"ipc://{z.tmp('nobody')}", "ipc://@nobody-here"):
        push = ctx.socket("PUSH", RECONNECT_IVL=100)
        monitor = push.monitor(ctx)
        push.connect(where)
        z.say(where.split(":", 1)[0], names(monitor, 6))
        push.close()
    ctx.end()


@scenario()
def no_way_there(z):
    ctx = z.context()
    push = ctx.socket("PUSH", CONNECT_TIMEOUT=150, RECONNECT_IVL=100)
    monitor = push.monitor(ctx)
    # A listener that accepts nobody any more.
    server = pysocket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    where = server.getsockname()
    held = [pysocket.socket() for _ in range(4)]
    for one in held:
        one.setblocking(False)
        one.connect_ex(where)
    push.connect("tcp://127.0.0.1:%d" % where[1])
    z.say("events", names(monitor, 6))
    ctx.end()


@scenario()
def binds_that_fail(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    taken = ctx.socket("PULL").bind_any("tcp")
    monitor = s.monitor(ctx)
    os.mkdir(z.tmp("folder"))
    abstract = f"ipc://@{z.tmp('abstract')}"
    z.call("zmq_bind", ctx.socket("PULL").pointer(), abstract.encode())
    for where in (taken, taken.replace("tcp", "ws"), "tcp://192.0.2.1:5555", "ws://192.0.2.1:5555",
                  f"ipc://{z.tmp('no/such/folder')}", f"ipc://{z.tmp('folder')}",
                  abstract, "tcp://nowhere:5555", "foo://bar", "inproc://x"):
        s.bind(where)
        # CLOSED tells of the socket that was made in vain, where it came to that.
        z.say("events", names(monitor, 2, 200))
    ctx.end()


@scenario()
def no_descriptor_for_a_peer(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    monitor = pull.monitor(ctx, 0xFFFF & ~0x20)
    peer = pysocket.socket()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(fd) for fd in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, before[1]))
    held = []
    try:
        while True:
            held.append(pysocket.socket())
    except OSError:
        pass
    peer.connect(("127.0.0.1", int(pull.endpoint().rsplit(":", 1)[1])))
    event = monitor.event()
    z.say("event", event and event[:2])
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for one in held:
        one.close()
    ctx.end()


@scenario()
def heartbeats_that_stay_away(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", HEARTBEAT_IVL=100, HEARTBEAT_TIMEOUT=200, RECONNECT_IVL=5000)
    monitor = push.monitor(ctx)
    push.connect(where)
    peer = Peer(server.accept()[0])
    peer.shake(b"PULL")
    z.say("events", names(monitor, 5, 2000))
    server.close()
    ctx.end()


@scenario()
def ends_by_hand(z):
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
    there, here = pull.monitor(ctx), push.monitor(ctx)
    where = pull.bind_any("tcp")
    push.connect(where)
    z.say("server", names(there, 3))
    z.say("client", names(here, 3))
    pull.unbind(where)
    z.say("server", names(there, 1))
    pull.close()
    z.say("server", there.until("MONITOR_STOPPED")[-1])
    push.close()
    z.say("client", here.until("MONITOR_STOPPED")[-1])
    ctx.end()


@scenario()
def retries_wait_longer_and_longer(z):
    ctx = z.context()
    for options in ({"RECONNECT_IVL": 20, "RECONNECT_IVL_MAX": 100}, {"RECONNECT_IVL": 50},
                    {"RECONNECT_IVL": 100, "RECONNECT_IVL_MAX": 20}):
        push = ctx.socket("PUSH", **options)
        monitor = push.monitor(ctx, 4)
        push.connect(f"tcp://127.0.0.1:{z.port()}")
        waits = [monitor.event()[1] for _ in range(6)]
        low, high = options["RECONNECT_IVL"], options.get("RECONNECT_IVL_MAX", 0)
        # With a maximum above it the interval doubles; a random part of it may come on top.
        for number, wait in enumerate(waits):
            base = min(low << number, high) if high > low else low
            z.say(f"wait {number}", base <= wait <= 2 * base)
        push.close()
    ctx.end()


@scenario(draft=True)
def attempts_that_are_given_up(z):
    """RECONNECT_STOP: 2 ends them after any failed handshake, 4 only when zmq_disconnect asks."""
    ctx = z.context()
    stream = ctx.socket("STREAM")
    where = stream.bind_any("tcp")
    for stop in (0, 2):
        sub = ctx.socket("SUB", HANDSHAKE_IVL=200, RECONNECT_IVL=100, RECONNECT_STOP=stop)
        monitor = sub.monitor(ctx)
        sub.connect(where)
        wanted = [["CONNECT_DELAYED", 115], "CONNECTED", "HANDSHAKE_FAILED_NO_DETAIL",
                  "DISCONNECTED"] + ["CONNECT_RETRIED"] * (stop == 0)
        z.expect("a silent server", names(monitor, 5, 1000), wanted)
        sub.close()
    pub = ctx.socket("PUB")
    sub = ctx.socket("SUB", RECONNECT_IVL=100, RECONNECT_STOP=4)
    monitor = sub.monitor(ctx)
    sub.connect(pub.bind_any("tcp"))
    z.expect("connected", monitor.until("HANDSHAKE_SUCCEEDED")[-1], "HANDSHAKE_SUCCEEDED")
    pub.close()
    z.expect("lost", names(monitor, 2), ["DISCONNECTED", "CONNECT_RETRIED"])
    ctx.end()
