"""Addresses of binds and connects: names of hosts and interfaces, wildcards, and the address that a
connection comes from. zmq_tcp(7), zmq_ipc(7), zmq_bind(3), zmq_connect(3)."""
import os
import socket as pysocket

from kit import scenario

NAMES = "names of hosts are taken for sources and binds as well"


@scenario()
def sources(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("tcp://127.0.0.1:*")
    port = pull.endpoint().rsplit(":", 1)[1]
    for source in ("127.0.0.1:0", "lo:0", "127.0.0.1:*", "lo:*"):
        for host in ("localhost", "127.0.0.1"):
            push = ctx.socket("PUSH")
            push.connect(f"tcp://{source};{host}:{port}")
            push.get("LAST_ENDPOINT")
            push.send(b"x")
            m = z.message()
            m.recv(pull)
            z.say("from", m.gets("Peer-Address"))
            push.close()
    ctx.end()


@scenario(stock=NAMES)
def sources_by_name(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("tcp://127.0.0.1:*")
    port = pull.endpoint().rsplit(":", 1)[1]
    for source in ("localhost:0", "localhost:*", "*:0", "*:*"):
        push = ctx.socket("PUSH")
        z.expect("connect", push.connect(f"tcp://{source};127.0.0.1:{port}"), 0)
        push.send(b"x")
        z.expect("got", pull.recv(), [b"x"])
        push.close()
    ctx.end()


@scenario()
def source_with_a_port(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("tcp://127.0.0.1:*")
    port = pull.endpoint().rsplit(":", 1)[1]
    for source in ("127.0.0.1", "lo"):
        own = z.port()
        push = ctx.socket("PUSH")
        push.connect(f"tcp://{source}:{own};127.0.0.1:{port}")
        push.send(b"x")
        m = z.message()
        m.recv(pull)
        where = pysocket.fromfd(m.get("SRCFD"), pysocket.AF_INET, pysocket.SOCK_STREAM)
        z.say("its port", where.getpeername()[1] == own)
        where.close()
        push.close()
    ctx.end()


@scenario(stock="it takes these, and never connects")
def sources_that_are_none(z):
    ctx = z.context()
    push = ctx.socket("PUSH")
    for where in ("tcp://;127.0.0.1:5555", "tcp://127.0.0.1;127.0.0.1:5555",
                  "tcp://127.0.0.1:abc;127.0.0.1:5555", "tcp://127.0.0.1:0;",
                  "tcp://127.0.0.1:0;127.0.0.1", "tcp://:0;127.0.0.1:5555"):
        z.expect(where, push.connect(where), "EINVAL")
    ctx.end()


@scenario()
def source_that_is_not_ours(z):
    """The connection is tried again and again."""
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("tcp://127.0.0.1:*")
    port = pull.endpoint().rsplit(":", 1)[1]
    push = ctx.socket("PUSH", IMMEDIATE=1)
    push.connect(f"tcp://192.0.2.1:0;127.0.0.1:{port}")
    push.full(b"x")
    ctx.end()


@scenario()
def names_of_hosts_and_interfaces(z):
    ctx = z.context()
    for where in ("tcp://lo:*", "tcp://*:*", "tcp://0.0.0.0:*", "tcp://127.0.0.1:0", "tcp://lo:0",
                  "tcp://*:0", "tcp://[::]:*", "tcp://[::1]:*", "tcp://[127.0.0.1]:*",
                  "tcp://::1:*", "tcp://nowhere:*"):
        for six in (0, 1):
            s = ctx.socket("PULL")
            s.quiet_set("IPV6", six)
            if s.bind(where) == 0:
                # An IPv4 address on a socket with IPv6 is written as it is, not as a mapped one.
                z.say("at", s.endpoint().replace("[::ffff:0.0.0.0]", "0.0.0.0")
                      .replace("[::ffff:127.0.0.1]", "127.0.0.1"))
            s.close()
    ctx.end()


@scenario(stock=NAMES)
def binds_by_name(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    z.expect("bind", s.bind("tcp://localhost:*"), 0)
    z.expect("at", s.endpoint().startswith("tcp://127.0.0.1:"), True)
    ctx.end()


@scenario()
def connects_by_name(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("tcp://127.0.0.1:*")
    port = pull.endpoint().rsplit(":", 1)[1]
    for host in ("localhost", "127.0.0.1", "127.1", "0x7f.1", "0.0.0.0", "[127.0.0.1]"):
        push = ctx.socket("PUSH", IMMEDIATE=1, SNDTIMEO=1500)
        if push.connect(f"tcp://{host}:{port}") == 0 and push.send(host.encode()) != "EAGAIN":
            pull.recv()
        push.close()
    ctx.end()


@scenario()
def wildcards_are_unbound_by_what_they_became(z):
    ctx = z.context()
    for where, six in (("tcp://*:*", 0), ("tcp://*:*", 1), ("tcp://[::]:*", 1), ("tcp://lo:*", 0),
                       ("tcp://127.0.0.1:*", 0), ("ipc://*", 0), ("ws://*:*", 0)):
        s = ctx.socket("PULL")
        s.quiet_set("IPV6", six)
        s.bind(where)
        became = s.endpoint()
        z.say("as given", s.unbind(where))
        z.say("as it became", s.unbind(became))
        z.say("again", s.unbind(became))
        s.close()
    ctx.end()


@scenario()
def fixed_ports_are_unbound_as_they_became(z):
    ctx = z.context()
    for form in ("tcp://*:{}", "tcp://0.0.0.0:{}", "tcp://lo:{}", "tcp://127.0.0.1:{}"):
        where = form.format(z.port())
        s = ctx.socket("PULL")
        s.bind(where)
        s.get("LAST_ENDPOINT")
        s.unbind(s.endpoint())
        z.eventually("free", lambda: z.call("zmq_bind", s.pointer(), where.encode()) == 0)
        s.close()
    ctx.end()


@scenario(stock="it knows a bind by what it became only")
def fixed_ports_are_unbound_as_given(z):
    ctx = z.context()
    for form in ("tcp://*:{}", "tcp://lo:{}", "tcp://localhost:{}"):
        where = form.format(z.port())
        s = ctx.socket("PULL")
        z.expect("bind", s.bind(where), 0)
        z.expect("unbind", s.unbind(where), 0)
        z.expect("again", s.bind(where), 0)
        s.close()
    ctx.end()


@scenario()
def unbound_ports_can_be_bound_by_another_socket(z):
    ctx = z.context()
    one, two = ctx.socket("REP"), ctx.socket("REP")
    one.bind("tcp://*:*")
    where = one.endpoint()
    two.bind(where)
    one.unbind(where)
    z.eventually("free", lambda: z.call("zmq_bind", two.pointer(), where.encode()) == 0)
    req = ctx.socket("REQ")
    req.connect(where.replace("0.0.0.0", "127.0.0.1"))
    req.send(b"question")
    two.recv()
    two.send(b"answer")
    req.recv()
    ctx.end()


@scenario()
def last_endpoint_of_every_act(z):
    ctx = z.context()
    s = ctx.socket("DEALER")
    s.get("LAST_ENDPOINT")
    port = z.port()
    s.connect(f"tcp://localhost:{port}")
    s.get("LAST_ENDPOINT")
    s.connect(f"tcp://127.0.0.1:{port}")
    s.get("LAST_ENDPOINT")
    s.bind("inproc://name")
    s.get("LAST_ENDPOINT")
    s.connect("inproc://other")
    s.get("LAST_ENDPOINT")
    s.bind(f"ipc://{z.tmp('here')}")
    s.get("LAST_ENDPOINT")
    s.connect(f"ipc://{z.tmp('there')}")
    s.get("LAST_ENDPOINT")
    s.bind("ipc://@abstract-last")
    s.get("LAST_ENDPOINT")
    s.bind("tcp://nowhere:5555")
    s.get("LAST_ENDPOINT")
    s.unbind("inproc://name")
    s.get("LAST_ENDPOINT")
    for size in (1, 21, 22, 23):
        s.get("LAST_ENDPOINT", size)
    ctx.end()


@scenario()
def ipc_paths(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    folder = z.tmp("x")[:-2]
    for length in (100, 106, 107, 108, 109, 200):
        s.bind(f"ipc://{folder}/" + "p" * (length - len(folder) - 1))
        s.connect(f"ipc://{folder}/" + "p" * (length - len(folder) - 1))
    for where in ("ipc://@", "ipc://@" + "a" * 106, "ipc://@" + "a" * 107, "ipc:///nowhere/at/all",
                  "ipc:///", "ipc:///proc/x"):
        s.bind(where)
    ctx.end()


@scenario(stock="it leaves the file behind when another has bound it meanwhile")
def ipc_bound_again(z):
    """A path that a socket has left, that one holds, and that is a file."""
    ctx = z.context()
    where = f"ipc://{z.tmp('place')}"
    one, two = ctx.socket("PULL"), ctx.socket("PULL")
    one.bind(where)
    z.expect("there", os.path.exists(z.tmp("place")), True)
    one.close()
    z.eventually("gone", lambda: not os.path.exists(z.tmp("place")))
    two.bind(where)
    push = ctx.socket("PUSH")
    push.connect(where)
    push.send(b"x")
    z.expect("got", two.recv(), [b"x"])
    two.unbind(where)
    z.eventually("gone", lambda: not os.path.exists(z.tmp("place")))
    open(z.tmp("file"), "w", encoding="ascii").close()
    z.expect("an empty file", two.bind(f"ipc://{z.tmp('file')}"), 0)
    os.mkdir(z.tmp("folder"))
    z.expect("folder", two.bind(f"ipc://{z.tmp('folder')}"), "EADDRINUSE")
    ctx.end()


@scenario()
def a_reused_port_after_a_close(z):
    """What is closed can be bound again at once, also by another context."""
    where = f"tcp://127.0.0.1:{z.port()}"
    for _ in range(5):
        ctx = z.context()
        rep, req = ctx.socket("REP"), ctx.socket("REQ")
        rep.bind(where)
        req.connect(where)
        req.send(b"x")
        rep.recv()
        rep.close()
        ctx.end()
