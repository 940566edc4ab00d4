"""Threads, many sockets, descriptors, forks: zmq(7), zmq_socket(3) "Thread safety"."""
import os
import resource
import time

from kit import Failure, scenario


@scenario()
def socket_handed_between_threads(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    for i in range(5):
        z.say("sent", z.thread(lambda i=i: push.quiet_send(b"%d" % i)).join())
        z.say("got", z.thread(pull.quiet_recv).join())
    ctx.end()


@scenario()
def workers_of_one_context(z):
    ctx = z.context()
    source, sink = ctx.socket("PUSH"), ctx.socket("PULL")
    source.bind("inproc://source")
    sink.bind("inproc://sink")

    def work():
        pull, push = ctx.socket("PULL"), ctx.socket("PUSH")
        z.call("zmq_connect", pull.pointer(), b"inproc://source")
        z.call("zmq_connect", push.pointer(), b"inproc://sink")
        done = 0
        while (m := pull.quiet_recv()) != [b"end"]:
            push.quiet_send(*m)
            done += 1
        return done > 0
    threads = [z.thread(work) for _ in range(4)]
    z.settle()
    for i in range(400):
        source.quiet_send(b"%d" % i)
    z.say("all", sorted(int(sink.quiet_recv()[0]) for _ in range(400)) == list(range(400)))
    for _ in threads:
        source.quiet_send(b"end")
    z.say("worked", [t.join() for t in threads])
    ctx.shutdown()
    ctx.end()


@scenario(slow=60)
def many_sockets(z):
    ctx = z.context()
    ctx.set("MAX_SOCKETS", 3000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    pull = ctx.socket("PULL", raw=True)
    z.call("zmq_bind", pull.pointer(), b"inproc://many")
    count = 0
    for _ in range(2000):
        s = z.call("zmq_socket", ctx.pointer(), 8)
        if isinstance(s, Failure):
            break
        import ctypes as c
        if z.call("zmq_connect", c.c_void_p(s), b"inproc://many") == 0:
            count += z.call("zmq_send", c.c_void_p(s), b"x", c.c_size_t(1), 0) == 1
        z.call("zmq_close", c.c_void_p(s))
    z.say("sent", count)
    z.say("got", sum(isinstance(pull.quiet_recv(1), list) or isinstance(pull.quiet_recv(), list)
                     for _ in range(count)))
    ctx.end()


@scenario(stock="it aborts when there are no descriptors left")
def few_descriptors(z):
    ctx = z.context()
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
    opened = [ctx.socket("PUSH") for _ in range(300)]
    z.expect("all", all(opened), True)
    pull = ctx.socket("PULL")
    pull.bind("inproc://x")
    for s in opened:
        z.call("zmq_connect", s.pointer(), b"inproc://x")
        s.quiet_send(b"x")
    z.expect("come", len(pull.drain()), 300)
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    z.expect("bind", str(pull.bind("tcp://127.0.0.1:*")) in ("EMFILE", "0"), True)
    for fd in held:
        os.close(fd)
    pull.bind_any("tcp")
    opened[0].connect(pull.endpoint())
    opened[0].quiet_send(b"after")
    opened[0].quiet_send(b"after")
    z.expect("works", len(pull.drain()), 2)
    ctx.end()


@scenario()
def contexts_come_and_go(z):
    for i in range(30):
        ctx = z.context()
        a, b = ctx.socket("PAIR"), ctx.socket("PAIR")
        z.call("zmq_bind", a.pointer(), b"tcp://127.0.0.1:*")
        z.call("zmq_connect", b.pointer(), a.endpoint().encode())
        b.quiet_send(b"x")
        if a.quiet_recv() != [b"x"]:
            z.say("lost", i)
        a.quiet_close()
        b.quiet_close()
        if ctx.term() != 0:
            z.say("term failed", i)
    z.eventually("no descriptors left", lambda: len(os.listdir("/proc/self/fd")) < 16)


@scenario()
def term_while_others_work(z):
    ctx = z.context()

    def work(n):
        s = ctx.socket("DEALER")
        z.call("zmq_bind", s.pointer(), b"tcp://127.0.0.1:*")
        while not isinstance(s.quiet_recv(), Failure):
            pass
        s.quiet_close()
        return n
    threads = [z.thread(lambda n=n: work(n)) for n in range(10)]
    z.settle()
    z.say("term", ctx.term())
    z.say("ended", [t.join() for t in threads])


@scenario()
def child_of_a_fork(z):
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "tcp")
    where = pull.endpoint()
    child = os.fork()
    if child == 0:
        own = z.context()
        other = own.socket("PUSH", LINGER=-1)
        other.kit.call("zmq_connect", other.pointer(), where.encode())
        other.quiet_send(b"from the child")
        other.quiet_close()
        own.term()
        os._exit(0)
    pull.recv()
    os.waitpid(child, 0)
    push.send(b"from the parent")
    pull.recv()
    ctx.end()


@scenario(stock="its sockets are not for several threads at once")
def close_wakes_another_thread(z):
    ctx = z.context()
    pull = ctx.socket("PULL", RCVTIMEO=-1)
    handle = pull.pointer()
    blocked = z.thread(pull.quiet_recv)
    time.sleep(0.2)
    z.expect("close", z.call("zmq_close", handle), 0)
    z.expect("woken", blocked.join(), "ENOTSOCK")
    ctx.sockets.clear()
    ctx.end()
