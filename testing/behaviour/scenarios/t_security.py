"""PLAIN, CURVE and ZAP: zmq_plain(7), zmq_curve(7), RFC 24, RFC 26, RFC 27."""
import ctypes as c
import threading

from kit import Failure, scenario


def keys(z):
    public, secret = c.create_string_buffer(41), c.create_string_buffer(41)
    z.call("zmq_curve_keypair", public, secret)
    return public.value, secret.value


class Handler:
    """A ZAP handler of one context; `answer` gets the request's parts and returns the reply's."""

    def __init__(self, z, ctx, answer):
        self.rep = ctx.socket("REP", raw=True)
        self.rep.quiet_set("LINGER", 0)
        self.rep.bind("inproc://zeromq.zap.01")
        self.seen = []

        def serve():
            while not isinstance(request := self.rep.quiet_recv(), Failure):
                self.seen.append(request)
                self.rep.quiet_send(*answer(request))
            self.rep.quiet_close()
        ctx.sockets.remove(self.rep)
        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()


def say_ok(request):
    return [b"1.0", request[1], b"200", b"OK", b"alice", b"\5X-Key\0\0\0\5value"]


def deny(status):
    return lambda request: [b"1.0", request[1], status, b"no", b"", b""]


def end(ctx):
    for s in ctx.sockets:
        if s.handle:
            s.quiet_close()
    ctx.shutdown()
    ctx.kit.write(f"term -> {ctx.kit.thread(ctx.term).join(20)}")


def meet(z, server_options, client_options, answer=None, ms=1200):
    """Whether a message passes; what the monitors say; what the handler was asked."""
    ctx = z.context()
    handler = Handler(z, ctx, answer) if answer else None
    server, client = ctx.socket("PULL"), ctx.socket("PUSH")
    for name, value in server_options.items():
        z.say(f"server {name}", server.quiet_set(name, value))
    for name, value in client_options.items():
        z.say(f"client {name}", client.quiet_set(name, value))
    first, second = server.monitor(ctx, 0xF800), client.monitor(ctx, 0xF800)
    client.connect(server.bind_any("tcp"))
    client.quiet_send(b"secret")
    m = z.message()
    server.quiet_set("RCVTIMEO", ms if answer else 800)
    passed = m.recv_quiet(server)
    z.say("passed", passed)
    if not isinstance(passed, Failure):
        z.say("user", [m.gets("User-Id"), m.gets("X-Key")])
    told = [("server", first), ("client", second)]
    # A client that is cut off in its handshake tells of it or not.
    for name, monitor in told if answer or passed == 6 else told[:1]:
        event = monitor.event(300)
        z.say(name, event[:2] if event and event[0] != "HANDSHAKE_FAILED_NO_DETAIL"
              else event and event[0])
    if handler and handler.seen:
        request = handler.seen[0]
        z.say("asked", request[:6] + [len(p) for p in request[6:]])
    end(ctx)


@scenario()
def plain(z):
    name = {"PLAIN_USERNAME": b"admin", "PLAIN_PASSWORD": b"pass"}
    meet(z, {"PLAIN_SERVER": 1}, name)
    meet(z, {"PLAIN_SERVER": 1, "ZAP_DOMAIN": b"test"}, name, say_ok)
    meet(z, {"PLAIN_SERVER": 1}, name, say_ok)


@scenario()
def plain_denied(z):
    name = {"PLAIN_USERNAME": b"admin", "PLAIN_PASSWORD": b"pass"}
    for status in (b"300", b"400", b"500"):
        meet(z, {"PLAIN_SERVER": 1, "ZAP_DOMAIN": b"d"}, name, deny(status))


@scenario()
def a_refusal_in_silence_is_told_once(z):
    """After status 300 the server waits; that the connection ends then is no second failure."""
    name = {"PLAIN_USERNAME": b"admin", "PLAIN_PASSWORD": b"pass"}
    for server_ivl, client_ivl in ((200, 5000), (5000, 200)):
        for server_options, client_options in (({}, {}), ({"PLAIN_SERVER": 1}, name)):
            ctx = z.context()
            Handler(z, ctx, deny(b"300"))
            server = ctx.socket("PULL", ZAP_DOMAIN=b"d", HANDSHAKE_IVL=server_ivl, **server_options)
            client = ctx.socket("PUSH", HANDSHAKE_IVL=client_ivl, RECONNECT_IVL=-1,
                                **client_options)
            monitor = server.monitor(ctx)
            client.connect(server.bind_any("tcp"))
            z.say("server", monitor.until("DISCONNECTED"))
            end(ctx)


@scenario()
def mechanisms_that_do_not_match(z):
    name = {"PLAIN_USERNAME": b"admin", "PLAIN_PASSWORD": b"pass"}
    meet(z, {"PLAIN_SERVER": 1}, {})
    meet(z, {}, name)
    public, secret = keys(z)
    meet(z, {"CURVE_SERVER": 1, "CURVE_SECRETKEY": secret}, {})
    meet(z, {"CURVE_SERVER": 1, "CURVE_SECRETKEY": secret}, name)


