"""STREAM: zmq_socket(3) "Native pattern", with plain TCP peers."""
import socket as pysocket

from kit import scenario
from t_wire import listener


def bound(ctx, **options):
    stream = ctx.socket("STREAM", **options)
    stream.bind_any("tcp")
    return stream, int(stream.endpoint().rsplit(":", 1)[1])


def dial(port):
    peer = pysocket.create_connection(("127.0.0.1", port))
    peer.settimeout(8)
    return peer


def read(peer, length):
    data = b""
    while len(data) < length:
        more = peer.recv(length - len(data))
        if not more:
            break
        data += more
    return data


@scenario()
def server(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    connect = stream.quiet_recv()
    z.say("connected", [len(connect[0]), connect[0][0], connect[1]])
    peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
    got = stream.quiet_recv()
    z.say("request", [got[0] == connect[0], got[1]])
    stream.quiet_send(got[0], b"HTTP/1.0 200 OK\r\n\r\nHello")
    z.say("answer", read(peer, 24))
    z.say("close", stream.quiet_send(got[0], b""))
    z.say("nothing more", [m[1:] for m in stream.drain()])
    z.say("closed", peer.recv(10))
    z.say("to nobody", stream.quiet_send(got[0], b"x"))
    ctx.end()


@scenario()
def peer_closes(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    name = stream.quiet_recv()[0]
    peer.sendall(b"last words")
    peer.close()
    z.say("words", stream.quiet_recv()[1])
    end = stream.quiet_recv()
    z.say("end", [end[0] == name, end[1]])
    stream.none()
    z.say("to nobody", stream.quiet_send(name, b"x"))
    ctx.end()


@scenario()
def without_notifications(z):
    ctx = z.context()
    stream, port = bound(ctx, STREAM_NOTIFY=0)
    peer = dial(port)
    stream.none(150)
    peer.sendall(b"data")
    got = stream.quiet_recv()
    z.say("data", got[1])
    peer.close()
    stream.none()
    ctx.end()


@scenario()
def client(z):
    ctx = z.context()
    listener = pysocket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    stream = ctx.socket("STREAM")
    stream.connect("tcp://127.0.0.1:%d" % listener.getsockname()[1])
    name = stream.quiet_get("ROUTING_ID")
    peer, _ = listener.accept()
    connect = stream.quiet_recv()
    z.say("connected", [connect[0] == name, len(name), connect[1]])
    stream.quiet_send(name, b"hello")
    z.say("got", read(peer, 5))
    peer.sendall(b"hi")
    z.say("answer", stream.quiet_recv()[1])
    peer.close()
    z.say("end", stream.quiet_recv()[1])
    ctx.end()


@scenario()
def connect_routing_id(z):
    ctx = z.context()
    server_, port = bound(ctx)
    stream = ctx.socket("STREAM")
    for name in (b"one", b"two"):
        stream.set("CONNECT_ROUTING_ID", name)
        stream.connect(f"tcp://127.0.0.1:{port}")
        stream.recv()
        stream.send(name, b"from " + name)
    got = {}
    while len(got) < 2:
        m = server_.quiet_recv()
        if m[1]:
            got[m[1]] = m[0]
    z.say("got", sorted(got))
    for text in sorted(got):
        server_.quiet_send(got[text], b"re " + text)
    z.say("answers", sorted(stream.quiet_recv() for _ in range(2)))
    ctx.end()


@scenario()
def stream_to_stream(z):
    ctx = z.context()
    one, port = bound(ctx)
    two = ctx.socket("STREAM")
    two.connect(f"tcp://127.0.0.1:{port}")
    name = two.quiet_recv()[0]
    peer = one.quiet_recv()[0]
    two.quiet_send(name, b"abc")
    z.say("got", one.quiet_recv()[1])
    one.quiet_send(peer, b"")
    one.drain()
    z.say("closed", two.quiet_recv()[1])
    ctx.end()


@scenario()
def big_reply(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    name = stream.quiet_recv()[0]
    body = bytes(range(256)) * 40_000
    stream.quiet_send(name, body)
    z.say("same", read(peer, len(body)) == body)
    stream.quiet_send(name, b"")
    stream.drain()
    z.say("closed", peer.recv(10))
    ctx.end()


@scenario()
def big_request(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    stream.quiet_recv()
    body = bytes(range(256)) * 8_000
    writer = z.thread(lambda: peer.sendall(body))
    got = b""
    while len(got) < len(body):
        got += stream.quiet_recv()[1]
    z.say("same", got == body)
    writer.join()
    ctx.end()


@scenario()
def many_clients(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peers = [dial(port) for _ in range(20)]
    for i, peer in enumerate(peers):
        peer.sendall(b"%02d" % i)
    names = {}
    while len(names) < 20:
        m = stream.quiet_recv()
        if m[1]:
            names[m[1]] = m[0]
    z.say("different", len(set(names.values())))
    for text, name in names.items():
        stream.quiet_send(name, b"re" + text)
    z.say("right", all(read(p, 4) == b"re%02d" % i for i, p in enumerate(peers)))
    ctx.end()


@scenario()
def sndmore_is_ignored_on_data(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    name = stream.quiet_recv()[0]
    z.call("zmq_send", stream.pointer(), name, len(name), 2)
    z.say("data with more", z.call("zmq_send", stream.pointer(), b"a", 1, 2))
    z.call("zmq_send", stream.pointer(), name, len(name), 2)
    z.say("data with more", z.call("zmq_send", stream.pointer(), b"b", 1, 2))
    z.say("got", read(peer, 2))
    ctx.end()


@scenario()
def wrong_uses(z):
    ctx = z.context()
    stream = ctx.socket("STREAM")
    stream.send(b"nobody!", b"x")
    stream.recv(1)
    stream.set("STREAM_NOTIFY", 2)
    stream.set("STREAM_NOTIFY", -1)
    stream.get("STREAM_NOTIFY")
    ctx.socket("ROUTER").set("STREAM_NOTIFY", 1)
    stream.set("SUBSCRIBE", b"")
    stream.set("ROUTER_MANDATORY", 1)
    stream.get("ROUTING_ID")
    ctx.end()


@scenario()
def disconnect_and_unbind(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    name = stream.quiet_recv()[0]
    stream.unbind(f"tcp://127.0.0.1:{port}")
    z.say("end", [m[1:] for m in stream.drain()])
    z.say("closed", peer.recv(10))
    z.say("to nobody", stream.quiet_send(name, b"x"))
    ctx.end()


@scenario()
def peer_address(z):
    ctx = z.context()
    stream, port = bound(ctx)
    peer = dial(port)
    m = z.message()
    m.recv(stream)
    z.say("address", m.gets("Peer-Address"))
    z.say("type", m.gets("Socket-Type"))
    m.recv(stream)
    z.say("address", m.gets("Peer-Address"))
    z.say("more", m.more())
    peer.close()
    ctx.end()


@scenario()
def ipv6(z):
    ctx = z.context()
    stream = ctx.socket("STREAM", IPV6=1)
    stream.bind("tcp://[::1]:*")
    port = int(stream.endpoint().rsplit(":", 1)[1])
    peer = pysocket.create_connection(("::1", port))
    m = z.message()
    m.recv(stream)
    z.say("address", m.gets("Peer-Address"))
    peer.close()
    ctx.end()


@scenario()
def a_connect_is_made_again(z):
    """A STREAM that connects comes back when its peer has closed."""
    ctx = z.context()
    server, where = listener(z)
    stream = ctx.socket("STREAM", RECONNECT_IVL=20)
    monitor = stream.monitor(ctx, 0x7 | 0x200)
    stream.connect(where)
    seen = []
    for body in (b"one", b"two"):
        peer = server.accept()[0]
        came = stream.quiet_recv()
        seen.append(came[0])
        z.say("came", came[1:])
        peer.sendall(body)
        z.say("got", stream.quiet_recv()[1:])
        z.say("sent", stream.quiet_send(came[0], b"back"))
        z.say("back", peer.recv(10))
        peer.close()
        z.say("went", stream.quiet_recv()[1:])
    z.say("another peer", seen[0] != seen[1], ours=True,
          why="each connection of ours is a peer of its own; libzmq's keeps its routing id")
    z.say("events", [monitor.event()[0] for _ in range(6)])
    stream.disconnect(where)
    server.close()
    ctx.end()
