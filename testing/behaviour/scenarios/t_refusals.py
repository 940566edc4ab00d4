"""Peers that break the rules of a handshake: what the monitor tells of each, and what passes.
zmq_socket_monitor(3), RFC 23, RFC 24, RFC 26, RFC 37."""
import struct

import curve
from kit import Failure, scenario
from t_security import Handler, end, keys, say_ok
from t_wire import Peer, dial, frame, greeting, listener, ready



def error(reason):
    return b"\5ERROR" + bytes([len(reason)]) + reason


# The events of handshakes.
HANDSHAKES = 0xF800


def told(monitor, milliseconds=1500):
    """What the monitor tells of a handshake: the event, and its value if it means something."""
    event = monitor.event(milliseconds)
    if event is None:
        return "nothing"
    name, value, _ = event
    return [name, hex(value)] if "PROTOCOL" in name else [name, value] if "AUTH" in name else name


def attack(z, options, mechanism, attacks, otherwise=(), zap=False):
    """Each attack is a name and a function of the raw connection behind its greeting. `otherwise`
    has what ours tells and the stock library does not, by name, each with the reason."""
    otherwise = dict(otherwise)
    for name, run in attacks:
        ctx = z.context()
        if zap:
            Handler(z, ctx, say_ok)
        s = ctx.socket("DEALER")
        for option, value in options.items():
            s.quiet_set(option, value)
        z.call("zmq_bind", s.pointer(), b"tcp://127.0.0.1:*")
        monitor = s.monitor(ctx, HANDSHAKES)
        peer = dial(s)
        peer.send(greeting(0, mechanism))
        peer.read(64)
        try:
            run(peer)
        except (EOFError, ConnectionError):
            z.say(name, "cut off")
        tell(z, name, told(monitor), otherwise)
        peer.connection.close()
        end(ctx)


def tell(z, name, found, otherwise):
    if name in otherwise:
        ours, why = otherwise[name]
        z.say(name, found, ours=ours, why=why)
    else:
        z.say(name, found)


def protocol(number):
    return ["HANDSHAKE_FAILED_PROTOCOL", hex(number)]


UNEXPECTED, VOUCH, MALFORMED = protocol(0x10000001), protocol(0x10000003), protocol(0x10000011)
HELLO, ERROR, WELCOME = protocol(0x10000013), protocol(0x10000015), protocol(0x10000017)
UNSPECIFIED, METADATA = protocol(0x10000000), protocol(0x10000018)
NOT_A_COMMAND = "it has no name that a command could have"
NOT_PROPERTIES = "what is not of the form of RFC 37 is refused, and told"
NOT_A_STATUS = "an ERROR that gives no status of RFC 27 is told as well"
TOLD = "what ends a handshake is told"


def each(names, ours, why):
    return {name: (ours, why) for name in names}


# The answers of a client to an ERROR.
NO_STATUS = {
    **each(("ERROR 200", "ERROR 999", "ERROR with a text", "ERROR without a text"), UNSPECIFIED,
           NOT_A_STATUS),
    "ERROR with something behind it": (ERROR, NOT_PROPERTIES),
}


READY = ready(b"DEALER")


