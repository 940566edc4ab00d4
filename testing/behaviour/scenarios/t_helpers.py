"""Polling, timers, counters, Z85, keys, threads, proxies: their manual pages."""
import ctypes as c
import os
import signal
import socket as pysocket
import threading
import time

from kit import Failure, scenario

POLLIN, POLLOUT, POLLERR, POLLPRI = 1, 2, 4, 8


@scenario()
def poll_nothing(z):
    start = time.monotonic()
    z.say("none", z.poll([], 50))
    z.say("waited", time.monotonic() - start >= 0.045)
    z.say("none", z.poll([], 0))
    z.say("null", z.call("zmq_poll", None, 0, c.c_long(10)))
    z.say("null", z.call("zmq_poll", None, 1, c.c_long(0)))
    z.say("negative", z.call("zmq_poll", None, -1, c.c_long(0)))


@scenario()
def poll_sockets(z):
    ctx = z.context()
    a, b = ctx.pair("PAIR", "PAIR", "inproc")
    pull = ctx.socket("PULL")
    z.say("out", z.poll([(a, POLLIN | POLLOUT), (b, POLLIN | POLLOUT), (pull, POLLIN)], 0))
    z.say("out", z.poll([(a, POLLIN | POLLOUT), (pull, POLLOUT)], 0))
    a.send(b"x")
    z.say("in", z.poll([(a, POLLIN), (b, POLLIN), (pull, POLLIN)], 1000))
    z.say("nothing asked", z.poll([(b, 0)], 0))
    z.say("same twice", z.poll([(b, POLLIN), (b, POLLIN | POLLOUT)], 0))
    b.recv()
    z.say("empty", z.poll([(b, POLLIN)], 20))
    z.say("pri", z.poll([(b, POLLPRI), (b, POLLERR)], 0))
    ctx.end()


@scenario()
def poll_descriptors(z):
    ctx = z.context()
    r, w = os.pipe()
    a, b = pysocket.socketpair()
    s = ctx.socket("PULL")
    items = [(s, POLLIN), (r, POLLIN), (w, POLLOUT), (a.fileno(), POLLIN | POLLOUT)]
    z.say("first", z.poll(items, 0))
    os.write(w, b"x")
    b.send(b"y")
    z.say("then", z.poll(items, 1000))
    b.close()
    z.say("closed", z.poll([(a.fileno(), POLLIN | POLLERR)], 1000))
    os.close(w)
    z.say("hung up", z.poll([(r, POLLIN)], 1000))
    ctx.end()


@scenario()
def poll_a_bad_descriptor(z):
    ctx = z.context()
    r, w = os.pipe()
    os.close(w)
    os.close(r)
    s = ctx.socket("PULL")
    z.say("bad", z.poll([(s, POLLIN), (r, POLLIN)], 100))
    z.say("null and -1", z.poll([(-1, POLLIN)], 0))
    ctx.end()


@scenario()
def poll_wakes_on_a_message(z):
    for transport in ("inproc", "tcp"):
        ctx = z.context()
        pull, push = ctx.pair("PULL", "PUSH", transport)
        waiting = z.thread(lambda: z.poll([(pull, POLLIN)], 5000))
        z.settle(0.1)
        push.send(b"x")
        z.say("woke", waiting.join())
        pull.recv()
        ctx.end()


@scenario()
def poll_wakes_on_room(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "inproc", one={"RCVHWM": 1}, two={"SNDHWM": 1})
    z.say("taken", push.fill(b"x"))
    z.say("full", z.poll([(push, POLLOUT)], 20))
    waiting = z.thread(lambda: z.poll([(push, POLLOUT)], 5000))
    z.settle(0.1)
    pull.recv()
    pull.recv()
    z.say("woke", waiting.join())
    ctx.end()


