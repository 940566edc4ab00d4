"""Endpoints: zmq_bind(3), zmq_connect(3), zmq_unbind(3), zmq_disconnect(3), zmq_tcp(7),
zmq_ipc(7), zmq_inproc(7)."""
import os
import socket as pysocket

from kit import scenario


@scenario()
def bad_endpoints(z):
    ctx = z.context()
    s = ctx.socket("DEALER")
    for where in ("", "tcp", "tcp:", "tcp:/", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:",
                  "tcp://127.0.0.1:abc", "tcp://no.such.host.invalid:5555",
                  "foo://bar", "://x", "inproc", "inproc:", "ipc://",
                  "tcp://256.1.1.1:5555", "udp://127.0.0.1:5555", "TCP://127.0.0.1:0",
                  "tcp://*", "tcp://;127.0.0.1:5", "tcp://eth99:5555"):
        s.bind(where)
    for where in ("", "tcp", "tcp:/", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:",
                  "tcp://127.0.0.1:abc", "tcp://*:5555", "tcp://127.0.0.1:*", "foo://bar", "://x",
                  "inproc:", "udp://127.0.0.1:5555", "tcp://host name:55", "tcp://a_b:5555",
                  "tcp://-a:5555"):
        s.connect(where)
    ctx.end()


@scenario(stock="it takes these for another port, or for one that can be connected to")
def invalid_ports(z):
    ctx = z.context()
    s = ctx.socket("DEALER")
    for act in (s.bind, s.connect):
        for where in ("tcp://127.0.0.1:70000", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:1x",
                      "tcp://:5555", "tcp://[::1:99"):
            z.expect(where, act(where), "EINVAL")
    z.expect("port 0", s.connect("tcp://127.0.0.1:0"), "EINVAL")
    ctx.end()


@scenario()
def inproc_names(z):
    ctx = z.context()
    s, t = ctx.socket("PULL"), ctx.socket("PUSH")
    s.bind("inproc://")
    t.connect("inproc://")
    s.bind("inproc://a b*c?")
    t.connect("inproc://a b*c?")
    t.send(b"x")
    s.recv()
    s.get("LAST_ENDPOINT")
    t.get("LAST_ENDPOINT")
    s.bind("inproc://a b*c?")
    ctx.socket("PULL").bind("inproc://a b*c?")
    z.say("257 bytes", z.call("zmq_bind", s.pointer(), b"inproc://" + b"n" * 257),
          ours="ENAMETOOLONG", why="zmq_inproc(7): up to 256 characters")
    ctx.end()


