"""Messages: the zmq_msg_*(3) pages, zmq_send(3), zmq_recv(3), zmq_sendmsg, zmq_sendiov."""
import ctypes as c
import os

from kit import FREE, Failure, Msg, scenario


class Iovec(c.Structure):
    _fields_ = [("base", c.c_void_p), ("len", c.c_size_t)]


@scenario()
def sizes_and_contents(z):
    for size in (0, 1, 29, 30, 32, 33, 34, 64, 255, 1000, 1 << 20):
        m = z.message(bytes(i % 251 for i in range(size)))
        z.say(f"size {size}", [m.size(), m.data(), m.more(), m.get("MORE"), m.get("SHARED")])
        m.close()
        m.close()


@scenario()
def empty_message(z):
    m = z.message()
    z.say("size", m.size())
    z.say("more", m.get("MORE"))
    z.say("shared", m.get("SHARED"))
    z.say("fd", m.get("SRCFD"))
    z.say("unknown", z.call("zmq_msg_get", m.ref(), 99))
    z.say("set", z.call("zmq_msg_set", m.ref(), 1, 1))
    z.say("gets", m.gets("Socket-Type"))
    z.say("gets", m.gets(""))
    m.close()


@scenario()
def copies_share(z):
    for size in (5, 33, 100, 1000):
        a = z.message(b"x" * size)
        b, d = z.message(), z.message(b"old content that goes away" * 10)
        z.say("copy", z.call("zmq_msg_copy", b.ref(), a.ref()))
        z.say("copy", z.call("zmq_msg_copy", d.ref(), a.ref()))
        z.say("same", [a.data() == b.data() == d.data()])
        z.say("shared", [a.get("SHARED"), b.get("SHARED"), d.get("SHARED")])
        a.close()
        z.say("still", [b.data() == b"x" * size, d.size()])
        b.close()
        d.close()


@scenario()
def copy_of_itself_and_moves(z):
    a = z.message(b"y" * 100)
    z.say("move", z.call("zmq_msg_move", (b := z.message(b"z" * 50)).ref(), a.ref()))
    z.say("sizes", [a.size(), b.size()])
    z.say("move empty", z.call("zmq_msg_move", b.ref(), a.ref()))
    z.say("sizes", [a.size(), b.size()])
    a.close()
    b.close()


@scenario()
def invalid_messages(z):
    blank = Msg(z, None, None)
    c.memset(blank.ref(), 0xFF, 64)
    other = z.message(b"x")
    z.say("close", z.call("zmq_msg_close", blank.ref()))
    z.say("copy", z.call("zmq_msg_copy", other.ref(), blank.ref()))
    z.say("move", z.call("zmq_msg_move", other.ref(), blank.ref()))
    other.close()


@scenario()
def init_data_frees_once(z):
    ctx = z.context()
    for transport in ("inproc", "tcp", "ipc"):
        for size in (1, 33, 34, 5000, 100_000):
            freed = []
            hint = 1234
            buffer = c.create_string_buffer(b"d" * size, size)
            free = FREE(lambda data, h: freed.append((data, h)))
            z.kept.append(free)
            pull, push = ctx.pair("PULL", "PUSH", transport)
            m = Msg(z, None, None)
            z.call("zmq_msg_init_data", m.ref(), buffer, c.c_size_t(size), free,
                   c.c_void_p(hint))
            z.say("size", m.size())
            m.send(push)
            z.say("same", pull.quiet_recv() == [b"d" * size])
            z.eventually("freed", lambda: len(freed) >= 1)
            z.settle(0.02)
            z.say("once", freed == [(c.addressof(buffer), hint)])
            push.close()
            pull.close()
    ctx.end()


@scenario()
def init_data_without_free_function(z):
    buffer = c.create_string_buffer(b"static data" * 10)
    m = Msg(z, None, None)
    z.say("init", z.call("zmq_msg_init_data", m.ref(), buffer, c.c_size_t(50), None, None))
    z.say("in place", z.call("zmq_msg_data", m.ref()) == c.addressof(buffer))
    z.say("close", m.close_quiet())
    m = Msg(z, None, None)
    z.say("nothing", z.call("zmq_msg_init_data", m.ref(), None, c.c_size_t(0), None, None))
    z.say("size", m.size())
    m.close()


