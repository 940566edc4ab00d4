"""Signals: which calls a handled signal ends with EINTR, and what it leaves as it was. zmq_recv(3),
zmq_send(3), zmq_poll(3), zmq_poller(3), zmq_proxy(3), zmq_ctx_term(3)."""
import ctypes as c
import signal
import threading
import time

from kit import PollItem, scenario


def during(z, name, run):
    """What a call returns during which signals come, and that some came."""
    seen = []
    signal.signal(signal.SIGALRM, lambda *a: seen.append(1))
    # Again and again: the first one may come before the call.
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    result = run()
    signal.setitimer(signal.ITIMER_REAL, 0)
    z.say(name, [result, bool(seen)])


class IoVector(c.Structure):
    _fields_ = [("base", c.c_void_p), ("length", c.c_size_t)]


@scenario()
def every_way_to_receive_and_send(z):
    ctx = z.context()
    for transport in ("tcp", "inproc"):
        pull = ctx.socket("PULL", RCVTIMEO=-1)
        pull.bind_any(transport)
        push = ctx.socket("PUSH", SNDTIMEO=-1)
        push.bind_any(transport)
        m = z.message()
        during(z, "recv", lambda: z.call("zmq_recv", pull.pointer(), None, c.c_size_t(0), 0))
        during(z, "msg_recv", lambda: m.recv_quiet(pull))
        during(z, "recvmsg", lambda: z.call("zmq_recvmsg", pull.pointer(), m.ref(), 0))
        vectors, count = (IoVector * 2)(), c.c_size_t(2)
        during(z, "recviov", lambda: z.call("zmq_recviov", pull.pointer(), vectors,
                                            c.byref(count), 0))
        data = c.create_string_buffer(b"data")
        during(z, "send", lambda: z.call("zmq_send", push.pointer(), data, c.c_size_t(4), 0))
        during(z, "send_const",
               lambda: z.call("zmq_send_const", push.pointer(), data, c.c_size_t(4), 0))
        full = z.message(b"kept")
        during(z, "msg_send", lambda: z.call("zmq_msg_send", full.ref(), push.pointer(), 0))
        z.say("kept", full.data())
        during(z, "sendmsg", lambda: z.call("zmq_sendmsg", push.pointer(), full.ref(), 0))
        vectors[0].base, vectors[0].length = c.cast(data, c.c_void_p), 4
        during(z, "sendiov", lambda: z.call("zmq_sendiov", push.pointer(), vectors,
                                            c.c_size_t(1), 0))
        full.close()
    ctx.end()


@scenario()
def with_a_time_limit(z):
    """A signal ends a wait with a limit as well."""
    ctx = z.context()
    pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
    pull.bind_any("tcp")
    push.bind_any("tcp")
    during(z, "recv", lambda: pull.quiet_recv())
    during(z, "send", lambda: push.quiet_send(b"x"))
    ctx.end()


@scenario()
def polls(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    during(z, "poll", lambda: z.poll([(pull, 1)], -1))
    during(z, "poll", lambda: z.poll([(pull, 1)], 30_000))
    during(z, "poll of nothing", lambda: z.poll([], 30_000))
    push.send(b"x")
    z.say("poll", z.poll([(pull, 1)], 8000))
    ctx.end()


@scenario(draft=True)
def pollers(z):
    class Event(c.Structure):
        _fields_ = [("socket", c.c_void_p), ("fd", c.c_int), ("user", c.c_void_p),
                    ("events", c.c_short)]
    ctx = z.context()
    pull, _ = ctx.pair("PULL", "PUSH", "tcp")
    poller = c.c_void_p(z.call("zmq_poller_new"))
    z.call("zmq_poller_add", poller, pull.pointer(), None, 1)
    event = Event()
    for limit in (-1, 30_000):
        during(z, "wait", lambda: z.call("zmq_poller_wait", poller, c.byref(event),
                                         c.c_long(limit)))
        during(z, "wait all", lambda: z.call("zmq_poller_wait_all", poller, c.byref(event), 1,
                                             c.c_long(limit)))
    z.call("zmq_poller_destroy", c.byref(poller))
    ctx.end()


@scenario(draft=True)
def ppoll_waits_with_another_mask(z):
    """A signal that is blocked comes while zmq_ppoll waits with a mask that lets it through, and
    does not come while the mask holds it back."""
    ctx = z.context()
    pull, _ = ctx.pair("PULL", "PUSH", "tcp")
    seen = []
    signal.signal(signal.SIGALRM, lambda *a: seen.append(1))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    items = (PollItem * 1)(PollItem(pull.handle, -1, 1, 0))
    empty = c.create_string_buffer(128)
    full = c.create_string_buffer(b"\xff" * 128)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    z.expect("held back", z.call("zmq_ppoll", items, 1, c.c_long(300), full), 0)
    z.expect("not seen", len(seen), 0)
    z.expect("let through", z.call("zmq_ppoll", items, 1, c.c_long(8000), empty), "EINTR")
    z.eventually("seen", lambda: len(seen) == 1)
    z.expect("blocked as before", signal.SIGALRM in signal.pthread_sigmask(signal.SIG_BLOCK, ()),
             True)
    z.expect("without a mask", z.call("zmq_ppoll", items, 1, c.c_long(50), None), 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    ctx.end()


@scenario()
def proxies(z):
    ctx = z.context()
    front, back = ctx.socket("PULL"), ctx.socket("PUSH")
    front.bind_any("tcp")
    back.bind_any("tcp")
    control = ctx.socket("PAIR")
    control.bind("inproc://control")
    during(z, "proxy", lambda: z.call("zmq_proxy", front.pointer(), back.pointer(), None))
    during(z, "steerable", lambda: z.call("zmq_proxy_steerable", front.pointer(), back.pointer(),
                                          None, control.pointer()))
    during(z, "device", lambda: z.call("zmq_device", 3, front.pointer(), back.pointer()))
    ctx.end()


@scenario()
def a_signal_with_nothing_to_wait_for(z):
    """Calls that do not wait are not ended by signals, however many come."""
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    seen = []
    signal.signal(signal.SIGALRM, lambda *a: seen.append(1))
    right = True
    # A quick library may be done before the first signal comes.
    while len(seen) < 3:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for number in range(500):
            push.quiet_send(b"%d" % number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        right &= [pull.quiet_recv() for _ in range(500)] == [[b"%d" % n] for n in range(500)]
    z.say("all", right)
    ctx.end()


@scenario()
def another_threads_signal(z):
    """A signal that another thread handles does not end the wait of this one."""
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    signal.signal(signal.SIGUSR1, lambda *a: None)
    waiting = threading.Event()

    def wait():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        waiting.set()
        return pull.quiet_recv()
    receiver = z.thread(wait)
    waiting.wait()
    for _ in range(5):
        signal.raise_signal(signal.SIGUSR1)
        time.sleep(0.02)
    push.send(b"came")
    z.say("received", receiver.join())
    ctx.end()