@scenario()
def several_binds_and_last_endpoint(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    s.get("LAST_ENDPOINT")
    s.bind("tcp://127.0.0.1:*")
    s.get("LAST_ENDPOINT")
    s.bind(f"ipc://{z.tmp('x')}")
    s.get("LAST_ENDPOINT")
    s.bind("inproc://y")
    s.get("LAST_ENDPOINT")
    s.bind("tcp://*:*")
    s.get("LAST_ENDPOINT")
    s.bind("tcp://lo:*")
    s.get("LAST_ENDPOINT")
    s.bind("tcp://0.0.0.0:0")
    s.get("LAST_ENDPOINT")
    s.bind("tcp://nonsense")
    s.get("LAST_ENDPOINT")
    s.connect(f"tcp://localhost:{z.port()}")
    s.get("LAST_ENDPOINT")
    s.get("LAST_ENDPOINT", 4)
    s.get("LAST_ENDPOINT", 0)
    ctx.end()


@scenario()
def address_in_use(z):
    ctx = z.context()
    a, b = ctx.socket("PULL"), ctx.socket("PULL")
    where = a.bind_any("tcp")
    b.bind(where)
    a.bind(where)
    a.unbind(where)
    z.eventually("free", lambda: z.call("zmq_bind", b.pointer(), where.encode()) == 0)
    ctx.end()


@scenario()
def unbind_and_disconnect_errors(z):
    ctx = z.context()
    s = ctx.socket("DEALER")
    s.unbind("tcp://127.0.0.1:5555")
    s.disconnect("tcp://127.0.0.1:5555")
    s.unbind("inproc://none")
    s.disconnect("inproc://none")
    s.unbind("nonsense")
    s.disconnect("nonsense")
    s.unbind("")
    s.disconnect("")
    s.unbind("foo://x")
    s.disconnect("foo://x")
    s.unbind("ipc:///nowhere")
    s.disconnect("tcp://*:55")
    port = z.port()
    s.connect(f"tcp://127.0.0.1:{port}")
    s.unbind(f"tcp://127.0.0.1:{port}")
    s.connect(f"tcp://127.0.0.1:{port}")
    s.disconnect(f"tcp://127.0.0.1:{port}")
    s.disconnect(f"tcp://127.0.0.1:{port}")
    s.disconnect(f"tcp://127.0.0.1:{port}")
    ctx.end()


@scenario()
def disconnect_a_bind(z):
    ctx = z.context()
    s = ctx.socket("DEALER")
    where = s.bind_any("tcp")
    s.disconnect(where)
    s.unbind(where)
    s.bind("inproc://x")
    s.disconnect("inproc://x")
    s.unbind("inproc://x")
    ctx.end()


@scenario()
def double_connect_gives_two_pipes(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    where = pull.bind_any("tcp")
    for name in ("DEALER", "PUSH", "PUB", "SUB", "REQ"):
        other = {"DEALER": "ROUTER", "PUSH": "PULL", "PUB": "SUB", "SUB": "PUB", "REQ": "REP"}[name]
        at = ctx.socket(other)
        where = at.bind_any("tcp")
        watch = at.monitor(ctx, 0x1000)
        s = ctx.socket(name)
        s.connect(where)
        s.connect(where)
        watch.wait("HANDSHAKE_SUCCEEDED")
        z.say("second", watch.event(300) is not None)
        s.disconnect(where)
        s.disconnect(where)
    ctx.end()


@scenario()
def unbind_stops_accepting_and_keeps_peers(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    where = pull.endpoint()
    push.send(b"1")
    pull.recv()
    pull.unbind(where)
    z.settle(0.2)
    push.send(b"2")
    pull.none(300)
    late = ctx.socket("PUSH", IMMEDIATE=1)
    late.connect(where)
    late.full(b"no")
    ctx.end()


@scenario()
def unbind_then_rebind_the_same_port(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    where = pull.bind_any("tcp")
    push = ctx.socket("PUSH", RECONNECT_IVL=20)
    push.connect(where)
    push.send(b"1")
    pull.recv()
    for _ in range(3):
        pull.unbind(where)
        z.eventually("bound", lambda: z.call("zmq_bind", pull.pointer(), where.encode()) == 0)
        pull.unbind(where)
        z.eventually("bound", lambda: z.call("zmq_bind", pull.pointer(), where.encode()) == 0)
    other = ctx.socket("PUSH")
    other.connect(where)
    other.send(b"from the other")
    pull.recv()
    ctx.end()


@scenario()
def wildcard_bind_unbind_by_resolved_name(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    s.bind("tcp://*:*")
    where = s.endpoint()
    z.say("resolved", where)
    s.unbind("tcp://*:*")
    s.unbind(where)
    s.unbind(where)
    s.bind("tcp://127.0.0.1:*")
    port = s.endpoint().rsplit(":", 1)[1]
    s.unbind(f"tcp://127.0.0.1:{port}")
    port = z.port()
    s.bind(f"tcp://*:{port}")
    s.get("LAST_ENDPOINT")
    s.unbind(f"tcp://0.0.0.0:{port}")
    s.bind(f"tcp://lo:{port}")
    s.unbind(f"tcp://127.0.0.1:{port}")
    ctx.end()


@scenario()
def disconnect_by_name_as_given(z):
    ctx = z.context()
    s = ctx.socket("DEALER")
    port = z.port()
    s.connect(f"tcp://localhost:{port}")
    s.disconnect(f"tcp://127.0.0.1:{port}")
    s.disconnect(f"tcp://localhost:{port}")
    s.connect(f"tcp://127.0.0.1:0;127.0.0.1:{port}")
    s.get("LAST_ENDPOINT")
    s.disconnect(f"tcp://127.0.0.1:{port}")
    s.disconnect(f"tcp://127.0.0.1:0;127.0.0.1:{port}")
    s.connect(f"ipc://{z.tmp('none')}")
    s.disconnect(f"ipc://{z.tmp('none')}")
    s.disconnect(f"ipc://{z.tmp('none')}")
    ctx.end()


@scenario()
def disconnect_stops_the_flow(z):
    for transport in ("tcp", "ipc", "inproc"):
        ctx = z.context()
        pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
        where = pull.bind_any(transport)
        push.connect(where)
        push.send(b"1")
        pull.recv()
        push.disconnect(where)
        z.settle(0.1)
        push.send(b"2", flags=1)
        push.events()
        pull.none()
        push.connect(where)
        push.send(b"3")
        pull.recv()
        ctx.end()


@scenario()
def disconnect_flushes_what_was_sent(z):
    for transport in ("tcp", "ipc", "inproc"):
        ctx = z.context()
        pull, push = ctx.socket("PULL"), ctx.socket("PUSH", LINGER=-1)
        where = pull.bind_any(transport)
        push.connect(where)
        z.settle(0.1)
        for i in range(50):
            push.quiet_send(b"%d" % i)
        push.disconnect(where)
        z.say("all", len([1 for _ in range(50) if isinstance(pull.quiet_recv(), list)]))
        ctx.end()


@scenario()
def disconnect_inproc_by_binder(z):
    ctx = z.context()
    a, b = ctx.socket("DEALER"), ctx.socket("DEALER")
    a.bind("inproc://x")
    b.connect("inproc://x")
    a.unbind("inproc://x")
    b.send(b"still", flags=1)
    a.none()
    c = ctx.socket("DEALER")
    c.bind("inproc://x")
    a.unbind("inproc://x")
    ctx.end()


@scenario()
def disconnect_inproc_twice_connected(z):
    ctx = z.context()
    a, b = ctx.socket("PULL"), ctx.socket("PUSH")
    a.bind("inproc://x")
    b.connect("inproc://x")
    b.connect("inproc://x")
    b.send(b"1")
    b.send(b"2")
    a.recv()
    a.recv()
    b.disconnect("inproc://x")
    b.send(b"3", flags=1)
    b.disconnect("inproc://x")
    b.send(b"4", flags=1)
    ctx.end()


@scenario()
def disconnect_inproc_pending(z):
    ctx = z.context()
    b = ctx.socket("PUSH")
    b.connect("inproc://later")
    b.send(b"queued")
    b.disconnect("inproc://later")
    b.send(b"x", flags=1)
    a = ctx.socket("PULL")
    a.bind("inproc://later")
    a.none()
    b.connect("inproc://later")
    b.send(b"now")
    a.recv()
    ctx.end()


@scenario()
def connect_before_bind(z):
    for one, two in (("PAIR", "PAIR"), ("PULL", "PUSH"), ("DEALER", "DEALER"), ("REP", "REQ"),
                     ("ROUTER", "DEALER"), ("DEALER", "REQ")):
        for transport in ("inproc", "ipc", "tcp"):
            ctx = z.context()
            where = {"inproc": "inproc://b", "ipc": f"ipc://{z.tmp(one + two)}",
                     "tcp": f"tcp://127.0.0.1:{z.port()}"}[transport]
            b = ctx.socket(two, RECONNECT_IVL=20)
            b.connect(where)
            b.send(b"first")
            a = ctx.socket(one)
            a.bind(where)
            got = a.quiet_recv()
            z.say("got", got if isinstance(got, str) else got[-1])
            ctx.end()


@scenario()
def connect_before_bind_pubsub_inproc(z):
    ctx = z.context()
    sub = ctx.socket("SUB", SUBSCRIBE=b"a")
    sub.connect("inproc://p")
    sub.set("SUBSCRIBE", b"b")
    pub = ctx.socket("XPUB")
    pub.bind("inproc://p")
    z.say("asked", sorted(pub.quiet_recv()[0] for _ in range(2)))
    pub.none()
    pub.send(b"b1")
    pub.send(b"c1")
    pub.send(b"a1")
    sub.recv()
    sub.recv()
    ctx.end()


@scenario()
def connect_before_bind_two_connectors(z):
    ctx = z.context()
    pushes = [ctx.socket("PUSH") for _ in range(3)]
    for i, push in enumerate(pushes):
        push.connect("inproc://p")
        push.send(b"%d" % i)
    pull = ctx.socket("PULL")
    pull.bind("inproc://p")
    z.say("all", sorted(pull.quiet_recv()[0] for _ in pushes))
    ctx.end()


@scenario()
def pending_inproc_and_term(z):
    for linger in (0, 100, -1):
        ctx = z.context()
        push = ctx.socket("PUSH", LINGER=linger)
        push.connect("inproc://nobody")
        push.send(b"x")
        push.close()
        z.say("term", z.thread(ctx.term).join(1.0) if linger >= 0 else
              z.thread(ctx.term).join(1.0))


@scenario()
def pending_inproc_closed_then_bound(z):
    ctx = z.context()
    push = ctx.socket("PUSH", LINGER=-1)
    push.connect("inproc://p")
    push.send(b"left behind")
    push.close()
    pull = ctx.socket("PULL")
    pull.bind("inproc://p")
    pull.none()
    ctx.end()


@scenario()
def inproc_is_per_context(z):
    one, two = z.context(), z.context()
    a, b = one.socket("PULL"), two.socket("PUSH")
    a.bind("inproc://x")
    b.connect("inproc://x")
    b.send(b"x", flags=1)
    a.none()
    one.end()
    two.end()


@scenario()
def inproc_joins_any_two_types(z):
    ctx = z.context()
    for one, two in (("PULL", "SUB"), ("REQ", "PUB"), ("PAIR", "PUSH"), ("REP", "REP")):
        a, b = ctx.socket(one), ctx.socket(two)
        a.bind(f"inproc://{one}{two}")
        b.connect(f"inproc://{one}{two}")
    ctx.end()


@scenario()
def ipc_files(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    path = z.tmp("socket")
    s.bind(f"ipc://{path}")
    z.say("there", os.path.exists(path))
    t = ctx.socket("PULL")
    t.bind(f"ipc://{path}")
    s.unbind(f"ipc://{path}")
    z.settle(0.2)
    z.say("there after unbind", os.path.exists(path))
    t.close()
    z.settle(0.2)
    z.say("there after close", os.path.exists(path), ours=False, why="ours leaves no file behind")
    s.bind(f"ipc://{z.tmp('no/such/folder')}")
    s.bind("ipc://" + "p" * 200)
    s.connect("ipc://" + "p" * 200)
    with open(z.tmp("file"), "w", encoding="utf-8"):
        pass
    s.bind(f"ipc://{z.tmp('file')}")
    s.bind("ipc://@")
    ctx.end()


@scenario()
def ipc_wildcard(z):
    ctx = z.context()
    s, t = ctx.socket("PULL"), ctx.socket("PUSH")
    s.bind("ipc://*")
    where = s.endpoint()
    z.say("is a path", [where.startswith("ipc://"), os.path.exists(where[6:])])
    t.connect(where)
    t.send(b"x")
    s.recv()
    z.say("unbind", s.kit.call("zmq_unbind", s.pointer(), where.encode()))
    z.settle(0.2)
    z.say("there", os.path.exists(where[6:]))
    z.say("wildcard connect", z.call("zmq_connect", t.pointer(), b"ipc://*"), ours="EINVAL",
          why="the stock library waits for a file named *")
    ctx.end()


@scenario()
def ipc_abstract(z):
    ctx = z.context()
    name = f"@oxmq-{os.getpid()}"
    s, t = ctx.socket("PULL"), ctx.socket("PUSH")
    z.say("bind", z.call("zmq_bind", s.pointer(), f"ipc://{name}".encode()))
    z.say("name", s.endpoint() == f"ipc://{name}")
    z.say("connect", z.call("zmq_connect", t.pointer(), f"ipc://{name}".encode()))
    t.send(b"x")
    s.recv()
    z.say("in use", z.call("zmq_bind", ctx.socket("PULL").pointer(), f"ipc://{name}".encode()))
    z.say("unbind", z.call("zmq_unbind", s.pointer(), f"ipc://{name}".encode()))
    ctx.end()


@scenario()
def source_address(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("tcp://127.0.0.1:*")
    port = pull.endpoint().rsplit(":", 1)[1]
    for source in ("127.0.0.1:0", "127.0.0.2:0", "lo:0", "127.0.0.3:*"):
        push = ctx.socket("PUSH")
        if push.connect(f"tcp://{source};127.0.0.1:{port}") == 0:
            push.send(b"x")
            m = z.message()
            m.recv(pull)
            z.say("from", m.gets("Peer-Address"))
            push.close()
    ctx.end()


@scenario()
def ipv6_both_sides(z):
    if not pysocket.has_ipv6:
        return
    for one in (0, 1):
        for two in (0, 1):
            ctx = z.context()
            a = ctx.socket("PULL", IPV6=one)
            a.bind("tcp://[::1]:*")
            a.bind("tcp://*:*")
            where = a.endpoint()
            z.say("where", where)
            port = where.rsplit(":", 1)[1]
            b = ctx.socket("PUSH", IPV6=two, IMMEDIATE=1)
            b.connect(f"tcp://[::1]:{port}")
            b.full(b"six", milliseconds=300)
            c = ctx.socket("PUSH", IPV6=two, IMMEDIATE=1)
            c.connect(f"tcp://127.0.0.1:{port}")
            c.send(b"four")
            z.say("got", sorted(short[0] for short in a.drain()))
            ctx.end()


@scenario()
def ipv6_option_and_context(z):
    ctx = z.context()
    a = ctx.socket("PULL")
    a.get("IPV6")
    a.get("IPV4ONLY")
    a.set("IPV6", 1)
    a.get("IPV4ONLY")
    a.set("IPV4ONLY", 1)
    a.get("IPV6")
    a.set("IPV6", 2)
    a.set("IPV4ONLY", 2)
    ctx.set("IPV6", 1)
    ctx.get("IPV6")
    b = ctx.socket("PULL")
    b.get("IPV6")
    b.get("IPV4ONLY")
    a.get("IPV6")
    ctx.end()


@scenario()
def use_fd(z):
    ctx = z.context()
    listener = pysocket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    port = listener.getsockname()[1]
    s = ctx.socket("PULL")
    s.get("USE_FD")
    z.say("set", s.quiet_set("USE_FD", listener.fileno()))
    s.bind(f"tcp://127.0.0.1:{port}")
    s.get("LAST_ENDPOINT")
    t = ctx.socket("PUSH")
    t.connect(f"tcp://127.0.0.1:{port}")
    t.send(b"x")
    s.recv()
    listener.detach()
    ctx.end()


@scenario()
def use_fd_ipc(z):
    ctx = z.context()
    listener = pysocket.socket(pysocket.AF_UNIX)
    path = z.tmp("fd")
    listener.bind(path)
    listener.listen(5)
    s, t = ctx.socket("PULL"), ctx.socket("PUSH")
    z.say("set", s.quiet_set("USE_FD", listener.fileno()))
    s.bind(f"ipc://{path}")
    s.get("LAST_ENDPOINT")
    t.connect(f"ipc://{path}")
    t.send(b"x")
    s.recv()
    listener.detach()
    s.close()
    z.settle(0.2)
    z.say("file", os.path.exists(path))
    ctx.end()


@scenario()
def many_endpoints_on_one_socket(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    places = [pull.bind_any("tcp") for _ in range(20)]
    push = ctx.socket("PUSH")
    for where in places:
        push.connect(where)
    for i in range(40):
        push.quiet_send(b"%d" % i)
    z.say("all", sorted(int(pull.quiet_recv()[0]) for _ in range(40)))
    for where in places[::2]:
        push.disconnect(where)
    for i in range(20):
        push.quiet_send(b"%d" % i)
    z.say("all", sorted(int(pull.quiet_recv()[0]) for _ in range(20)))
    ctx.end()


@scenario()
def bind_to_device(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    s.get("BINDTODEVICE")
    s.set("BINDTODEVICE", b"lo")
    s.get("BINDTODEVICE")
    s.set("BINDTODEVICE", b"x" * 20)
    s.set("BINDTODEVICE", None)
    s.get("BINDTODEVICE")
    s.set("BINDTODEVICE", b"lo")
    where = s.bind_any("tcp")
    t = ctx.socket("PUSH", BINDTODEVICE=b"lo")
    t.connect(where)
    t.send(b"x")
    s.recv()
    u = ctx.socket("PULL", BINDTODEVICE=b"nosuchdev0")
    u.bind("tcp://127.0.0.1:*")
    ctx.end()


@scenario()
def two_contexts_over_tcp(z):
    one, two = z.context(), z.context()
    a, b = one.socket("PAIR"), two.socket("PAIR")
    b.connect(a.bind_any("tcp"))
    b.send(b"x")
    a.recv()
    a.send(b"y")
    b.recv()
    two.end()
    z.settle(0.1)
    a.send(b"z", flags=1)
    one.end()