@scenario()
def null_server(z):
    attack(z, {}, b"NULL", [
        ("a message first", lambda p: p.send(frame(0, b"x"))),
        ("a command without a name", lambda p: p.send(frame(4, b""))),
        ("a name longer than the command", lambda p: p.send(frame(4, b"\x09READY"))),
        ("another command", lambda p: p.send(frame(4, b"\5HELLO"))),
        ("READY without properties", lambda p: p.send(frame(4, b"\5READY"))),
        ("a property without a value", lambda p: p.send(frame(4, b"\5READY\x0bSocket-Type"))),
        ("a value that is too long",
         lambda p: p.send(frame(4, b"\5READY\x0bSocket-Type\0\0\0\x09DEALER"))),
        ("a name of no length", lambda p: p.send(frame(4, b"\5READY\0\0\0\0\6DEALER"))),
        ("an unknown type", lambda p: p.send(ready(b"FOO"))),
        ("a type that does not fit", lambda p: p.send(ready(b"PUB"))),
        ("the type in small letters", lambda p: p.send(ready(b"dealer"))),
        ("the property in small letters",
         lambda p: p.send(frame(4, b"\5READY\x0bsocket-type\0\0\0\6DEALER"))),
        ("an identity of 256 bytes", lambda p: p.send(ready(b"DEALER", Identity=b"i" * 256))),
        ("ERROR", lambda p: p.send(frame(4, error(b"300")))),
        ("ERROR with another text", lambda p: p.send(frame(4, error(b"oops")))),
        ("ERROR that is too short", lambda p: p.send(frame(4, b"\5ERROR"))),
        ("ERROR that is too long", lambda p: p.send(frame(4, b"\5ERROR\x01300"))),
        ("what is right", lambda p: p.send(READY)),
    ], {
        **each(("a command without a name", "a name longer than the command"), MALFORMED,
               NOT_A_COMMAND),
        **each(("a property without a value", "a value that is too long", "a name of no length",
                "an unknown type", "the type in small letters", "an identity of 256 bytes"),
               METADATA, NOT_PROPERTIES),
        "ERROR with another text": (UNSPECIFIED, NOT_A_STATUS),
        "ERROR that is too long": (ERROR, NOT_PROPERTIES),
    })


@scenario()
def greetings(z):
    def greet(data):
        def run(peer):
            peer.send(data)
        return run

    good = greeting()
    for name, data in (
            ("as a server", greeting(as_server=1)),
            ("version 3.7", good[:11] + b"\7" + good[12:]),
            ("version 9", good[:10] + b"\x09" + good[11:]),
            ("filler that is not zero", good[:33] + b"\xff" * 31),
            ("an unknown mechanism", greeting(mechanism=b"FOO")),
            ("a mechanism in small letters", greeting(mechanism=b"null")),
            ("a mechanism of twenty letters", greeting(mechanism=b"N" * 20)),
            ("no mechanism", greeting(mechanism=b"")),
            ("PLAIN", greeting(mechanism=b"PLAIN")),
            ("CURVE", greeting(mechanism=b"CURVE")),
            ("padding that is not zero", b"\xff" + b"\x11" * 8 + good[9:])):
        ctx = z.context()
        s = ctx.socket("DEALER")
        s.bind_any("tcp")
        monitor = s.monitor(ctx, HANDSHAKES)
        peer = dial(s)
        peer.send(data)
        z.say(name, told(monitor, 300))
        if name in ("as a server", "version 3.7", "filler that is not zero",
                    "padding that is not zero"):
            peer.send(READY)
            z.say(name, told(monitor))
        peer.connection.close()
        ctx.end()


def hello(user=b"admin", password=b"pass"):
    return frame(4, b"\5HELLO" + bytes([len(user)]) + user + bytes([len(password)]) + password)


def plain_ready(p):
    p.send(hello())
    p.frame()


def initiate(body=b""):
    return frame(4, b"\x08INITIATE" + body)


TYPE = curve.metadata(Socket_Type=b"DEALER")


@scenario()
def plain_server(z):
    def after(data):
        def run(peer):
            plain_ready(peer)
            peer.send(data)
        return run

    attack(z, {"PLAIN_SERVER": 1}, b"PLAIN", [
        ("READY", lambda p: p.send(READY)),
        ("a message first", lambda p: p.send(frame(0, b"\5HELLO\0\0"))),
        ("INITIATE first", lambda p: p.send(initiate(TYPE))),
        ("HELLO alone", lambda p: p.send(frame(4, b"\5HELLO"))),
        ("HELLO with half a name", lambda p: p.send(frame(4, b"\5HELLO\5adm"))),
        ("HELLO without a password", lambda p: p.send(frame(4, b"\5HELLO\5admin"))),
        ("HELLO with half a password", lambda p: p.send(frame(4, b"\5HELLO\5admin\4pa"))),
        ("HELLO with something behind it", lambda p: p.send(frame(4, b"\5HELLO\1a\1bx"))),
        ("HELLO with another name", lambda p: p.send(frame(4, b"\5HELLX\1a\1b"))),
        ("HELLO twice", after(hello())),
        ("INITIATE with another name", after(frame(4, b"\x08INITIATX" + TYPE))),
        ("INITIATE that is too short", after(frame(4, b"\x08INIT"))),
        ("INITIATE without properties", after(initiate())),
        ("INITIATE with half a property", after(initiate(TYPE[:-2]))),
        ("INITIATE with a type that does not fit",
         after(initiate(curve.metadata(Socket_Type=b"PUB")))),
        ("a message in place of INITIATE", after(frame(0, b"x"))),
        ("ERROR", after(frame(4, error(b"300")))),
        ("what is right", after(initiate(TYPE))),
    ], {
        "a message first": (UNEXPECTED, TOLD),
        "INITIATE that is too short": (MALFORMED, NOT_A_COMMAND),
        "INITIATE with half a property": (METADATA, NOT_PROPERTIES),
    }, zap=True)


