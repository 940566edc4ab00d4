"""Raw ZMTP peers: RFC 23 and RFC 37, heartbeats, handshake limits, reconnecting."""
import socket as pysocket
import struct
import time

from kit import scenario


def greeting(minor=0, mechanism=b"NULL", as_server=0):
    return (b"\xff" + b"\0" * 8 + b"\x7f" + bytes([3, minor]) + mechanism.ljust(20, b"\0")
            + bytes([as_server]) + b"\0" * 31)


def frame(flags, body):
    if len(body) > 255:
        return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def ready(socket_type, **others):
    body = b"\5READY"
    for name, value in {"Socket_Type": socket_type, **others}.items():
        key = name.replace("_", "-").encode()
        body += bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
    return frame(4, body)


class Peer:
    """A raw connection that reads frames."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(8)

    def read(self, length):
        data = b""
        while len(data) < length:
            more = self.connection.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def frame(self):
        flags = self.read(1)[0]
        size = struct.unpack(">Q", self.read(8))[0] if flags & 2 else self.read(1)[0]
        return flags, self.read(size)

    def send(self, data):
        self.connection.sendall(data)

    def greet(self, minor=0):
        self.send(greeting(minor))
        return self.read(64)

    def shake(self, socket_type, minor=0, **others):
        theirs = self.greet(minor)
        self.send(ready(socket_type, **others))
        return theirs, self.frame()

    def ended(self, seconds=8):
        """What comes until the connection ends; None: it does not end."""
        self.connection.settimeout(seconds)
        data = b""
        try:
            while more := self.connection.recv(4096):
                data += more
        except ConnectionError:
            pass
        except TimeoutError:
            return None
        return data


def dial(opened):
    port = int(opened.endpoint().rsplit(":", 1)[1])
    return Peer(pysocket.create_connection(("127.0.0.1", port)))


def listener(z):
    server = pysocket.socket()
    server.setsockopt(pysocket.SOL_SOCKET, pysocket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(8)
    server.settimeout(8)
    return server, "tcp://127.0.0.1:%d" % server.getsockname()[1]


def watched(ctx, **options):
    """A PULL with a monitor, and a plain peer that has shaken hands with it."""
    pull = ctx.socket("PULL", **options)
    monitor = pull.monitor(ctx)
    pull.bind_any("tcp")
    peer = dial(pull)
    peer.shake(b"PUSH", 1)
    return pull, monitor, peer


@scenario()
def what_each_type_sends_first(z):
    for name in ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB",
                 "XSUB"):
        ctx = z.context()
        s = ctx.socket(name, ROUTING_ID=b"me")
        s.bind_any("tcp")
        peer = dial(s)
        theirs = peer.greet()
        z.say("greeting", theirs[:10] + theirs[12:])
        other = {"PAIR": b"PAIR", "PUB": b"SUB", "SUB": b"PUB", "REQ": b"REP", "REP": b"REQ",
                 "DEALER": b"ROUTER", "ROUTER": b"DEALER", "PULL": b"PUSH", "PUSH": b"PULL",
                 "XPUB": b"SUB", "XSUB": b"PUB"}[name]
        peer.send(ready(other))
        flags, body = peer.frame()
        z.say("ready", [flags, b"Socket-Type\0\0\0" in body, b"Identity\0\0\0\2me" in body])
        ctx.end()


@scenario()
def messages_of_every_size(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    peer = dial(pull)
    peer.shake(b"PUSH")
    for size in (0, 1, 255, 256, 70_000):
        peer.send(frame(0, b"m" * size))
        pull.recv()
    peer.send(frame(1, b"a") + frame(1, b"") + frame(0, b"c"))
    pull.recv()
    peer.send(b"\2" + struct.pack(">Q", 3) + b"odd")
    pull.recv()
    for byte in frame(1, b"slow") + frame(0, b"ly"):
        peer.send(bytes([byte]))
        time.sleep(0.002)
    pull.recv()
    ctx.end()


@scenario()
def half_a_message_then_the_end(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    peer = dial(pull)
    peer.shake(b"PUSH")
    peer.send(frame(0, b"whole") + frame(1, b"half"))
    peer.connection.close()
    pull.recv()
    pull.none()
    again = dial(pull)
    again.shake(b"PUSH")
    again.send(frame(0, b"next"))
    pull.recv()
    ctx.end()


@scenario()
def what_we_send(z):
    ctx = z.context()
    push = ctx.socket("PUSH")
    push.bind_any("tcp")
    peer = dial(push)
    peer.shake(b"PULL")
    z.settle(0.1)
    push.send(b"x" * 255)
    push.send(b"x" * 256)
    push.send(b"", b"a", b"")
    for _ in range(5):
        flags, body = peer.frame()
        z.say("frame", [flags, body])
    ctx.end()


@scenario()
def subscriptions_by_version(z):
    for minor in (0, 1):
        ctx = z.context()
        sub = ctx.socket("SUB", SUBSCRIBE=b"t")
        sub.bind_any("tcp")
        peer = dial(sub)
        peer.shake(b"PUB", minor)
        sub.none(100)
        z.say("subscription", peer.frame())
        sub.set("UNSUBSCRIBE", b"t")
        z.say("cancel", peer.frame())
        peer.send(frame(0, b"other") + frame(0, b"topic"))
        sub.none(200)
        ctx.end()


@scenario()
def publisher_takes_both_forms(z):
    ctx = z.context()
    pub = ctx.socket("XPUB")
    pub.bind_any("tcp")
    peer = dial(pub)
    peer.shake(b"SUB", 1)
    peer.send(frame(0, b"\1old"))
    pub.recv()
    peer.send(frame(4, b"\x09SUBSCRIBEnew"))
    pub.recv()
    pub.send(b"old1")
    pub.send(b"new1")
    pub.send(b"none")
    z.say("got", [peer.frame(), peer.frame()])
    peer.send(frame(4, b"\x06CANCELnew"))
    pub.recv()
    peer.send(frame(0, b"\0old"))
    pub.recv()
    ctx.end()


@scenario()
def ping_is_answered(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    for minor in (0, 1):
        peer = dial(pull)
        peer.shake(b"PUSH", minor)
        peer.send(frame(4, b"\4PING\0\0"))
        z.say("pong", peer.frame())
        peer.send(frame(4, b"\4PING\0\x64context"))
        z.say("pong", peer.frame())
        peer.send(frame(4, b"\4PING\0\0" + b"c" * 16))
        z.say("pong", peer.frame())
        peer.send(frame(0, b"message"))
        pull.recv()
    ctx.end()


@scenario()
def heartbeats_are_sent(z):
    ctx = z.context()
    pull = ctx.socket("PULL", HEARTBEAT_IVL=50, HEARTBEAT_TTL=1200, HEARTBEAT_TIMEOUT=5000)
    pull.bind_any("tcp")
    peer = dial(pull)
    peer.shake(b"PUSH", 1)
    for _ in range(3):
        z.say("ping", peer.frame())
        peer.send(frame(4, b"\4PONG"))
    ctx.end()


@scenario()
def silent_peer_is_dropped(z):
    ctx = z.context()
    pull, monitor, peer = watched(ctx, HEARTBEAT_IVL=50, HEARTBEAT_TIMEOUT=150)
    z.say("events", monitor.until("DISCONNECTED"))
    z.say("closed", peer.ended() is not None)
    ctx.end()


@scenario()
def any_traffic_keeps_a_peer(z):
    ctx = z.context()
    pull, monitor, peer = watched(ctx, HEARTBEAT_IVL=100, HEARTBEAT_TIMEOUT=600)
    monitor.wait("HANDSHAKE_SUCCEEDED")
    for _ in range(12):
        peer.send(frame(0, b"still here"))
        time.sleep(0.1)
    z.say("no event", monitor.event(1))
    z.say("messages", len(pull.drain()))
    ctx.end()


@scenario()
def ttl_of_the_peer_is_kept(z):
    """A peer that promised to be heard of within 200 ms and is not is dropped."""
    ctx = z.context()
    pull, monitor, peer = watched(ctx)
    peer.send(frame(4, b"\4PING\0\2"))
    z.say("pong", peer.frame())
    z.say("events", monitor.until("DISCONNECTED"))
    ctx.end()


@scenario()
def two_sockets_with_heartbeats_stay(z):
    ctx = z.context()
    options = {"HEARTBEAT_IVL": 50, "HEARTBEAT_TIMEOUT": 2000, "HEARTBEAT_TTL": 4000}
    one, two = ctx.socket("ROUTER", **options), ctx.socket("DEALER", ROUTING_ID=b"X", **options)
    monitor = one.monitor(ctx, 0x200)
    ctx.link(one, two, "tcp")
    two.send(b"x")
    one.recv()
    z.say("nothing lost", monitor.event(600))
    one.send(b"X", b"y")
    two.recv()
    ctx.end()


@scenario()
def heartbeat_over_ipc(z):
    ctx = z.context()
    one = ctx.socket("PULL", HEARTBEAT_IVL=50, HEARTBEAT_TIMEOUT=150)
    monitor = one.monitor(ctx)
    path = z.tmp("hb")
    one.bind(f"ipc://{path}")
    peer = pysocket.socket(pysocket.AF_UNIX)
    peer.connect(path)
    Peer(peer).shake(b"PUSH", 1)
    z.say("events", monitor.until("DISCONNECTED"))
    ctx.end()


@scenario()
def mute_peer_times_out(z):
    ctx = z.context()
    pull = ctx.socket("PULL", HANDSHAKE_IVL=200)
    pull.bind_any("tcp")
    peer = dial(pull)
    z.say("closed", peer.ended() is not None)
    peer = dial(pull)
    peer.greet()
    z.say("closed", peer.ended() is not None)
    ctx.end()


@scenario()
def mute_listener_is_tried_again(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", HANDSHAKE_IVL=150, RECONNECT_IVL=20)
    push.connect(where)
    for _ in range(3):
        connection, _ = server.accept()
        z.say("closed", Peer(connection).ended() is not None)
    ctx.end()


@scenario()
def handshake_timeout_off(z):
    ctx = z.context()
    pull = ctx.socket("PULL", HANDSHAKE_IVL=0)
    pull.bind_any("tcp")
    peer = dial(pull)
    z.say("stays", peer.ended(0.6) is None)
    ctx.end()


@scenario()
def reconnects_with_interval(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=50)
    push.connect(where)
    for i in range(3):
        connection, _ = server.accept()
        peer = Peer(connection)
        peer.shake(b"PULL")
        push.send(b"%d" % i)
        z.say("got", peer.frame())
        connection.close()
        z.settle(0.02)
    ctx.end()


@scenario()
def no_reconnect_after_a_loss(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=-1)
    push.connect(where)
    connection, _ = server.accept()
    Peer(connection).shake(b"PULL")
    connection.close()
    server.settimeout(0.6)
    try:
        server.accept()
        z.say("came back")
    except TimeoutError:
        z.say("stays away")
    ctx.end()


@scenario(draft=True)
def reconnect_stop(z):
    ctx = z.context()
    push = ctx.socket("PUSH", RECONNECT_IVL=20, RECONNECT_STOP=1)
    monitor = push.monitor(ctx)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    z.expect("first", [monitor.event()[0] for _ in range(2)], ["CONNECT_DELAYED", "CLOSED"])
    z.expect("then", monitor.event(500), None)
    ctx.end()


@scenario(draft=True)
def reconnect_stop_after_disconnect(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=20, RECONNECT_STOP=4)
    push.connect(where)
    connection, _ = server.accept()
    Peer(connection).shake(b"PULL")
    push.disconnect(where)
    server.settimeout(0.5)
    try:
        server.accept()
        z.expect("came back", 1, 0)
    except TimeoutError:
        z.say("stays away")
    ctx.end()


@scenario(draft=True)
def reconnect_stop_handshake_failed(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=20, RECONNECT_STOP=2)
    push.connect(where)
    connection, _ = server.accept()
    connection.sendall(greeting(0, b"XXXX"))
    server.settimeout(0.6)
    try:
        server.accept()
        z.expect("came back", 1, 0)
    except TimeoutError:
        z.say("stays away")
    ctx.end()


@scenario()
def old_versions(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    # ZMTP 1.0: an empty identity, then a message. RFC 13.
    peer = dial(pull)
    peer.send(b"\1\0" + b"\6\0hello")
    pull.recv()
    peer.send(b"\2\1a" + b"\2\0b")
    pull.recv()
    # ZMTP 2.0: signature, revision 1, type PUSH (8), an empty identity frame. RFC 15.
    peer = dial(pull)
    peer.send(b"\xff" + b"\0" * 7 + b"\1\x7f\1\x08\0\0" + b"\0\5hello")
    pull.recv()
    peer.send(b"\1\1a\0\1b")
    pull.recv()
    # A later version than any.
    peer = dial(pull)
    peer.send(b"\xff" + b"\0" * 8 + b"\x7f" + bytes([4, 7]) + greeting()[12:])
    peer.send(ready(b"PUSH") + frame(0, b"from the future"))
    pull.recv()
    ctx.end()


@scenario()
def old_dealer_with_identity(z):
    ctx = z.context()
    router = ctx.socket("ROUTER")
    router.bind_any("tcp")
    peer = dial(router)
    peer.send(b"\4\0abc" + b"\6\0hello")
    router.recv()
    router.send(b"abc", b"answer")
    data = peer.read(10)
    z.say("signature", data)
    ctx.end()


@scenario()
def unknown_commands(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    peer = dial(pull)
    peer.shake(b"PUSH", 1)
    peer.send(frame(4, b"\7UNKNOWNwhatever"))
    peer.send(frame(0, b"after"))
    pull.recv()
    ctx.end()


@scenario()
def error_command_in_the_handshake(z):
    ctx = z.context()
    server, where = listener(z)
    push = ctx.socket("PUSH", RECONNECT_IVL=20)
    monitor = push.monitor(ctx)
    push.connect(where)
    connection, _ = server.accept()
    peer = Peer(connection)
    peer.greet()
    peer.send(frame(4, b"\5ERROR\3400"))
    z.say("closed", peer.ended() is not None)
    z.say("events", [monitor.event()[0] for _ in range(3)])
    ctx.end()


@scenario()
def huge_length(z):
    ctx = z.context()
    pull = ctx.socket("PULL", MAXMSGSIZE=100_000)
    pull.bind_any("tcp")
    peer = dial(pull)
    peer.shake(b"PUSH")
    peer.send(b"\2" + struct.pack(">Q", 1 << 60))
    z.say("closed", peer.ended() is not None)
    peer = dial(pull)
    peer.shake(b"PUSH")
    peer.send(b"\2" + struct.pack(">Q", (1 << 64) - 1))
    z.say("closed", peer.ended() is not None)
    ctx.end()


@scenario()
def rubbish(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind_any("tcp")
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5, b"\xff" * 100, b"\0" * 64,
                 greeting()[:12] + b"\xff" * 52):
        peer = dial(pull)
        peer.send(data)
        time.sleep(0.05)
        peer.connection.close()
    good = ctx.socket("PUSH")
    good.connect(pull.endpoint())
    good.send(b"fine")
    z.say("got", pull.drain()[-1])
    ctx.end()


@scenario()
def connect_timeout(z):
    ctx = z.context()
    push = ctx.socket("PUSH", CONNECT_TIMEOUT=150, RECONNECT_IVL=30)
    monitor = push.monitor(ctx)
    # TEST-NET-1: nobody answers, or the network says that there is no way.
    push.connect("tcp://192.0.2.1:5555")
    z.say("first", monitor.event()[0] in ("CONNECT_DELAYED", "CONNECT_RETRIED", "CLOSED"))
    ctx.end()


@scenario()
def keepalive_and_tos_reach_the_socket(z):
    import os
    ctx = z.context()
    pull = ctx.socket("PULL", TOS=0x28, TCP_KEEPALIVE=1, TCP_KEEPALIVE_IDLE=77, SNDBUF=20000,
                      RCVBUF=30000)
    push = ctx.socket("PUSH")
    ctx.link(pull, push, "tcp")
    push.send(b"x")
    m = z.message()
    m.recv(pull)
    inner = pysocket.socket(fileno=os.dup(m.get("SRCFD")))
    z.say("keepalive", inner.getsockopt(pysocket.SOL_SOCKET, pysocket.SO_KEEPALIVE))
    z.say("idle", inner.getsockopt(pysocket.IPPROTO_TCP, pysocket.TCP_KEEPIDLE))
    z.say("tos", inner.getsockopt(pysocket.IPPROTO_IP, pysocket.IP_TOS))
    z.say("nodelay", inner.getsockopt(pysocket.IPPROTO_TCP, pysocket.TCP_NODELAY))
    z.say("buffers", [inner.getsockopt(pysocket.SOL_SOCKET, pysocket.SO_SNDBUF),
                      inner.getsockopt(pysocket.SOL_SOCKET, pysocket.SO_RCVBUF)])
    inner.close()
    ctx.end()


@scenario()
def accept_filters(z):
    for rule, what in ((b"127.0.0.1", "let in"), (b"10.0.0.0/8", "kept out"),
                       (b"127.0.0.0/8", "let in")):
        ctx = z.context()
        pull = ctx.socket("PULL")
        pull.set("TCP_ACCEPT_FILTER", rule)
        push = ctx.socket("PUSH", IMMEDIATE=1)
        push.connect(pull.bind_any("tcp"))
        z.say(what, push.full(b"x", milliseconds=400))
        ctx.end()
    ctx = z.context()
    pull = ctx.socket("PULL")
    for rule in (None, b"nonsense", b"1.2.3.4/33", b"1.2.3.4/-1", b"localhost/8"):
        pull.set("TCP_ACCEPT_FILTER", rule)
    ctx.end()


@scenario()
def backlog_of_connections(z):
    ctx = z.context()
    # The kernel asks again after seconds where the queue was full, more than once on a busy machine.
    pull = ctx.socket("PULL", BACKLOG=1, RCVTIMEO=-1)
    pull.bind_any("tcp")
    pushes = [ctx.socket("PUSH") for _ in range(20)]
    for i, push in enumerate(pushes):
        z.call("zmq_connect", push.pointer(), pull.endpoint().encode())
        push.quiet_send(b"%d" % i)
    z.say("all", sorted(int(pull.quiet_recv()[0]) for _ in pushes))
    ctx.end()