@scenario()
def null_with_zap(z):
    meet(z, {"ZAP_DOMAIN": b"domain"}, {}, say_ok)
    meet(z, {}, {}, say_ok)
    meet(z, {"ZAP_DOMAIN": b"domain"}, {}, deny(b"400"))


@scenario()
def curve(z):
    public, secret = keys(z)
    mine, my_secret = keys(z)
    client = {"CURVE_SERVERKEY": public, "CURVE_PUBLICKEY": mine, "CURVE_SECRETKEY": my_secret}
    server = {"CURVE_SERVER": 1, "CURVE_SECRETKEY": secret}
    meet(z, server, client)
    meet(z, {**server, "ZAP_DOMAIN": b"global"}, client, say_ok)
    meet(z, server, client, deny(b"400"))


@scenario()
def curve_wrong_server_key(z):
    _, secret = keys(z)
    other, _ = keys(z)
    mine, my_secret = keys(z)
    meet(z, {"CURVE_SERVER": 1, "CURVE_SECRETKEY": secret, "HANDSHAKE_IVL": 300},
         {"CURVE_SERVERKEY": other, "CURVE_PUBLICKEY": mine, "CURVE_SECRETKEY": my_secret,
          "RECONNECT_IVL": -1})


@scenario()
def handler_that_lies(z):
    name = {"PLAIN_USERNAME": b"u", "PLAIN_PASSWORD": b"p"}
    for answer in (lambda r: [b"1.1", r[1], b"200", b"OK", b"u", b""],
                   lambda r: [b"1.0", b"wrong", b"200", b"OK", b"u", b""],
                   lambda r: [b"1.0", r[1], b"999", b"OK", b"u", b""],
                   lambda r: [b"1.0", r[1], b"200", b"OK", b"u"],
                   lambda r: [b"1.0", r[1], b"200", b"OK", b"u", b"\xff\xff\xff"]):
        meet(z, {"PLAIN_SERVER": 1, "ZAP_DOMAIN": b"d"}, {**name, "RECONNECT_IVL": -1}, answer)


@scenario()
def curve_over_other_transports_and_types(z):
    public, secret = keys(z)
    mine, my_secret = keys(z)
    for one, two in (("REP", "REQ"), ("ROUTER", "DEALER"), ("PAIR", "PAIR"), ("PUB", "SUB")):
        ctx = z.context()
        a = ctx.socket(one)
        a.quiet_set("CURVE_SERVER", 1)
        a.quiet_set("CURVE_SECRETKEY", secret)
        b = ctx.socket(two)
        for name, value in (("CURVE_SERVERKEY", public), ("CURVE_PUBLICKEY", mine),
                            ("CURVE_SECRETKEY", my_secret)):
            b.quiet_set(name, value)
        ctx.link(a, b, "ipc")
        if two == "SUB":
            b.set("SUBSCRIBE", b"")
            z.settle(0.5)
            a.send(b"published", b"x" * 100_000)
            b.recv()
        else:
            b.send(b"hello", b"x" * 100_000)
            got = a.quiet_recv()
            z.say("got", got[-2:])
        ctx.end()


@scenario()
def key_options(z):
    ctx = z.context()
    s = ctx.socket("PULL")
    public, secret = keys(z)
    s.get("MECHANISM")
    for name in ("CURVE_PUBLICKEY", "CURVE_SECRETKEY", "CURVE_SERVERKEY"):
        s.get(name, 32)
        s.get(name, 41)
        for size in (0, 31, 33, 40, 42):
            s.get(name, size)
        z.say("text", s.quiet_set(name, public))
        z.say("back", s.quiet_get(name, 41)[:40] == public)
        z.say("with zero", s.quiet_set(name, public + b"\0"))
        s.set(name, bytes(range(32)))
        s.get(name, 32)
        s.set(name, b"x" * 31)
        s.set(name, b"x" * 39)
        s.set(name, b" " * 40)
    s.get("MECHANISM")
    s.set("PLAIN_SERVER", 1)
    s.get("MECHANISM")
    s.set("PLAIN_SERVER", 0)
    s.get("MECHANISM")
    s.set("PLAIN_USERNAME", b"u" * 255)
    s.get("MECHANISM")
    s.set("PLAIN_USERNAME", b"u" * 256)
    s.set("PLAIN_USERNAME", None)
    s.get("MECHANISM")
    s.set("CURVE_SERVER", 1)
    s.get("MECHANISM")
    s.get("PLAIN_SERVER")
    s.set("ZAP_DOMAIN", b"d" * 255)
    s.set("ZAP_DOMAIN", b"d" * 256)
    ctx.end()