@scenario(slow=60)
def curve_server(z):
    public, secret = curve.pair()
    options = {"CURVE_SERVER": 1, "CURVE_SECRETKEY": secret}

    def hello_with(change):
        return lambda p: p.send(frame(4, change(curve.Client(public))))

    def initiate_with(change):
        def run(peer):
            client = curve.Client(public)
            peer.send(frame(4, client.hello()))
            client.welcome(peer.frame()[1])
            peer.send(frame(4, change(client)))
        return run

    def flipped(body, at):
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]

    attack(z, options, b"CURVE", [
        ("READY", lambda p: p.send(READY)),
        ("a message first", lambda p: p.send(frame(0, curve.Client(public).hello()))),
        ("HELLO of another name", hello_with(lambda k: b"\5HELLX" + k.hello()[6:])),
        ("HELLO that is too short", hello_with(lambda k: k.hello()[:-1])),
        ("HELLO that is too long", hello_with(lambda k: k.hello() + b"\0")),
        ("HELLO of six bytes", hello_with(lambda k: b"\5HELLO")),
        ("HELLO of version 2.0", hello_with(lambda k: k.hello(version=b"\2\0"))),
        ("HELLO of version 1.1", hello_with(lambda k: k.hello(version=b"\1\1"))),
        ("HELLO with a padding", hello_with(lambda k: flipped(k.hello(), 20))),
        ("HELLO for another server", hello_with(lambda k: curve.Client(curve.pair()[0]).hello())),
        ("HELLO with a broken box", hello_with(lambda k: flipped(k.hello(), 150))),
        ("HELLO that is not zeros", hello_with(lambda k: k.hello(text=b"x" * 64))),
        ("HELLO twice", initiate_with(lambda k: k.hello())),
        ("INITIATE of another name",
         initiate_with(lambda k: b"\x08INITIATX" + k.initiate(TYPE)[9:])),
        ("INITIATE that is too short", initiate_with(lambda k: k.initiate(TYPE)[:200])),
        ("INITIATE with a broken cookie", initiate_with(lambda k: flipped(k.initiate(TYPE), 50))),
        ("INITIATE with a broken box", initiate_with(lambda k: flipped(k.initiate(TYPE), 150))),
        ("INITIATE with another vouch",
         initiate_with(lambda k: k.initiate(TYPE, vouched=curve.pair()[0]))),
        ("INITIATE for another server",
         initiate_with(lambda k: k.initiate(TYPE, server=curve.pair()[0]))),
        ("INITIATE of another client",
         initiate_with(lambda k: k.initiate(TYPE, public=curve.pair()[0]))),
        ("INITIATE without properties", initiate_with(lambda k: k.initiate(b""))),
        ("INITIATE with half a property", initiate_with(lambda k: k.initiate(TYPE[:-2]))),
        ("INITIATE with a type that does not fit",
         initiate_with(lambda k: k.initiate(curve.metadata(Socket_Type=b"PUB")))),
        ("a message in place of INITIATE", initiate_with(lambda k: k.message(b"x"))),
        ("what is right", initiate_with(lambda k: k.initiate(TYPE))),
    ], {
        "a message first": (UNEXPECTED, TOLD),
        **each(("HELLO with a padding", "HELLO that is not zeros"), HELLO,
               "RFC 26 has zeros there, and they are looked at"),
        "INITIATE for another server": (VOUCH, "RFC 26 has the server compare its key"),
        "INITIATE with half a property": (METADATA, NOT_PROPERTIES),
    })


