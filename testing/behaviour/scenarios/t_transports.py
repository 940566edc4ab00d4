"""ws and SOCKS: zmq_ws(7) as the reference has it, ZMQ_SOCKS_PROXY of zmq_setsockopt(3)."""
import socket as pysocket
import struct
import threading

from kit import scenario


@scenario()
def ws_round_trips(z):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", "ws")
    for size in (0, 1, 125, 126, 65535, 65536, 300_000):
        req.send(b"q" * size, b"more")
        rep.recv()
        rep.send(b"a" * size)
        req.recv()
    ctx.end()


@scenario()
def ws_pubsub(z):
    ctx = z.context()
    xpub, sub = ctx.socket("XPUB"), ctx.socket("SUB", SUBSCRIBE=b"a")
    ctx.link(xpub, sub, "ws")
    xpub.recv()
    xpub.send(b"a1", b"x")
    xpub.send(b"b1")
    z.say("got", sub.drain())
    ctx.end()


@scenario()
def ws_raw_upgrade(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("ws://127.0.0.1:*/roundtrip")
    z.say("name", pull.endpoint().startswith("ws://127.0.0.1:"))
    port = int(pull.endpoint().rsplit(":", 1)[1].split("/")[0])
    peer = pysocket.create_connection(("127.0.0.1", port))
    peer.settimeout(8)
    peer.sendall(b"GET /roundtrip HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
                 b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 b"Sec-WebSocket-Protocol: ZWS2.0\r\nSec-WebSocket-Version: 13\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += peer.recv(1)
    z.say("accepted", [answer.split(b"\r\n")[0],
                       b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer, b"ZWS2.0" in answer])
    ctx.end()


@scenario()
def ws_bad_upgrades(z):
    ctx = z.context()
    pull = ctx.socket("PULL")
    pull.bind("ws://127.0.0.1:*/x")
    port = int(pull.endpoint().rsplit(":", 1)[1].split("/")[0])
    for data in (b"GET / HTTP/1.0\r\n\r\n", b"rubbish\r\n\r\n"):
        peer = pysocket.create_connection(("127.0.0.1", port))
        peer.settimeout(8)
        peer.sendall(data)
        z.settle(0.1)
        peer.close()
    push = ctx.socket("PUSH")
    push.connect(f"ws://127.0.0.1:{port}/x")
    push.send(b"fine")
    pull.recv()
    ctx.end()


class Socks:
    """A SOCKS5 server for one connection."""

    def __init__(self, user=None, refuse=0):
        self.listener = pysocket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        self.user, self.refuse = user, refuse
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        def read(n):
            data = b""
            while len(data) < n:
                more = client.recv(n - len(data))
                if not more:
                    raise EOFError
                data += more
            return data
        try:
            version, count = read(2)
            methods = read(count)
            self.seen.append((version, sorted(methods)))
            method = 2 if self.user else 0
            client.sendall(bytes([5, method if method in methods else 255]))
            if self.user:
                _, n = read(2)
                name = read(n)
                word = read(read(1)[0])
                client.sendall(bytes([1, (name, word) != self.user]))
            _, command, _, kind = read(4)
            host = read(4) if kind == 1 else read(read(1)[0]) if kind == 3 else read(16)
            port, = struct.unpack(">H", read(2))
            self.seen.append((command, kind, host))
            client.sendall(bytes([5, self.refuse, 0, 1, 0, 0, 0, 0, 0, 0]))
            if self.refuse:
                client.close()
                return
            server = pysocket.create_connection(("127.0.0.1", port))
            for one, two in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(one, two), daemon=True).start()
        except (EOFError, OSError):
            client.close()

    @staticmethod
    def pump(one, two):
        try:
            while data := one.recv(65536):
                two.sendall(data)
            two.shutdown(pysocket.SHUT_WR)
        except OSError:
            pass


@scenario()
def socks_without_password(z):
    socks = Socks()
    ctx = z.context()
    rep, req = ctx.socket("REP"), ctx.socket("REQ")
    z.say("set", req.quiet_set("SOCKS_PROXY", b"127.0.0.1:%d" % socks.port))
    where = rep.bind_any("tcp")
    for name in ("127.0.0.1", "localhost"):
        req.connect(f"tcp://{name}:{where.rsplit(':', 1)[1]}")
        req.send(b"q")
        rep.recv()
        rep.send(b"a")
        req.recv()
        req.disconnect(f"tcp://{name}:{where.rsplit(':', 1)[1]}")
        z.say("command", socks.seen[-1][0])
    ctx.end()


@scenario(stock="it aborts: bad file descriptor")
def socks_refuses(z):
    socks = Socks(refuse=5)
    ctx = z.context()
    push = ctx.socket("PUSH", IMMEDIATE=1, RECONNECT_IVL=30)
    push.quiet_set("SOCKS_PROXY", b"127.0.0.1:%d" % socks.port)
    push.connect(f"tcp://127.0.0.1:{z.port()}")
    z.expect("not sent", push.full(b"x", milliseconds=400), "EAGAIN")
    z.eventually("tried again", lambda: len(socks.seen) > 2)
    ctx.end()


@scenario(draft=True)
def socks_with_password(z):
    socks = Socks(user=(b"me", b"word"))
    ctx = z.context()
    pull = ctx.socket("PULL")
    push = ctx.socket("PUSH", SOCKS_USERNAME=b"me", SOCKS_PASSWORD=b"word")
    push.quiet_set("SOCKS_PROXY", b"127.0.0.1:%d" % socks.port)
    push.connect(pull.bind_any("tcp"))
    push.send(b"through")
    z.expect("got", pull.recv(), [b"through"])
    wrong = ctx.socket("PUSH", SOCKS_USERNAME=b"me", SOCKS_PASSWORD=b"other", IMMEDIATE=1)
    wrong.quiet_set("SOCKS_PROXY", b"127.0.0.1:%d" % socks.port)
    wrong.connect(pull.endpoint())
    z.expect("refused", wrong.full(b"x", milliseconds=300), "EAGAIN")
    ctx.end()


@scenario()
def socks_option(z):
    ctx = z.context()
    s = ctx.socket("PUSH")
    s.get("SOCKS_PROXY")
    s.set("SOCKS_PROXY", b"localhost:1080")
    s.get("SOCKS_PROXY")
    s.set("SOCKS_PROXY", None)
    s.get("SOCKS_PROXY")
    ctx.end()