@scenario()
def poll_level_triggered(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    for i in range(3):
        push.send(b"%d" % i)
    for _ in range(3):
        z.say("there", z.poll([(pull, POLLIN)], 3000))
        z.say("still", z.poll([(pull, POLLIN)], 3000))
        pull.recv()
    z.say("empty", z.poll([(pull, POLLIN)], 50))
    ctx.end()


@scenario()
def poll_on_closed_socket_handle(z):
    z.say("null socket, fd 0", z.poll([(0, 0)], 0))


@scenario()
def poll_pollout_of_unconnected(z):
    ctx = z.context()
    for name in ("PUSH", "PUB", "DEALER", "REQ", "PAIR", "ROUTER", "XSUB", "XPUB"):
        s = ctx.socket(name)
        z.say(name, z.poll([(s, POLLOUT)], 10))
        s.connect(f"tcp://127.0.0.1:{z.port()}")
        z.say(name, z.poll([(s, POLLOUT)], 10))
    ctx.end()


@scenario()
def interrupted_calls(z):
    ctx = z.context()
    pull = ctx.socket("PULL", RCVTIMEO=-1)
    push = ctx.socket("PUSH", SNDTIMEO=-1)
    push.bind_any("tcp")
    seen = []
    signal.signal(signal.SIGALRM, lambda *a: seen.append(1))
    for name, run in (("recv", lambda: pull.quiet_recv()), ("send", lambda: push.quiet_send(b"x")),
                      ("poll", lambda: z.poll([(pull, POLLIN)], -1)),
                      ("poll", lambda: z.poll([], 3000))):
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        z.say(name, run())
    z.say("handled", len(seen))
    ctx.end()


@scenario()
def descriptor_of_a_socket(z):
    import select
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    fd = pull.quiet_get("FD")
    z.say("valid", os.path.exists(f"/proc/self/fd/{fd}"))
    pull.events()
    push.send(b"x")
    z.eventually("signalled and there", lambda: bool(select.select([fd], [], [], 5)[0])
                 and pull.quiet_get("EVENTS") & 1)
    pull.recv()
    pull.events()
    z.say("the same", pull.quiet_get("FD") == fd)
    ctx.end()


TIMER = c.CFUNCTYPE(None, c.c_int, c.c_void_p)


def timers(z):
    z.lib.zmq_timers_add.argtypes = [c.c_void_p, c.c_size_t, TIMER, c.c_void_p]
    return c.c_void_p(z.call("zmq_timers_new"))


@scenario()
def timers_fire(z):
    t = timers(z)
    fired = []
    note = TIMER(lambda number, arg: fired.append((number, arg)))
    z.say("none", z.call("zmq_timers_timeout", t))
    z.say("execute", z.call("zmq_timers_execute", t))
    one = z.call("zmq_timers_add", t, 50, note, 7)
    z.say("id", one)
    z.say("too early", z.call("zmq_timers_execute", t))
    z.say("due in", 0 < z.call("zmq_timers_timeout", t) <= 50)
    time.sleep(0.06)
    z.say("due", z.call("zmq_timers_timeout", t))
    z.say("execute", z.call("zmq_timers_execute", t))
    z.say("fired", fired == [(one, 7)])
    z.say("again in", 0 < z.call("zmq_timers_timeout", t) <= 50)
    z.say("cancel", z.call("zmq_timers_cancel", t, one))
    z.say("cancel", z.call("zmq_timers_cancel", t, one))
    z.say("none", z.call("zmq_timers_timeout", t))
    pointer = c.c_void_p(t.value)
    z.say("destroy", z.call("zmq_timers_destroy", c.byref(pointer)))
    z.say("null", pointer.value)


@scenario()
def timers_order_and_changes(z):
    t = timers(z)
    fired = []
    note = TIMER(lambda number, arg: fired.append(arg))
    slow = z.call("zmq_timers_add", t, 10_000, note, 1)
    fast = z.call("zmq_timers_add", t, 20, note, 2)
    mid = z.call("zmq_timers_add", t, 40, note, 3)
    z.say("different", len({slow, fast, mid}))
    time.sleep(0.06)
    z.call("zmq_timers_execute", t)
    z.say("in order", fired)
    z.say("set", z.call("zmq_timers_set_interval", t, slow, 10))
    time.sleep(0.02)
    z.call("zmq_timers_execute", t)
    z.say("the slow one", 1 in fired)
    z.say("reset", z.call("zmq_timers_reset", t, mid))
    z.say("unknown", [z.call("zmq_timers_reset", t, 999), z.call("zmq_timers_cancel", t, 999),
                      z.call("zmq_timers_set_interval", t, 999, 5)])
    z.say("no handler", z.call("zmq_timers_add", t, 10, TIMER(0), None))


@scenario()
def timers_changed_inside_a_handler(z):
    t = timers(z)
    fired = []
    ids = {}

    def first(number, arg):
        fired.append("first")
        z.lib.zmq_timers_cancel(t, ids["second"])
        z.lib.zmq_timers_cancel(t, number)
    keep = [TIMER(first), TIMER(lambda n, a: fired.append("second"))]
    z.kept.extend(keep)
    ids["first"] = z.call("zmq_timers_add", t, 10, keep[0], None)
    ids["second"] = z.call("zmq_timers_add", t, 15, keep[1], None)
    time.sleep(0.03)
    z.call("zmq_timers_execute", t)
    z.say("fired", fired)
    z.say("left", z.call("zmq_timers_timeout", t))


@scenario()
def timers_null(z):
    timers(z)
    z.say("timeout", z.call("zmq_timers_timeout", None))
    z.say("execute", z.call("zmq_timers_execute", None))
    z.say("cancel", z.call("zmq_timers_cancel", None, 1))
    z.say("reset", z.call("zmq_timers_reset", None, 1))
    z.say("interval", z.call("zmq_timers_set_interval", None, 1, 1))
    z.say("destroy", z.call("zmq_timers_destroy", c.byref(c.c_void_p(None))))
    z.say("add", z.call("zmq_timers_add", None, 1, TIMER(lambda n, a: None), None))


@scenario()
def counters(z):
    counter = c.c_void_p(z.call("zmq_atomic_counter_new"))
    z.say("new", z.lib.zmq_atomic_counter_value(counter))
    z.say("inc", [z.lib.zmq_atomic_counter_inc(counter) for _ in range(3)])
    z.say("value", z.lib.zmq_atomic_counter_value(counter))
    z.say("dec", [z.lib.zmq_atomic_counter_dec(counter) for _ in range(3)])
    z.lib.zmq_atomic_counter_set(counter, 2)
    z.say("dec", [z.lib.zmq_atomic_counter_dec(counter) for _ in range(2)])
    z.lib.zmq_atomic_counter_set(counter, -5)
    z.say("negative", z.lib.zmq_atomic_counter_value(counter))
    z.lib.zmq_atomic_counter_set(counter, 0)
    threads = [threading.Thread(target=lambda: [z.lib.zmq_atomic_counter_inc(counter)
                                                for _ in range(1000)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    z.say("all", z.lib.zmq_atomic_counter_value(counter))
    z.lib.zmq_atomic_counter_destroy(c.byref(counter))
    z.say("null", counter.value)


@scenario()
def z85(z):
    out = c.create_string_buffer(200)
    z.lib.zmq_z85_encode.restype = c.c_char_p
    for data in (b"\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b", b"", b"\0" * 4, b"\xff" * 8, bytes(32)):
        z.say("encode", z.lib.zmq_z85_encode(out, data, c.c_size_t(len(data))))
    z.lib.zmq_z85_encode.restype = c.c_void_p
    for data in (b"123", b"12345"):
        z.say("bad size", z.call("zmq_z85_encode", out, data, c.c_size_t(len(data))))
    for text in (b"HelloWorld", b"00000", b"%nSc0", b"", b"1234", b"123456", b"ab cd", b"~~~~~",
                 b"#####", b"aaaa\"", b"aaaa\x80", b"%nSc1", b"@####"):
        buffer = c.create_string_buffer(b"." * 20, 20)
        result = z.call("zmq_z85_decode", buffer, text)
        z.say(f"decode {text}", result if isinstance(result, Failure) else buffer.raw[:8])


@scenario()
def curve_keys(z):
    public, secret, again = (c.create_string_buffer(41) for _ in range(3))
    z.say("pair", z.call("zmq_curve_keypair", public, secret))
    z.say("lengths", [len(public.value), len(secret.value)])
    z.say("public", z.call("zmq_curve_public", again, secret))
    z.say("same", again.value == public.value)
    z.say("known", z.call("zmq_curve_public", again, b"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"))
    z.say("is", again.value)
    z.say("bad", z.call("zmq_curve_public", again, b"too short"))


@scenario()
def stopwatch_and_sleep(z):
    watch = c.c_void_p(z.call("zmq_stopwatch_start"))
    time.sleep(0.05)
    middle = z.call("zmq_stopwatch_intermediate", watch)
    time.sleep(0.01)
    z.say("grows", 50_000 <= middle < z.call("zmq_stopwatch_stop", watch))
    start = time.monotonic()
    z.lib.zmq_sleep(1)
    z.say("slept", time.monotonic() - start >= 0.99)


@scenario()
def thread_start_and_close(z):
    ran = []
    body = c.CFUNCTYPE(None, c.c_void_p)(ran.append)
    thread = z.call("zmq_threadstart", body, c.c_void_p(42))
    z.lib.zmq_threadclose(c.c_void_p(thread))
    z.say("ran", ran)


def proxied(z, ctx, front, back, capture=None, control=None, steer=False):
    name = "zmq_proxy_steerable" if steer else "zmq_proxy"
    arguments = [s.pointer() if s else None for s in (front, back, capture)]
    if steer:
        arguments.append(control.pointer() if control else None)
    return z.thread(lambda: z.call(name, *arguments))


@scenario()
def proxy_queue(z):
    ctx = z.context()
    front, back = ctx.socket("ROUTER"), ctx.socket("DEALER")
    req, rep = ctx.socket("REQ"), ctx.socket("REP")
    ctx.link(front, req, "tcp")
    ctx.link(back, rep, "inproc")
    running = proxied(z, ctx, front, back)
    for i in range(20):
        req.quiet_send(b"%d" % i, b"x")
        z.say("request", rep.quiet_recv())
        rep.quiet_send(b"re %d" % i)
        z.say("reply", req.quiet_recv())
    ctx.shutdown()
    z.say("ended", running.join())
    ctx.end()


@scenario()
def proxy_forwarder(z):
    ctx = z.context()
    front, back = ctx.socket("XSUB"), ctx.socket("XPUB")
    pub, sub = ctx.socket("PUB"), ctx.socket("SUB")
    ctx.link(front, pub, "tcp")
    ctx.link(back, sub, "tcp")
    running = proxied(z, ctx, front, back)
    sub.set("SUBSCRIBE", b"t")
    z.eventually("flows", lambda: pub.quiet_send(b"t0") == 2 and sub.quiet_recv(1) != "EAGAIN")
    sub.drain()
    pub.send(b"u1")
    pub.send(b"t1", b"body")
    sub.recv()
    sub.none(100)
    ctx.shutdown()
    z.say("ended", running.join())
    ctx.end()


@scenario()
def proxy_streamer_with_capture(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    push, pull = ctx.socket("PUSH"), ctx.socket("PULL")
    capture, tap = ctx.socket("PUSH"), ctx.socket("PULL")
    ctx.link(front, push, "inproc")
    ctx.link(back, pull, "inproc")
    ctx.link(tap, capture, "inproc")
    running = proxied(z, ctx, front, back, capture)
    for i in range(5):
        push.send(b"%d" % i, b"more")
        pull.recv()
        tap.recv()
    ctx.shutdown()
    z.say("ended", running.join())
    ctx.end()


@scenario()
def proxy_capture_of_both_directions(z):
    ctx = z.context()
    front, back = ctx.socket("ROUTER"), ctx.socket("DEALER")
    req, rep = ctx.socket("REQ", ROUTING_ID=b"R"), ctx.socket("REP")
    capture, tap = ctx.socket("PUB"), ctx.socket("SUB", SUBSCRIBE=b"")
    ctx.link(front, req, "inproc")
    ctx.link(back, rep, "inproc")
    ctx.link(capture, tap, "inproc")
    z.settle(0.1)
    running = proxied(z, ctx, front, back, capture)
    req.send(b"q")
    rep.recv()
    rep.send(b"a")
    req.recv()
    z.say("captured", tap.drain())
    ctx.shutdown()
    z.say("ended", running.join())
    ctx.end()


@scenario()
def proxy_of_one_socket(z):
    ctx = z.context()
    one = ctx.socket("DEALER")
    peer = ctx.socket("DEALER")
    ctx.link(one, peer, "inproc")
    running = proxied(z, ctx, one, one)
    peer.send(b"echo")
    peer.recv()
    peer.send(b"a", b"b")
    peer.recv()
    ctx.shutdown()
    z.say("ended", running.join())
    ctx.end()


@scenario()
def proxy_steered(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    push, pull = ctx.socket("PUSH"), ctx.socket("PULL")
    control, remote = ctx.pair("PAIR", "PAIR", "inproc")
    ctx.link(front, push, "inproc")
    ctx.link(back, pull, "inproc")
    running = proxied(z, ctx, front, back, None, control, True)
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
def proxy_steered_statistics(z):
    ctx = z.context()
    front, back = ctx.socket("ROUTER"), ctx.socket("DEALER")
    req, rep = ctx.socket("REQ"), ctx.socket("REP")
    control, remote = ctx.pair("PAIR", "PAIR", "inproc")
    ctx.link(front, req, "inproc")
    ctx.link(back, rep, "inproc")
    running = proxied(z, ctx, front, back, None, control, True)
    for _ in range(3):
        req.quiet_send(b"12345")
        rep.quiet_recv()
        rep.quiet_send(b"123")
        req.quiet_recv()
    remote.send(b"STATISTICS")
    stats = remote.quiet_recv()
    z.say("parts", [len(part) for part in stats])
    z.say("numbers", [int.from_bytes(part, "little") for part in stats])
    remote.send(b"TERMINATE")
    z.say("ended", running.join())
    ctx.end()


@scenario(stock="4.3.4 has no answers on a REP")
def proxy_steered_by_rep(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    control, remote = ctx.pair("REP", "REQ", "inproc")
    push, pull = ctx.socket("PUSH"), ctx.socket("PULL")
    ctx.link(front, push, "inproc")
    ctx.link(back, pull, "inproc")
    running = proxied(z, ctx, front, back, None, control, True)
    for word in (b"PAUSE", b"RESUME", b"TERMINATE"):
        remote.send(word)
        z.expect("answer", remote.recv(), [b""])
    z.expect("ended", running.join(), 0)
    ctx.end()


@scenario()
def device(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    push, pull = ctx.socket("PUSH"), ctx.socket("PULL")
    ctx.link(front, push, "inproc")
    ctx.link(back, pull, "inproc")
    running = z.thread(lambda: z.call("zmq_device", 1, front.pointer(), back.pointer()))
    push.send(b"x", b"y")
    pull.recv()
    ctx.shutdown()
    z.say("ended", running.join())
    ctx.end()


@scenario()
def proxy_null_sockets(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    z.say("front", z.call("zmq_proxy", None, s.pointer(), None))
    z.say("back", z.call("zmq_proxy", s.pointer(), None, None))
    ctx.end()


@scenario()
def proxy_chain(z):
    ctx = z.context()
    last = ctx.socket("ROUTER")
    req = ctx.socket("REQ")
    ctx.link(last, req, "tcp")
    running = []
    for _ in range(3):
        back, front = ctx.socket("DEALER"), ctx.socket("ROUTER")
        ctx.link(front, back, "inproc")
        running.append(proxied(z, ctx, last, back))
        last = front
    back, rep = ctx.socket("DEALER"), ctx.socket("REP")
    ctx.link(rep, back, "tcp")
    running.append(proxied(z, ctx, last, back))
    for i in range(10):
        req.quiet_send(b"%d" % i)
        z.say("far", rep.quiet_recv())
        rep.quiet_send(b"re")
        z.say("back", req.quiet_recv())
    ctx.shutdown()
    z.say("ended", [r.join() for r in running])
    ctx.end()