@scenario()
def curve_messages(z):
    """What comes behind a handshake that went well."""
    public, secret = curve.pair()

    def flipped(body, at):
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]

    for name, change in (
            ("what is right", lambda k: k.message(b"right")),
            ("a number left out", lambda k: k.message(b"right", step=5)),
            ("the same number twice", lambda k: k.message(b"wrong", step=0)),
            ("a number from before", lambda k: k.message(b"wrong", step=-1)),
            ("a broken box", lambda k: flipped(k.message(b"wrong"), 30)),
            ("another name", lambda k: b"\7MESSAGX" + k.message(b"wrong")[8:]),
            ("too short", lambda k: k.message(b"wrong")[:20]),
            ("in the clear", lambda k: b"wrong")):
        ctx = z.context()
        s = ctx.socket("DEALER", CURVE_SERVER=1)
        s.quiet_set("CURVE_SECRETKEY", secret)
        s.bind_any("tcp")
        monitor = s.monitor(ctx, HANDSHAKES | 0x200)
        peer = dial(s)
        peer.send(greeting(0, b"CURVE"))
        peer.read(64)
        client = curve.Client(public)
        peer.send(frame(4, client.hello()))
        client.welcome(peer.frame()[1])
        peer.send(frame(4, client.initiate(TYPE)))
        peer.frame()
        z.say(name, told(monitor))
        # The nonce of INITIATE and of the messages is one count.
        peer.send(frame(0, client.message(b"first")))
        s.recv()
        peer.send(frame(0, change(client)))
        s.none(300) if name not in ("what is right", "a number left out") else s.recv()
        z.say("then", told(monitor, 300))
        peer.connection.close()
        ctx.end()


def serve(z, options, mechanism, attacks, otherwise=()):
    """A connecting socket meets a server that breaks the rules."""
    otherwise = dict(otherwise)
    for name, run in attacks:
        ctx = z.context()
        server, where = listener(z)
        s = ctx.socket("DEALER", RECONNECT_IVL=-1)
        for option, value in options.items():
            s.quiet_set(option, value)
        monitor = s.monitor(ctx, HANDSHAKES)
        z.call("zmq_connect", s.pointer(), where.encode())
        peer = Peer(server.accept()[0])
        peer.send(greeting(0, mechanism, 1))
        peer.read(64)
        try:
            run(peer)
        except (EOFError, ConnectionError):
            z.say(name, "cut off")
        tell(z, name, told(monitor), otherwise)
        peer.connection.close()
        server.close()
        ctx.end()


ERRORS = [
    ("ERROR 300", frame(4, error(b"300"))),
    ("ERROR 400", frame(4, error(b"400"))),
    ("ERROR 500", frame(4, error(b"500"))),
    ("ERROR 200", frame(4, error(b"200"))),
    ("ERROR 999", frame(4, error(b"999"))),
    ("ERROR with a text", frame(4, error(b"invalid"))),
    ("ERROR without a text", frame(4, b"\5ERROR\0")),
    ("ERROR without a length", frame(4, b"\5ERROR")),
    ("ERROR that is cut off", frame(4, b"\5ERROR\x0530")),
    ("ERROR with something behind it", frame(4, error(b"300") + b"x")),
]


@scenario()
def null_client(z):
    serve(z, {}, b"NULL", [(name, lambda p, data=data: p.send(data)) for name, data in ERRORS] + [
        ("another mechanism", lambda p: None),
        ("a type that does not fit", lambda p: p.send(ready(b"SUB"))),
        ("what is right", lambda p: p.send(ready(b"ROUTER"))),
    ], NO_STATUS)


