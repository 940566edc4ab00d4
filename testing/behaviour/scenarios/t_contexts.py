"""Contexts: zmq_ctx_new(3), zmq_ctx_term(3), zmq_ctx_shutdown(3), zmq_ctx_set(3), linger."""
import ctypes as c

from kit import Failure, scenario


@scenario()
def null_and_foreign_handles(z):
    for name in ("zmq_ctx_term", "zmq_ctx_shutdown", "zmq_ctx_destroy", "zmq_term", "zmq_close"):
        z.say(name, z.call(name, None))
    z.say("socket", z.call("zmq_socket", None, 0))
    z.say("set", z.call("zmq_ctx_set", None, 1, 1))
    z.say("get", z.call("zmq_ctx_get", None, 1))
    for name in ("zmq_bind", "zmq_connect", "zmq_unbind", "zmq_disconnect"):
        z.say(name, z.call(name, None, b"tcp://127.0.0.1:1"))
    z.say("send", z.call("zmq_send", None, b"x", c.c_size_t(1), 0))
    z.say("recv", z.call("zmq_recv", None, c.create_string_buffer(1), c.c_size_t(1), 0))
    m = z.message(b"x")
    z.say("msg_send", z.call("zmq_msg_send", m.ref(), None, 0))
    z.say("msg_recv", z.call("zmq_msg_recv", m.ref(), None, 0))
    z.say("setsockopt", z.call("zmq_setsockopt", None, 17, c.byref(c.c_int(0)), c.c_size_t(4)))
    z.say("getsockopt", z.call("zmq_getsockopt", None, 17, c.byref(c.c_int(0)),
                               c.byref(c.c_size_t(4))))
    z.say("monitor", z.call("zmq_socket_monitor", None, b"inproc://x", 1))
    z.say("proxy", z.call("zmq_msg_close", m.ref()))


