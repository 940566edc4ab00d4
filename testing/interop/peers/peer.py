"""A ZeroMQ peer that is told what to do, one line at a time, and answers each with one line.

peer.py zmq | pyomq | ctypes:LIBRARY

    open TYPE            bind ENDPOINT        connect ENDPOINT      close
    subscribe HEX        unsubscribe HEX      option NAME NUMBER
    send SPEC            recv SPEC            give N SPEC           take N SPEC
    echo N               until SPEC (throws away what comes before it)
    secure curve-server SECRET CLIENT      secure curve-client SECRET PUBLIC SERVER
    secure plain-server USER PASSWORD      secure plain-client USER PASSWORD
        (keys in hexadecimal; a server has a ZAP handler that lets this client in)
    poll                 (libzmq meets new peers only while the program calls it)

SPEC is SEED:PART,PART; a part is a length, made of the seed, or =HEX. A ROUTER keeps the routing id
that came with the last message and puts it before what it sends.
"""
import ctypes
import importlib
import struct
import sys

BLOCK = 1021


def made(seed, index, length):
    state = (seed * 2654435761 + index * 40503 + 12345) & 0xFFFFFFFF
    block = bytearray()
    for _ in range(min(BLOCK, length)):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        block.append(state >> 24)
    return (bytes(block) * (length // BLOCK + 1))[:length]


def message(spec, plus=0):
    seed, parts = spec.split(":", 1)
    seed = int(seed) + plus
    return [bytes.fromhex(part[1:]) if part.startswith("=") else made(seed, index, int(part))
            for index, part in enumerate(parts.split(","))]


def check(got, spec, plus=0):
    wanted = message(spec, plus)
    if got == wanted:
        return
    lengths = [len(part) for part in got]
    if lengths != [len(part) for part in wanted]:
        raise ValueError("lengths %s instead of %s (+%d)" % (lengths[:20], spec, plus))
    raise ValueError("contents differ from %s (+%d)" % (spec, plus))


class Modern:
    """pyzmq, or a module with its interface."""

    def __init__(self, module):
        self.zmq = importlib.import_module(module)
        if module == "zmq":
            importlib.import_module("zmq.utils.z85")
        self.context = self.zmq.Context()
        self.socket = None

    def open(self, kind):
        self.socket = self.context.socket(getattr(self.zmq, kind))
        self.socket.linger = 0

    def bind(self, endpoint):
        self.socket.bind(endpoint)
        last = self.socket.getsockopt(self.zmq.LAST_ENDPOINT)
        return last.rstrip(b"\0").decode() if isinstance(last, bytes) else last

    def connect(self, endpoint):
        self.socket.connect(endpoint)

    def secure(self, role, words):
        if role == "curve-server":
            secret, client = (bytes.fromhex(word) for word in words)
            self.socket.curve_secretkey = self.zmq.utils.z85.encode(secret)
            self.socket.curve_server = True
            allowed = self.zmq.utils.z85.encode(client)

            class Provider:
                def callback(self, domain, key):
                    return key == allowed
            self.authenticator().configure_curve_callback("*", Provider())
        elif role == "curve-client":
            secret, public, server = (bytes.fromhex(word) for word in words)
            self.socket.curve_secretkey = self.zmq.utils.z85.encode(secret)
            self.socket.curve_publickey = self.zmq.utils.z85.encode(public)
            self.socket.curve_serverkey = self.zmq.utils.z85.encode(server)
        elif role == "plain-server":
            self.socket.plain_server = True
            self.authenticator().configure_plain("*", passwords={words[0]: words[1]})
        elif role == "plain-client":
            self.socket.plain_username = words[0].encode()
            self.socket.plain_password = words[1].encode()
        else:
            raise ValueError("unknown role " + role)

    def authenticator(self):
        from zmq.auth.thread import ThreadAuthenticator
        self.zap = ThreadAuthenticator(self.context)
        self.zap.start()
        return self.zap

    def subscribe(self, topic):
        self.socket.setsockopt(self.zmq.SUBSCRIBE, topic)

    def unsubscribe(self, topic):
        self.socket.setsockopt(self.zmq.UNSUBSCRIBE, topic)

    def option(self, name, value):
        self.socket.setsockopt(getattr(self.zmq, name), value)

    def send(self, parts):
        self.socket.send_multipart(parts)

    def recv(self):
        return [bytes(part) for part in self.socket.recv_multipart()]

    def poll(self):
        self.socket.getsockopt(self.zmq.EVENTS)

    def close(self):
        self.socket.close(linger=-1)


class Old:
    """A libzmq of the years 2 or 3, through its C interface."""

    TYPES = dict(PAIR=0, PUB=1, SUB=2, REQ=3, REP=4, DEALER=5, ROUTER=6, PULL=7, PUSH=8,
                 XPUB=9, XSUB=10)

    def __init__(self, library):
        self.lib = ctypes.CDLL(library, use_errno=True)
        numbers = [ctypes.c_int() for _ in range(3)]
        self.lib.zmq_version(*[ctypes.byref(number) for number in numbers])
        self.major = numbers[0].value
        for name in ("zmq_init", "zmq_socket", "zmq_msg_data"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.zmq_msg_size.restype = ctypes.c_size_t
        self.context = ctypes.c_void_p(self.lib.zmq_init(1))
        self.socket = None
        self.msg = ctypes.create_string_buffer(64)

    def check(self, result, doing):
        if result < 0:
            raise OSError(ctypes.get_errno(), doing)

    def open(self, kind):
        self.socket = ctypes.c_void_p(self.lib.zmq_socket(self.context, self.TYPES[kind]))

    def bind(self, endpoint):
        self.check(self.lib.zmq_bind(self.socket, endpoint.encode()), "bind")
        return endpoint

    def connect(self, endpoint):
        self.check(self.lib.zmq_connect(self.socket, endpoint.encode()), "connect")

    def set(self, number, value):
        length = ctypes.c_size_t(len(value))
        self.check(self.lib.zmq_setsockopt(self.socket, number, value, length), "setsockopt")

    def subscribe(self, topic):
        self.set(6, topic)

    def unsubscribe(self, topic):
        self.set(7, topic)

    def send(self, parts):
        for index, part in enumerate(parts):
            more = 2 if index + 1 < len(parts) else 0
            self.lib.zmq_msg_init_size(self.msg, ctypes.c_size_t(len(part)))
            ctypes.memmove(self.lib.zmq_msg_data(self.msg), part, len(part))
            if self.major == 2:
                result = self.lib.zmq_send(self.socket, self.msg, more)
            else:
                result = self.lib.zmq_sendmsg(self.socket, self.msg, more)
            self.check(result, "send")
            self.lib.zmq_msg_close(self.msg)

    def recv(self):
        parts = []
        while True:
            self.lib.zmq_msg_init(self.msg)
            if self.major == 2:
                result = self.lib.zmq_recv(self.socket, self.msg, 0)
            else:
                result = self.lib.zmq_recvmsg(self.socket, self.msg, 0)
            self.check(result, "recv")
            length = self.lib.zmq_msg_size(self.msg)
            parts.append(ctypes.string_at(self.lib.zmq_msg_data(self.msg), length))
            self.lib.zmq_msg_close(self.msg)
            more = ctypes.create_string_buffer(8)
            length = ctypes.c_size_t(8 if self.major == 2 else 4)
            result = self.lib.zmq_getsockopt(self.socket, 13, more, ctypes.byref(length))
            self.check(result, "RCVMORE")
            if not struct.unpack("q", more.raw)[0]:
                return parts

    def poll(self):
        events = ctypes.create_string_buffer(8)
        length = ctypes.c_size_t(4)
        result = self.lib.zmq_getsockopt(self.socket, 15, events, ctypes.byref(length))
        self.check(result, "EVENTS")

    def close(self):
        self.lib.zmq_close(self.socket)


class Peer:
    def __init__(self, module):
        old = module.startswith("ctypes:")
        self.library = Old(module[7:]) if old else Modern(module)
        self.kind = None
        self.routing_id = None

    def send(self, parts):
        self.library.send([self.routing_id] + parts if self.kind == "ROUTER" else parts)

    def recv(self):
        parts = self.library.recv()
        if self.kind == "ROUTER":
            self.routing_id = parts.pop(0)
        return parts

    def obey(self, word, rest):
        if word == "open":
            self.kind = rest[0]
            self.library.open(self.kind)
        elif word == "bind":
            return self.library.bind(rest[0])
        elif word == "connect":
            self.library.connect(rest[0])
        elif word in ("subscribe", "unsubscribe"):
            getattr(self.library, word)(bytes.fromhex(rest[0] if rest else ""))
        elif word == "option":
            self.library.option(rest[0], int(rest[1]))
        elif word == "secure":
            self.library.secure(rest[0], rest[1:])
        elif word == "send":
            self.send(message(rest[0]))
        elif word == "recv":
            check(self.recv(), rest[0])
        elif word == "give":
            for plus in range(int(rest[0])):
                self.send(message(rest[1], plus))
        elif word == "take":
            for plus in range(int(rest[0])):
                check(self.recv(), rest[1], plus)
        elif word == "echo":
            for _ in range(int(rest[0])):
                self.send(self.recv())
        elif word == "until":
            wanted = message(rest[0])
            while self.recv() != wanted:
                pass
        elif word == "poll":
            self.library.poll()
        elif word == "close":
            self.library.close()
        else:
            raise ValueError("unknown word " + word)
        return ""


def main():
    peer = Peer(sys.argv[1])
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        word, *rest = line.split()
        try:
            answer = "ok " + peer.obey(word, rest)
        except Exception as error:
            answer = "error in %s: %r" % (line.strip()[:100], error)
        print(answer, flush=True)


main()
