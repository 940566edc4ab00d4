"""The draft socket types: zmq_socket(3), RFC 41, 48, 49, 51, 52. Ours alone."""
import ctypes as c

from kit import scenario

ALL = ("inproc", "ipc", "tcp")


@scenario(draft=True)
def client_server(z):
    for transport in ALL:
        ctx = z.context()
        server, client = ctx.pair("SERVER", "CLIENT", transport)
        client.send(b"hello")
        m = z.message()
        m.recv(server)
        number = z.lib.zmq_msg_routing_id(m.ref())
        z.expect("number", number != 0, True)
        answer = z.message(b"world")
        z.expect("no id", answer.send(server), "EHOSTUNREACH")
        z.call("zmq_msg_set_routing_id", answer.ref(), c.c_uint32(number))
        z.expect("sent", answer.send(server), 5)
        z.expect("got", client.recv(), [b"world"])
        z.expect("multipart", client.send(b"x", flags=2), "EINVAL")
        z.expect("thread safe", client.get("THREAD_SAFE"), 1)
        z.expect("no fd", client.get("FD"), "EINVAL")
        ctx.end()


@scenario(draft=True)
def server_to_a_lost_client(z):
    ctx = z.context()
    server, client = ctx.pair("SERVER", "CLIENT", "tcp")
    client.send(b"x")
    m = z.message()
    m.recv(server)
    number = z.lib.zmq_msg_routing_id(m.ref())
    client.close()

    def lost():
        answer = z.message(b"y")
        z.call("zmq_msg_set_routing_id", answer.ref(), c.c_uint32(number))
        return z.call("zmq_msg_send", answer.ref(), server.pointer(), 1) == "EHOSTUNREACH"
    z.eventually("unreachable", lost)
    ctx.end()


@scenario(draft=True)
def scatter_gather(z):
    for transport in ALL:
        ctx = z.context()
        gather = ctx.socket("GATHER")
        scatter = ctx.socket("SCATTER")
        ctx.link(gather, scatter, transport)
        for i in range(5):
            scatter.quiet_send(b"%d" % i)
        z.expect("all", [gather.quiet_recv() for _ in range(5)], [[b"%d" % i] for i in range(5)])
        z.expect("multipart", scatter.send(b"x", flags=2), "EINVAL")
        z.expect("direction", gather.send(b"x", flags=1), "ENOTSUP")
        z.expect("direction", scatter.recv(1), "ENOTSUP")
        ctx.end()


@scenario(draft=True)
def channel(z):
    for transport in ALL:
        ctx = z.context()
        one, two = ctx.pair("CHANNEL", "CHANNEL", transport)
        two.send(b"to")
        z.expect("got", one.recv(), [b"to"])
        one.send(b"fro")
        z.expect("got", two.recv(), [b"fro"])
        z.expect("multipart", two.send(b"x", flags=2), "EINVAL")
        ctx.end()


@scenario(draft=True)
def peers(z):
    for transport in ALL:
        ctx = z.context()
        one, two = ctx.socket("PEER"), ctx.socket("PEER")
        where = one.bind_any(transport)
        number = z.call("zmq_connect_peer", two.pointer(), where.encode())
        z.expect("number", number not in (0, "EINVAL"), True)
        m = z.message(b"hello")
        z.call("zmq_msg_set_routing_id", m.ref(), c.c_uint32(number))
        z.eventually("sent", lambda: z.call("zmq_msg_send", m.ref(), two.pointer(), 1) == 5)
        got = z.message()
        got.recv(one)
        z.expect("got", got.data(), b"hello")
        answer = z.message(b"world")
        z.call("zmq_msg_set_routing_id", answer.ref(),
               c.c_uint32(z.lib.zmq_msg_routing_id(got.ref())))
        answer.send(one)
        got.recv(two)
        z.expect("back", [got.data(), z.lib.zmq_msg_routing_id(got.ref()) == number],
                 [b"world", True])
        z.expect("other types", z.call("zmq_connect_peer", ctx.socket("DEALER").pointer(),
                                       where.encode()), 0)
        z.expect("disconnect", z.call("zmq_disconnect_peer", two.pointer(),
                                      c.c_uint32(number)), 0)
        ctx.end()


def publish(z, radio, group, body):
    m = z.message(body)
    z.call("zmq_msg_set_group", m.ref(), group)
    return z.call("zmq_msg_send", m.ref(), radio.pointer(), 0)