@scenario()
def plain_client(z):
    name = {"PLAIN_USERNAME": b"admin", "PLAIN_PASSWORD": b"pass"}

    def after_hello(data):
        def run(peer):
            flags, body = peer.frame()
            z.say("hello", [flags, body])
            peer.send(data)
        return run

    def after_initiate(data):
        def run(peer):
            peer.frame()
            peer.send(frame(4, b"\7WELCOME"))
            flags, body = peer.frame()
            z.say("initiate", [flags, body[:9]])
            peer.send(data)
        return run

    serve(z, name, b"PLAIN", [(n, after_hello(data)) for n, data in ERRORS] + [
        ("WELCOME with something behind it", after_hello(frame(4, b"\7WELCOMEx"))),
        ("WELCOME of another name", after_hello(frame(4, b"\7WELCOMX"))),
        ("READY at once", after_hello(ready(b"ROUTER"))),
        ("a message", after_hello(frame(0, b"x"))),
        ("ERROR behind WELCOME", after_initiate(frame(4, error(b"400")))),
        ("WELCOME twice", after_initiate(frame(4, b"\7WELCOME"))),
        ("READY without properties", after_initiate(frame(4, b"\5READY"))),
        ("READY with half a property", after_initiate(frame(4, b"\5READY\x0bSocket"))),
        ("a type that does not fit", after_initiate(ready(b"SUB"))),
        ("what is right", after_initiate(ready(b"ROUTER"))),
    ], {
        **NO_STATUS,
        **{f"ERROR {n}": (["HANDSHAKE_FAILED_AUTH", n], "RFC 24 has ERROR in every state")
           for n in (300, 400, 500)},
        **each(("ERROR without a length", "ERROR that is cut off"), ERROR, "the same"),
        "ERROR behind WELCOME": (["HANDSHAKE_FAILED_AUTH", 400], "the same"),
        "a type that does not fit": ("nothing", "no rule is broken; nor does it tell under NULL"),
    })


@scenario(slow=60)
def curve_client(z):
    public, secret = curve.pair()
    mine, my_secret = keys(z)
    options = {"CURVE_SERVERKEY": public, "CURVE_PUBLICKEY": mine, "CURVE_SECRETKEY": my_secret}

    def flipped(body, at):
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]

    def welcome(change):
        def run(peer):
            server = curve.Server(public, secret)
            server.hello(peer.frame()[1])
            peer.send(change(server))
        return run

    def behind_initiate(change):
        def run(peer):
            server = curve.Server(public, secret)
            server.hello(peer.frame()[1])
            peer.send(frame(4, server.welcome()))
            z.say("initiate", peer.frame()[1][:9])
            peer.send(change(server))
        return run

    router = curve.metadata(Socket_Type=b"ROUTER")
    serve(z, options, b"CURVE", [
        (name, welcome(lambda k, data=data: data)) for name, data in ERRORS] + [
        ("WELCOME of another name", welcome(lambda k: frame(4, b"\7WELCOMX" + k.welcome()[8:]))),
        ("WELCOME that is too short", welcome(lambda k: frame(4, k.welcome()[:-1]))),
        ("WELCOME that is too long", welcome(lambda k: frame(4, k.welcome() + b"x"))),
        ("WELCOME with a broken box", welcome(lambda k: frame(4, flipped(k.welcome(), 90)))),
        ("READY at once", welcome(lambda k: frame(4, k.ready(router)))),
        ("a message", welcome(lambda k: frame(0, b"x"))),
        ("WELCOME twice", behind_initiate(lambda k: frame(4, k.welcome()))),
        ("READY with a broken box",
         behind_initiate(lambda k: frame(4, flipped(k.ready(router), 20)))),
        ("READY that is too short", behind_initiate(lambda k: frame(4, k.ready(router)[:20]))),
        ("READY without properties", behind_initiate(lambda k: frame(4, k.ready(b"")))),
        ("READY with half a property", behind_initiate(lambda k: frame(4, k.ready(router[:-2])))),
        ("a type that does not fit",
         behind_initiate(lambda k: frame(4, k.ready(curve.metadata(Socket_Type=b"SUB"))))),
        ("ERROR behind INITIATE", behind_initiate(lambda k: frame(4, error(b"400")))),
        ("what is right", behind_initiate(lambda k: frame(4, k.ready(router)))),
    ], {
        **NO_STATUS,
        **each(("WELCOME that is too short", "WELCOME that is too long"), WELCOME,
               "the length is looked at before the box"),
        "READY at once": (UNEXPECTED, "there is no key yet with which a READY could be opened"),
        "WELCOME twice": (UNEXPECTED, TOLD),
        "a type that does not fit": ("nothing", "no rule is broken; nor does it tell under NULL"),
    })
