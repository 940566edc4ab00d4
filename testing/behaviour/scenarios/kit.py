"""What scenarios are made of: the C interface with every call written down.

A scenario is a function of one argument, the `Kit`. It runs in a process of its own, once on the
stock library and once on ours; what its calls returned is its transcript, and the two transcripts
are compared. Ports, temporary paths and the like are replaced by names, in the order of their
appearance, so that transcripts can be equal.
"""
import ctypes as c
import os
import re
import socket as pysocket
import tempfile
import threading
import time
import zlib

from names import BYTES, NUMBERS, WIDE, error_name

SCENARIOS = {}
# Milliseconds that a call may wait for what has to come.
LONG = 8000
# Milliseconds in which what must not come would have come.
SHORT = 250


def constant(name):
    return NUMBERS[name]


def scenario(draft=False, slow=0, stock=None):
    """Registers a scenario. `draft`: runs on ours alone, its expectations are from the reference.
    `stock`: why the stock library is not run, though nothing of the draft interface is used."""
    def register(run):
        name = f"{run.__module__}.{run.__name__}"
        assert name not in SCENARIOS, name
        run.alone = draft or stock is not None
        run.limit = 60 + slow
        SCENARIOS[name] = run
        return run
    return register


class Failure(str):
    """The name of an error."""

    def __repr__(self):
        return str(self)


class Message(c.Structure):
    _fields_ = [("opaque", c.c_void_p * 8)]


class PollItem(c.Structure):
    _fields_ = [("socket", c.c_void_p), ("fd", c.c_int), ("events", c.c_short),
                ("revents", c.c_short)]


FREE = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p)
POINTERS = ["zmq_ctx_new", "zmq_init", "zmq_socket", "zmq_msg_data", "zmq_atomic_counter_new",
            "zmq_timers_new", "zmq_stopwatch_start", "zmq_threadstart", "zmq_poller_new",
            "zmq_z85_encode", "zmq_z85_decode"]


def short(value):
    """A value as it stands in a transcript."""
    if isinstance(value, bytes) and len(value) > 80:
        return f"<{len(value)} bytes, crc {zlib.crc32(value):08x}>"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(short(v) for v in value) + "]"
    return repr(value)