@scenario(stock="it reads freed memory")
def closed_handles(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    handle = s.pointer()
    s.close()
    z.expect("close again", z.call("zmq_close", handle), "ENOTSOCK")
    ctx.end()


@scenario()
def context_options(z):
    ctx = z.context()
    for name in ("IO_THREADS", "MAX_SOCKETS", "SOCKET_LIMIT", "THREAD_SCHED_POLICY", "MAX_MSGSZ",
                 "MSG_T_SIZE", "THREAD_NAME_PREFIX", "ZERO_COPY_RECV", "IPV6", "BLOCKY",
                 "THREAD_AFFINITY_CPU_ADD", "THREAD_AFFINITY_CPU_REMOVE", 0, 99, -1):
        ctx.get(name)
    for name, value in (("IO_THREADS", -1), ("IO_THREADS", 0), ("IO_THREADS", 4),
                        ("MAX_SOCKETS", 0), ("MAX_SOCKETS", -1),
                        ("MAX_SOCKETS", 100), ("MAX_MSGSZ", -1), ("MAX_MSGSZ", 0),
                        ("MAX_MSGSZ", 1000), ("MSG_T_SIZE", 1), ("IPV6", 2), ("IPV6", -1),
                        ("IPV6", 1), ("BLOCKY", 2), ("BLOCKY", -1), ("BLOCKY", 0),
                        ("THREAD_PRIORITY", -1), ("THREAD_PRIORITY", -2),
                        ("THREAD_SCHED_POLICY", -2), ("THREAD_SCHED_POLICY", 0),
                        ("THREAD_AFFINITY_CPU_ADD", -1), ("THREAD_AFFINITY_CPU_ADD", 0),
                        ("THREAD_AFFINITY_CPU_REMOVE", 0), ("THREAD_AFFINITY_CPU_REMOVE", 0),
                        ("THREAD_NAME_PREFIX", -1), ("THREAD_NAME_PREFIX", 7),
                        ("ZERO_COPY_RECV", 0), ("ZERO_COPY_RECV", 2), (0, 1), (99, 1)):
        ctx.set(name, value)
    for name in ("IO_THREADS", "MAX_SOCKETS", "MAX_MSGSZ", "IPV6", "BLOCKY", "ZERO_COPY_RECV",
                 "THREAD_NAME_PREFIX", "THREAD_SCHED_POLICY"):
        ctx.get(name)
    s = ctx.socket("PAIR", raw=True)
    s.get("LINGER")
    s.get("IPV6")
    ctx.end()


@scenario()
def max_sockets(z):
    ctx = z.context()
    ctx.set("MAX_SOCKETS", 3)
    opened = [ctx.socket("PAIR") for _ in range(4)]
    opened[0].close()
    z.eventually("again", lambda: not isinstance(z.call("zmq_socket", ctx.pointer(), 0), Failure))
    z.say("shutdown", z.call("zmq_ctx_shutdown", ctx.pointer()))


@scenario()
def unknown_socket_types(z):
    ctx = z.context()
    for code in (-1, 11, 21, 99, 1 << 20):
        result = z.call("zmq_socket", ctx.pointer(), code)
        z.say(f"type {code}", result if isinstance(result, Failure) else "opened")
        if not isinstance(result, Failure):
            z.call("zmq_close", c.c_void_p(result))
    ctx.end()


@scenario()
def io_threads_zero(z):
    ctx = z.context()
    ctx.set("IO_THREADS", 0)
    a, b = ctx.pair("PAIR", "PAIR", "inproc")
    a.send(b"x")
    b.recv()
    a.bind("tcp://127.0.0.1:*")
    a.connect("tcp://127.0.0.1:5555")
    a.bind(f"ipc://{z.tmp('x')}")
    ctx.end()


@scenario()
def term_wakes_every_blocked_call(z):
    ctx = z.context()
    kinds = {}
    pull = ctx.socket("PULL", RCVTIMEO=-1)
    pull.bind("tcp://127.0.0.1:*")
    push = ctx.socket("PUSH", SNDTIMEO=-1)
    push.bind("tcp://127.0.0.1:*")
    req = ctx.socket("REQ", SNDTIMEO=-1)
    rep = ctx.socket("REP", RCVTIMEO=-1)
    polled = ctx.socket("PULL")
    calls = {"recv": lambda: pull.quiet_recv(), "send": lambda: push.quiet_send(b"x"),
             "req": lambda: req.quiet_send(b"x"), "rep": lambda: rep.quiet_recv(),
             "poll": lambda: z.poll([(polled, 1)], -1)}
    for name, run in calls.items():
        kinds[name] = z.thread(run)
    z.settle()
    term = z.thread(ctx.term)
    for name, thread in kinds.items():
        z.say(name, thread.join())
    pull.recv(1)
    push.send(b"x", flags=1)
    pull.get("TYPE")
    pull.set("LINGER", 0)
    pull.bind("tcp://127.0.0.1:*")
    pull.connect("tcp://127.0.0.1:1")
    pull.unbind("tcp://127.0.0.1:1")
    pull.get("EVENTS")
    z.say("poll", z.poll([(pull, 1)], 0))
    z.say("term", term.join(0.2))
    for one in (pull, push, req, rep, polled):
        one.close()
    z.say("term", term.join())


@scenario()
def shutdown_then_term(z):
    ctx = z.context()
    s = ctx.socket("PULL", RCVTIMEO=-1)
    blocked = z.thread(s.quiet_recv)
    z.settle(0.2)
    ctx.shutdown()
    z.say("blocked", blocked.join())
    ctx.shutdown()
    z.say("socket", z.call("zmq_socket", ctx.pointer(), 0))
    s.recv(1)
    s.send(b"x", flags=1)
    s.get("RCVMORE")
    s.set("SUBSCRIBE", b"")
    ctx.get("IO_THREADS")
    ctx.set("IO_THREADS", 3)
    s.close()
    z.say("term", ctx.term())


@scenario()
def shutdown_of_an_unused_context(z):
    ctx = z.context()
    ctx.shutdown()
    z.say("socket", z.call("zmq_socket", ctx.pointer(), 0))
    z.say("term", ctx.term())
    other = z.context()
    z.say("term", other.term())


@scenario()
def legacy_context_functions(z):
    for name in ("zmq_term", "zmq_ctx_destroy"):
        handle = z.call("zmq_init", 2)
        z.say("threads", z.call("zmq_ctx_get", c.c_void_p(handle), 1))
        z.say(name, z.call(name, c.c_void_p(handle)))
    handle = z.call("zmq_init", -1)
    z.say("negative", handle if isinstance(handle, Failure) else "made")
    handle = z.call("zmq_init", 0)
    z.say("none", handle if isinstance(handle, Failure) else "made")


@scenario()
def linger_zero_drops(z):
    ctx = z.context()
    push = ctx.socket("PUSH", LINGER=0)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    push.send(b"x")
    push.close()
    z.say("term", z.thread(ctx.term).join())


@scenario()
def linger_infinite_waits_for_the_peer(z):
    ctx, other = z.context(), z.context()
    port = z.port()
    push = ctx.socket("PUSH", LINGER=-1, RECONNECT_IVL=20)
    push.connect(f"tcp://127.0.0.1:{port}")
    for i in range(10):
        push.quiet_send(b"%d" % i)
    push.close()
    term = z.thread(ctx.term)
    z.say("term", term.join(0.3))
    pull = other.socket("PULL")
    pull.bind(f"tcp://127.0.0.1:{port}")
    for _ in range(10):
        pull.recv()
    z.say("term", term.join())
    other.end()


@scenario()
def linger_limit_ends(z):
    ctx = z.context()
    push = ctx.socket("PUSH", LINGER=200)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    push.send(b"x")
    push.close()
    z.say("term", z.thread(ctx.term).join())


@scenario()
def linger_set_late_and_wrong(z):
    ctx = z.context()
    s = ctx.socket("PUSH", raw=True)
    s.get("LINGER")
    s.set("LINGER", -2)
    s.set("LINGER", 5)
    s.get("LINGER")
    s.connect(f"tcp://127.0.0.1:{z.port()}")
    s.send(b"x")
    s.set("LINGER", -1)
    s.set("LINGER", 0)
    ctx.end()
    ctx = z.context()
    ctx.set("BLOCKY", 0)
    s = ctx.socket("PUSH", raw=True)
    s.get("LINGER")
    s.connect(f"tcp://127.0.0.1:{z.port()}")
    s.send(b"x")
    ctx.end()


@scenario()
def linger_after_disconnect(z):
    ctx = z.context()
    push = ctx.socket("PUSH", LINGER=0)
    where = f"tcp://127.0.0.1:{z.port()}"
    push.connect(where)
    push.send(b"x")
    push.disconnect(where)
    push.close()
    z.say("term", z.thread(ctx.term).join())


@scenario()
def close_delivers_over_every_transport(z):
    for transport in ("tcp", "ipc", "inproc"):
        ctx = z.context()
        pull, push = ctx.socket("PULL"), ctx.socket("PUSH", LINGER=-1)
        ctx.link(pull, push, transport)
        for i in range(500):
            push.quiet_send(b"%d" % i * 10)
        push.close()
        z.say("all", sum(1 for _ in range(500) if isinstance(pull.quiet_recv(), list)))
        pull.none()
        ctx.end()


@scenario()
def destroy_with_open_sockets_blocks(z):
    ctx = z.context()
    s = ctx.socket("PAIR")
    term = z.thread(lambda: z.call("zmq_ctx_destroy", ctx.pointer()))
    z.say("term", term.join(0.3))
    s.recv()
    s.close()
    z.say("term", term.join())


@scenario()
def inproc_peer_closed_while_term(z):
    ctx = z.context()
    a, b = ctx.pair("PAIR", "PAIR", "inproc")
    a.send(b"x")
    a.close()
    b.recv()
    b.none()
    b.send(b"y", flags=1)
    ctx.end()


@scenario()
def many_contexts(z):
    made = [z.context() for _ in range(30)]
    pairs = [ctx.socket("PAIR") for ctx in made]
    z.say("open", all(p is not None for p in pairs))
    for ctx in made:
        ctx.end()


@scenario()
def msg_size_limit_of_context(z):
    ctx = z.context()
    ctx.set("MAX_MSGSZ", 100)
    a, b = ctx.pair("PAIR", "PAIR", "inproc")
    a.send(b"x" * 100)
    b.recv()
    z.say("101 bytes", a.quiet_send(b"x" * 101), ours="EMSGSIZE",
          why="zmq_ctx_set(3): the maximum size of a message sent")
    ctx.end()


@scenario()
def version_and_errors(z):
    major, minor, patch = c.c_int(), c.c_int(), c.c_int()
    z.lib.zmq_version(c.byref(major), c.byref(minor), c.byref(patch))
    z.say("version", [major.value, minor.value])
    for number in (156384763, 156384764, 156384765, 156384766, *range(134)):
        z.say("error", z.lib.zmq_strerror(number))
    for number in (-1, 99999, 156384712, 156384700 + 30):
        z.say("odd error", z.lib.zmq_strerror(number))


@scenario()
def capabilities(z):
    for name in (b"ipc", b"tipc", b"curve", b"WS", b"draft", b"WSS", b"ws", b"IPC", b"", b"tcp",
                 b"vmci", b"nothing"):
        ours = {b"draft": 1, b"WSS": 1}.get(name)
        why = "ours has the draft interface" if ours is not None else None
        z.say(f"has {name}", z.lib.zmq_has(name), ours=ours, why=why)