@scenario()
def init_data_copies_and_close(z):
    freed = []
    free = FREE(lambda data, h: freed.append(1))
    buffer = c.create_string_buffer(500)
    m, n = Msg(z, None, None), z.message()
    z.call("zmq_msg_init_data", m.ref(), buffer, c.c_size_t(500), free, None)
    z.call("zmq_msg_copy", n.ref(), m.ref())
    m.close()
    z.say("not yet", len(freed))
    n.close()
    z.say("once", len(freed))


@scenario()
def failed_send_keeps_the_message(z):
    ctx = z.context()
    push = ctx.socket("PUSH")
    m = z.message(b"kept" * 20)
    m.send(push, 1)
    z.say("kept", m.data())
    m.close()
    ctx.end()


@scenario()
def send_empties_the_message(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    m = z.message(b"gone" * 20)
    m.send(one)
    z.say("size", m.size())
    m.close()
    two.recv()
    ctx.end()


@scenario()
def send_a_copy_keeps_the_original(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    m, n = z.message(b"kept" * 20), z.message()
    z.call("zmq_msg_copy", n.ref(), m.ref())
    n.send(one)
    z.say("kept", m.data() == b"kept" * 20)
    two.recv()
    ctx.end()


@scenario()
def more_flag_travels(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "tcp")
    one.send(b"a", b"b")
    m = z.message()
    m.recv(two)
    z.say("more", [m.more(), m.get("MORE"), two.quiet_get("RCVMORE")])
    m.recv(two)
    z.say("more", [m.more(), m.get("MORE"), two.quiet_get("RCVMORE")])
    m.send(two, 2)
    m2 = z.message(b"end")
    m2.send(two)
    one.recv()
    ctx.end()


@scenario()
def received_message_sent_on(z):
    """A received part with MORE set, sent without SNDMORE, is the last."""
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    one.send(b"a", b"b")
    m = z.message()
    m.recv(two)
    m.send(two)
    one.recv()
    one.none(50)
    ctx.end()


@scenario()
def recv_truncates(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    buffer = c.create_string_buffer(b"........", 8)
    one.send(b"0123456789")
    z.say("length", z.call("zmq_recv", two.pointer(), buffer, c.c_size_t(4), 0))
    z.say("bytes", buffer.raw)
    one.send(b"0123456789")
    z.say("length", z.call("zmq_recv", two.pointer(), None, c.c_size_t(0), 0))
    one.send(b"")
    z.say("length", z.call("zmq_recv", two.pointer(), buffer, c.c_size_t(8), 0))
    ctx.end()


@scenario()
def send_const(z):
    ctx = z.context()
    text = c.create_string_buffer(b"constant" * 100)
    for transport in ("inproc", "tcp"):
        one, two = ctx.pair("PAIR", "PAIR", transport)
        for size in (0, 8, 33, 800):
            z.say("sent", z.call("zmq_send_const", one.pointer(), text, c.c_size_t(size), 0))
            two.recv()
    ctx.end()


@scenario()
def legacy_sendmsg(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "tcp")
    m = z.message(b"part one")
    z.say("sent", z.call("zmq_sendmsg", one.pointer(), m.ref(), 2))
    m = z.message(b"part two")
    z.say("sent", z.call("zmq_sendmsg", one.pointer(), m.ref(), 0))
    n = z.message()
    z.say("received", z.call("zmq_recvmsg", two.pointer(), n.ref(), 0))
    z.say("one", [n.data(), n.more()])
    z.say("received", z.call("zmq_recvmsg", two.pointer(), n.ref(), 0))
    z.say("two", [n.data(), n.more()])
    z.say("nothing", z.call("zmq_recvmsg", two.pointer(), n.ref(), 1))
    ctx.end()


@scenario()
def iovectors(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    buffers = [c.create_string_buffer(b"part %d" % i) for i in range(3)]
    out = (Iovec * 3)(*[Iovec(c.addressof(b), 6) for b in buffers])
    z.say("sent", z.call("zmq_sendiov", one.pointer(), out, c.c_size_t(3), 2))
    got = (Iovec * 5)()
    count = c.c_size_t(5)
    z.say("received", z.call("zmq_recviov", two.pointer(), got, c.byref(count), 0))
    z.say("count", count.value)
    z.say("parts", [c.string_at(got[i].base, got[i].len) for i in range(count.value)])
    z.say("none", z.call("zmq_sendiov", one.pointer(), out, c.c_size_t(0), 0))
    z.say("null", z.call("zmq_sendiov", one.pointer(), None, c.c_size_t(1), 0))
    z.say("nothing", z.call("zmq_recviov", two.pointer(), got, c.byref(c.c_size_t(5)), 1))
    z.say("room for none", z.call("zmq_recviov", two.pointer(), got, c.byref(c.c_size_t(0)), 0))
    z.say("sent", z.call("zmq_sendiov", one.pointer(), out, c.c_size_t(3), 0))
    two.none(100)
    ctx.end()


@scenario()
def iovectors_with_little_room(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    one.send(b"a", b"b", b"c")
    got = (Iovec * 2)()
    count = c.c_size_t(2)
    z.say("received", z.call("zmq_recviov", two.pointer(), got, c.byref(count), 0))
    z.say("count", count.value)
    two.recv()
    ctx.end()


@scenario()
def metadata(z):
    for transport in ("tcp", "ipc", "inproc"):
        ctx = z.context()
        one, two = ctx.pair("ROUTER", "DEALER", transport, two={"ROUTING_ID": b"me"})
        two.send(b"x")
        m = z.message()
        m.recv(one)
        m.recv(one)
        for name in ("Socket-Type", "Identity", "Peer-Address", "User-Id", "X-none", "Resource"):
            z.say(name, m.gets(name))
        fd = m.get("SRCFD")
        z.say("fd", fd if isinstance(fd, Failure) else os.path.exists(f"/proc/self/fd/{fd}"))
        ctx.end()


@scenario()
def metadata_travels_with_copies(z):
    ctx = z.context()
    one, two = ctx.pair("PULL", "PUSH", "tcp")
    two.send(b"x" * 50)
    m, n = z.message(), z.message()
    m.recv(one)
    z.call("zmq_msg_copy", n.ref(), m.ref())
    m.close()
    z.say("copy", n.gets("Socket-Type"))
    z.say("copy", n.gets("Peer-Address"))
    ctx.end()


@scenario(draft=True)
def application_metadata(z):
    ctx = z.context()
    one, two = ctx.socket("PULL"), ctx.socket("PUSH")
    z.expect("set", two.set("METADATA", b"X-hello:hello"), 0)
    z.expect("no prefix", two.set("METADATA", b"hello:hello"), "EINVAL")
    z.expect("no colon", two.set("METADATA", b"X-hello"), "EINVAL")
    z.expect("empty", two.set("METADATA", b""), "EINVAL")
    ctx.link(one, two, "tcp")
    two.send(b"x")
    m = z.message()
    m.recv(one)
    z.expect("hello", m.gets("X-hello"), b"hello")
    z.expect("other", m.gets("X-other"), "EINVAL")
    ctx.end()


@scenario(draft=True)
def groups_and_routing_ids(z):
    m = z.message(b"x")
    z.lib.zmq_msg_group.restype = c.c_char_p
    z.expect("none", z.lib.zmq_msg_group(m.ref()), b"")
    z.expect("set", z.call("zmq_msg_set_group", m.ref(), b"group"), 0)
    z.expect("get", z.lib.zmq_msg_group(m.ref()), b"group")
    z.expect("long", z.call("zmq_msg_set_group", m.ref(), b"g" * 255), 0)
    z.expect("longer", z.call("zmq_msg_set_group", m.ref(), b"g" * 256), "EINVAL")
    z.expect("no id", z.call("zmq_msg_routing_id", m.ref()), 0)
    z.expect("id 0", z.call("zmq_msg_set_routing_id", m.ref(), 0), "EINVAL")
    z.expect("id 7", z.call("zmq_msg_set_routing_id", m.ref(), 7), 0)
    z.expect("is", z.call("zmq_msg_routing_id", m.ref()), 7)
    n = Msg(z, None, None)
    z.expect("buffer", z.call("zmq_msg_init_buffer", n.ref(), b"copied", c.c_size_t(6)), 0)
    z.expect("data", n.data(), b"copied")


@scenario()
def null_buffers(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    z.say("send nothing", z.call("zmq_send", one.pointer(), None, c.c_size_t(0), 0))
    two.recv()
    z.say("const", z.call("zmq_send_const", one.pointer(), None, c.c_size_t(0), 0))
    two.recv()
    ctx.end()


@scenario()
def huge_init_size_fails(z):
    m = Msg(z, None, None)
    z.say("huge", z.call("zmq_msg_init_size", m.ref(), c.c_size_t(1 << 62)))
    z.say("largest", z.call("zmq_msg_init_size", m.ref(), c.c_size_t((1 << 64) - 1)))