class Kit:
    """One run of one scenario on one library."""

    def __init__(self, library, ours, out):
        self.lib, self.ours, self.out = library, ours, out
        self.names = {}
        self.lock = threading.Lock()
        self.kept = []
        self.folder = None
        for name in POINTERS:
            if hasattr(library, name):
                getattr(library, name).restype = c.c_void_p
        library.zmq_strerror.restype = c.c_char_p
        library.zmq_msg_gets.restype = c.c_char_p
        library.zmq_msg_size.restype = c.c_size_t
        for name in ("zmq_timers_timeout", "zmq_stopwatch_stop", "zmq_stopwatch_intermediate"):
            if hasattr(library, name):
                getattr(library, name).restype = c.c_ulong if "watch" in name else c.c_long

    # The transcript.

    def hide(self, text, kind, key):
        """Replaces a name that differs between runs by one that does not."""
        with self.lock:
            number = self.names.setdefault((kind, key), sum(k[0] == kind for k in self.names) + 1)
        return text.replace(key, f"{kind}{number}")

    def clean(self, text):
        if self.folder:
            text = text.replace(self.folder, "TMP")
        for key in re.findall(r"(?<=[\d\]a-z*]:)\d{4,5}(?!\d)", text):
            text = re.sub(rf"(?<=[\d\]a-z*]:){key}(?!\d)", self.hide(key, "PORT", key), text)
        for key in re.findall(r"(?:/tmp/)?(?:tmp\w{6}|oxmq-\w{16})/socket", text):
            text = self.hide(text, "WILD", key)
        return text

    def write(self, text):
        self.out(self.clean(text))

    def say(self, what, value=None, ours=None, why=None):
        """Writes an observation. With `why`, the libraries may differ: ours must show `ours`."""
        if why is None:
            self.write(f"{what}: {short(value)}" if value is not None else what)
        else:
            self.write(f"{what}: differs: {why}")
            if self.ours and value != ours:
                self.write(f"!! {what}: {short(value)}, wanted {short(ours)}")
            elif not self.ours:
                self.out(f"## {what}: stock shows {short(value)}")

    def expect(self, what, value, wanted):
        """Writes an observation that must be so on whichever library it is made."""
        self.write(f"{what}: {short(value)}")
        if value != wanted:
            self.write(f"!! {what}: {short(value)}, wanted {short(wanted)}")

    # Calls.

    def call(self, name, *arguments):
        """Calls a function by name; -1 and NULL become the name of the error."""
        function = getattr(self.lib, name)
        c.set_errno(0)
        result = function(*arguments)
        if result == -1 or (result is None and function.restype is c.c_void_p):
            return Failure(error_name(c.get_errno()))
        return result

    def context(self):
        return Context(self, self.call("zmq_ctx_new"))

    def message(self, data=None, size=None):
        return Msg(self, data, size)

    def thread(self, run):
        return Thread(run)

    def settle(self, seconds=0.3):
        """The time in which an effect without any sign takes place."""
        time.sleep(seconds)

    def eventually(self, what, condition):
        """Waits until a condition holds and writes that it does."""
        end = time.monotonic() + LONG / 1000
        while not condition():
            if time.monotonic() > end:
                self.write(f"!! {what}: never")
                return False
            time.sleep(0.005)
        self.write(f"{what}: yes")
        return True

    def tmp(self, name):
        if not self.folder:
            self.folder = tempfile.mkdtemp(prefix="oxmq-b")
        return f"{self.folder}/{name}"

    def port(self, kind=pysocket.AF_INET):
        """A port that nobody uses."""
        probe = pysocket.socket(kind, pysocket.SOCK_STREAM)
        probe.bind(("::1" if kind == pysocket.AF_INET6 else "127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        return port

    def poll(self, items, timeout=0):
        """zmq_poll: items are (socket or fd, events); returns what is there, or an error."""
        array = (PollItem * max(1, len(items)))()
        for slot, (what, events) in zip(array, items):
            if isinstance(what, Socket):
                slot.socket, slot.fd = what.handle, -1
            else:
                slot.fd = what
            slot.events = events
        result = self.call("zmq_poll", array, len(items), c.c_long(timeout))
        if isinstance(result, Failure):
            return result
        return [array[i].revents for i in range(len(items))]


class Thread:
    """A call in another thread, with its result."""

    def __init__(self, run):
        self.result = None

        def body():
            self.result = run()
        self.inner = threading.Thread(target=body, daemon=True)
        self.inner.start()

    def join(self, seconds=LONG / 1000):
        self.inner.join(seconds)
        return "still blocked" if self.inner.is_alive() else self.result


class Context:
    def __init__(self, kit, handle):
        self.kit, self.handle, self.sockets = kit, handle, []

    def pointer(self):
        return c.c_void_p(self.handle)

    def socket(self, name, **options):
        """A socket that never waits for ever. Options are set in the order given; `raw=True`
        leaves the defaults as they are."""
        handle = self.kit.call("zmq_socket", self.pointer(), constant(name))
        if isinstance(handle, Failure):
            self.kit.write(f"socket({name}) -> {handle}")
            return None
        opened = Socket(self.kit, handle, name)
        self.sockets.append(opened)
        if not options.pop("raw", False):
            opened.quiet_set("LINGER", 0)
            opened.quiet_set("RCVTIMEO", LONG)
            opened.quiet_set("SNDTIMEO", LONG)
        for option, value in options.items():
            opened.set(option, value)
        return opened

    def pair(self, first, second, transport="tcp", one=None, two=None):
        """Two sockets; the first is bound, the second connected to it."""
        one, two = self.socket(first, **(one or {})), self.socket(second, **(two or {}))
        self.link(one, two, transport)
        return one, two

    def link(self, one, two, transport="tcp"):
        where = one.bind_any(transport)
        two.connect(where)
        return where

    def set(self, name, value):
        number = constant(name) if isinstance(name, str) else name
        result = self.kit.call("zmq_ctx_set", self.pointer(), number, value)
        self.kit.write(f"ctx.set({name}, {value}) -> {result!r}")
        return result

    def get(self, name):
        number = constant(name) if isinstance(name, str) else name
        result = self.kit.call("zmq_ctx_get", self.pointer(), number)
        self.kit.write(f"ctx.get({name}) -> {result!r}")
        return result

    def shutdown(self):
        result = self.kit.call("zmq_ctx_shutdown", self.pointer())
        self.kit.write(f"ctx.shutdown() -> {result!r}")
        return result

    def term(self):
        return self.kit.call("zmq_ctx_term", self.pointer())

    def end(self):
        """Closes the sockets that are still open, then the context."""
        for opened in self.sockets:
            if opened.handle:
                opened.quiet_close()
        self.kit.write(f"ctx.term() -> {self.kit.thread(self.term).join(30)!r}")


class Socket:
    def __init__(self, kit, handle, name):
        self.kit, self.handle, self.name = kit, handle, name
        self.number = len(kit.kept)
        kit.kept.append(self)
        self.label = f"{name.lower()}{self.number}"

    def pointer(self):
        return c.c_void_p(self.handle)

    def log(self, what, result):
        self.kit.write(f"{self.label}.{what} -> {short(result)}")
        return result

    # Options.

    def quiet_set(self, name, value, length=None):
        number = constant(name) if isinstance(name, str) else name
        if value is None:
            data, size = None, 0
        elif isinstance(value, (bytes, str)):
            data = value.encode() if isinstance(value, str) else value
            size = len(data)
        else:
            data = c.c_int64(value) if name in WIDE else c.c_int(value)
            size = c.sizeof(data)
            data = c.byref(data)
        size = size if length is None else length
        return self.kit.call("zmq_setsockopt", self.pointer(), number, data, c.c_size_t(size))

    def set(self, name, value, length=None):
        return self.log(f"set({name}, {short(value)})", self.quiet_set(name, value, length))

    def quiet_get(self, name, size=None):
        number = constant(name) if isinstance(name, str) else name
        buffer = c.create_string_buffer(1024)
        if size is None:
            size = 8 if name in WIDE else 1024 if name in BYTES else 4
        length = c.c_size_t(size)
        result = self.kit.call("zmq_getsockopt", self.pointer(), number, buffer, c.byref(length))
        if isinstance(result, Failure):
            return result
        data = buffer.raw[:length.value]
        if name in BYTES or size not in (4, 8):
            return data
        return int.from_bytes(data, "little", signed=name != "AFFINITY")

    def get(self, name, size=None):
        return self.log(f"get({name})", self.quiet_get(name, size))

    def endpoint(self):
        return self.quiet_get("LAST_ENDPOINT").rstrip(b"\0").decode()

    def events(self):
        return self.log("events", self.quiet_get("EVENTS"))

    # Endpoints.

    def at(self, what, endpoint):
        raw = endpoint.encode() if isinstance(endpoint, str) else endpoint
        return self.log(f"{what}({endpoint})", self.kit.call(f"zmq_{what}", self.pointer(), raw))

    def bind(self, endpoint):
        return self.at("bind", endpoint)

    def connect(self, endpoint):
        return self.at("connect", endpoint)

    def unbind(self, endpoint):
        return self.at("unbind", endpoint)

    def disconnect(self, endpoint):
        return self.at("disconnect", endpoint)

    def bind_any(self, transport="tcp"):
        if transport == "inproc":
            where = f"inproc://place{self.number}"
            self.bind(where)
            return where
        where = {"tcp": "tcp://127.0.0.1:*", "tcp6": "tcp://[::1]:*", "ws": "ws://127.0.0.1:*/x",
                 "ipc": f"ipc://{self.kit.tmp('s' + str(self.number))}"}[transport]
        self.bind(where)
        return self.endpoint()

    # Messages.

    def quiet_send(self, *parts, flags=0):
        result = 0
        for index, part in enumerate(parts):
            more = 2 if index + 1 < len(parts) else 0
            result = self.kit.call("zmq_send", self.pointer(), part, c.c_size_t(len(part)),
                                   flags | more)
            if isinstance(result, Failure):
                return result if len(parts) == 1 else f"{result} at part {index}"
        return result

    def send(self, *parts, flags=0):
        how = {0: "", 1: ", DONTWAIT", 2: ", SNDMORE", 3: ", DONTWAIT|SNDMORE"}[flags]
        return self.log(f"send({short(list(parts))}{how})", self.quiet_send(*parts, flags=flags))

    def quiet_recv(self, flags=0):
        """All parts of a message, or an error."""
        parts = []
        while True:
            message = Msg(self.kit, None, None)
            result = message.recv_quiet(self, flags)
            if isinstance(result, Failure):
                return result if not parts else parts + [result]
            parts.append(message.data())
            more = message.more()
            message.close_quiet()
            if not more:
                return parts

    def recv(self, flags=0):
        return self.log("recv" + (" DONTWAIT" if flags else ""), self.quiet_recv(flags))

    def none(self, milliseconds=SHORT):
        """Nothing comes for a while."""
        self.quiet_set("RCVTIMEO", milliseconds)
        result = self.quiet_recv()
        self.quiet_set("RCVTIMEO", LONG)
        return self.log("recv for a while", result)

    def full(self, *parts, milliseconds=SHORT):
        """Sending does not succeed for a while."""
        self.quiet_set("SNDTIMEO", milliseconds)
        result = self.quiet_send(*parts)
        self.quiet_set("SNDTIMEO", LONG)
        return self.log("send for a while", result)

    def fill(self, *parts, most=100_000):
        """How many messages can be sent without waiting."""
        count = 0
        while count < most and not isinstance(self.quiet_send(*parts, flags=1), (Failure, str)):
            count += 1
        return count

    def drain(self, milliseconds=SHORT):
        """The messages that come until none has come for a while."""
        self.quiet_set("RCVTIMEO", milliseconds)
        found = []
        while not isinstance(message := self.quiet_recv(), Failure):
            found.append(message)
        self.quiet_set("RCVTIMEO", LONG)
        return found

    def monitor(self, context, events=0xFFFF):
        """Starts a monitor; returns the socket that reads it."""
        where = f"inproc://monitor{self.number}"
        self.log("monitor", self.kit.call("zmq_socket_monitor", self.pointer(), where.encode(),
                                          events))
        reader = context.socket("PAIR")
        self.kit.call("zmq_connect", reader.pointer(), where.encode())
        return Monitor(self.kit, reader)

    def quiet_close(self):
        handle, self.handle = self.handle, None
        return self.kit.call("zmq_close", c.c_void_p(handle))

    def close(self):
        return self.log("close", self.quiet_close())


class Monitor:
    """Reads what a monitor tells."""

    def __init__(self, kit, reader):
        self.kit, self.reader = kit, reader

    def event(self, milliseconds=LONG):
        """(name, value, endpoint), or None."""
        self.reader.quiet_set("RCVTIMEO", milliseconds)
        parts = self.reader.quiet_recv()
        if isinstance(parts, Failure):
            return None
        number = int.from_bytes(parts[0][:2], "little")
        value = int.from_bytes(parts[0][2:6], "little", signed=True)
        names = [n for n, v in NUMBERS.items() if n.startswith("EVENT_") and v == number]
        return names[0][6:] if names else hex(number), value, parts[1].decode()

    def until(self, name):
        """The names of the events up to and with one of this name."""
        seen = []
        while (event := self.event()) is not None:
            seen.append(event[0])
            if event[0] == name:
                break
        else:
            seen.append("nothing more")
        return seen

    def wait(self, name):
        """Waits for an event of this name, others are passed over; returns its value."""
        while (event := self.event()) is not None:
            if event[0] == name:
                return event[1]
        self.kit.write(f"!! no {name} event")
        return None

    def close(self):
        self.reader.quiet_close()


class Msg:
    """A `zmq_msg_t`."""

    def __init__(self, kit, data, size):
        self.kit, self.raw = kit, Message()
        if size is not None:
            kit.call("zmq_msg_init_size", c.byref(self.raw), c.c_size_t(size))
        elif data is None:
            kit.call("zmq_msg_init", c.byref(self.raw))
        else:
            kit.call("zmq_msg_init_size", c.byref(self.raw), c.c_size_t(len(data)))
            c.memmove(kit.call("zmq_msg_data", c.byref(self.raw)), data, len(data))

    def ref(self):
        return c.byref(self.raw)

    def data(self):
        size = self.kit.lib.zmq_msg_size(self.ref())
        return c.string_at(self.kit.lib.zmq_msg_data(self.ref()), size) if size else b""

    def size(self):
        return self.kit.lib.zmq_msg_size(self.ref())

    def more(self):
        return self.kit.lib.zmq_msg_more(self.ref())

    def get(self, name):
        return self.kit.call("zmq_msg_get", self.ref(), constant(name))

    def gets(self, name):
        c.set_errno(0)
        value = self.kit.lib.zmq_msg_gets(self.ref(), name.encode())
        return Failure(error_name(c.get_errno())) if value is None else value

    def recv_quiet(self, opened, flags=0):
        return self.kit.call("zmq_msg_recv", self.ref(), opened.pointer(), flags)

    def recv(self, opened, flags=0):
        return opened.log("msg_recv", self.recv_quiet(opened, flags))

    def send(self, opened, flags=0):
        return opened.log("msg_send", self.kit.call("zmq_msg_send", self.ref(), opened.pointer(),
                                                    flags))

    def close_quiet(self):
        return self.kit.call("zmq_msg_close", self.ref())

    def close(self):
        result = self.close_quiet()
        self.kit.write(f"msg.close -> {result!r}")
        return result