@scenario(draft=True)
def radio_dish(z):
    for transport in ALL:
        ctx = z.context()
        radio, dish = ctx.socket("RADIO"), ctx.socket("DISH")
        ctx.link(radio, dish, transport)
        z.expect("join", z.call("zmq_join", dish.pointer(), b"Movies"), 0)
        z.expect("again", z.call("zmq_join", dish.pointer(), b"Movies"), "EINVAL")
        z.expect("long", z.call("zmq_join", dish.pointer(), b"g" * 256), "EINVAL")
        z.lib.zmq_msg_group.restype = c.c_char_p

        def come():
            publish(z, radio, b"Movies", b"Godfather")
            return dish.quiet_recv(1) != "EAGAIN"
        z.eventually("joined", come)
        dish.drain(100)
        publish(z, radio, b"TV", b"Friends")
        publish(z, radio, b"Movies2", b"no prefix")
        publish(z, radio, b"Movies", b"Alien")
        m = z.message()
        m.recv(dish)
        z.expect("got", [m.data(), z.lib.zmq_msg_group(m.ref())], [b"Alien", b"Movies"])
        z.expect("leave", z.call("zmq_leave", dish.pointer(), b"Movies"), 0)
        z.expect("again", z.call("zmq_leave", dish.pointer(), b"Movies"), "EINVAL")
        z.settle(0.2)
        publish(z, radio, b"Movies", b"unheard")
        z.expect("nothing", dish.none(), "EAGAIN")
        z.expect("join of another type", z.call("zmq_join", radio.pointer(), b"x"), "ENOTSUP")
        ctx.end()


@scenario(draft=True)
def udp_radio_dish(z):
    import socket as pysocket
    probe = pysocket.socket(pysocket.AF_INET, pysocket.SOCK_DGRAM)
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    ctx = z.context()
    radio, dish = ctx.socket("RADIO"), ctx.socket("DISH")
    z.expect("bind", dish.bind(f"udp://127.0.0.1:{port}"), 0)
    z.expect("connect", radio.connect(f"udp://127.0.0.1:{port}"), 0)
    z.call("zmq_join", dish.pointer(), b"TV")

    def come():
        publish(z, radio, b"Movies", b"no")
        publish(z, radio, b"TV", b"Friends")
        z.settle(0.02)
        return dish.quiet_recv(1) == [b"Friends"]
    z.eventually("came", come)
    z.expect("radio bind", radio.bind("udp://127.0.0.1:*"), "ENOCOMPATPROTO")
    z.expect("dish connect", dish.connect(f"udp://127.0.0.1:{port}"), "ENOCOMPATPROTO")
    ctx.end()


@scenario(draft=True)
def pollers(z):
    class Event(c.Structure):
        _fields_ = [("socket", c.c_void_p), ("fd", c.c_int), ("user", c.c_void_p),
                    ("events", c.c_short)]
    ctx = z.context()
    pull, push = ctx.pair("PULL", "PUSH", "inproc")
    poller = c.c_void_p(z.call("zmq_poller_new"))
    event = Event()
    z.expect("empty", z.call("zmq_poller_wait", poller, c.byref(event), c.c_long(-1)), "EFAULT")
    z.expect("add", z.call("zmq_poller_add", poller, pull.pointer(), c.c_void_p(7), 1), 0)
    z.expect("again", z.call("zmq_poller_add", poller, pull.pointer(), None, 1), "EINVAL")
    z.expect("size", z.call("zmq_poller_size", poller), 1)
    z.expect("nothing", z.call("zmq_poller_wait", poller, c.byref(event), c.c_long(20)), "EAGAIN")
    push.send(b"x")
    z.expect("wait", z.call("zmq_poller_wait", poller, c.byref(event), c.c_long(5000)), 0)
    z.expect("event", [event.socket == pull.handle, event.user, event.events], [True, 7, 1])
    z.expect("modify", z.call("zmq_poller_modify", poller, pull.pointer(), 0), 0)
    z.expect("nothing", z.call("zmq_poller_wait", poller, c.byref(event), c.c_long(20)), "EAGAIN")
    z.expect("remove", z.call("zmq_poller_remove", poller, pull.pointer()), 0)
    z.expect("remove", z.call("zmq_poller_remove", poller, pull.pointer()), "EINVAL")
    z.expect("destroy", z.call("zmq_poller_destroy", c.byref(poller)), 0)
    z.expect("null", poller.value, None)
    ctx.end()


@scenario(draft=True)
def dgram(z):
    """The address of who sent a datagram is a string of C, with its zero; one without is taken."""
    import socket as pysocket
    ctx = z.context()
    opened = ctx.socket("DGRAM")
    z.expect("bind", z.call("zmq_bind", opened.pointer(), b"udp://127.0.0.1:*"), 0)
    other = pysocket.socket(pysocket.AF_INET, pysocket.SOCK_DGRAM)
    other.settimeout(8)
    other.bind(("127.0.0.1", 0))
    other.connect(("127.0.0.1", int(opened.endpoint().rsplit(":", 1)[1])))
    name = b"127.0.0.1:%d" % other.getsockname()[1]
    other.send(b"hello")
    got = opened.quiet_recv()
    z.expect("got", [got[0] == name + b"\0", got[1:]], [True, [b"hello"]])
    for address in (got[0], name):
        z.expect("sent", opened.quiet_send(address, b"world"), 5)
        z.expect("back", other.recv(100), b"world")
    z.expect("no body", opened.send(b"alone"), "EINVAL")
    other.close()
    ctx.end()
