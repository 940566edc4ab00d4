"""CURVE by hand, for peers that break its rules: RFC 26. The cryptography is libsodium's, which the
stock library needs as well."""
import ctypes as c
import os
import struct

SODIUM = None


def sodium():
    global SODIUM
    if SODIUM is None:
        SODIUM = c.CDLL("libsodium.so.23")
        assert SODIUM.sodium_init() >= 0
    return SODIUM


def pair():
    """A public and a secret key, 32 bytes each."""
    public, secret = c.create_string_buffer(32), c.create_string_buffer(32)
    sodium().crypto_box_keypair(public, secret)
    return public.raw, secret.raw


def box(text, nonce, public, secret):
    out = c.create_string_buffer(len(text) + 16)
    sodium().crypto_box_easy(out, text, c.c_ulonglong(len(text)), nonce, public, secret)
    return out.raw


def unbox(data, nonce, public, secret):
    out = c.create_string_buffer(max(1, len(data) - 16))
    failed = sodium().crypto_box_open_easy(out, data, c.c_ulonglong(len(data)), nonce, public,
                                           secret)
    assert failed == 0, "the box does not open"
    return out.raw[:len(data) - 16]


def metadata(**properties):
    body = b""
    for name, value in properties.items():
        key = name.replace("_", "-").encode()
        body += bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
    return body


class Client:
    """The client's side of one connection. Each step returns the command's body."""

    def __init__(self, server_key):
        self.server = server_key
        self.public, self.secret = pair()
        self.short_public, self.short_secret = pair()
        self.nonce = 0
        self.short_server = self.cookie = None

    def next(self, step=1):
        self.nonce += step
        return struct.pack(">Q", self.nonce)

    def hello(self, version=b"\1\0", text=bytes(64), step=1):
        nonce = self.next(step)
        sealed = box(text, b"CurveZMQHELLO---" + nonce, self.server, self.short_secret)
        return b"\5HELLO" + version + bytes(72) + self.short_public + nonce + sealed

    def welcome(self, body):
        assert body[:8] == b"\7WELCOME" and len(body) == 168
        text = unbox(body[24:], b"WELCOME-" + body[8:24], self.server, self.short_secret)
        self.short_server, self.cookie = text[:32], text[32:]

    def initiate(self, properties, step=1, vouched=None, server=None, cookie=None, public=None):
        long_nonce = os.urandom(16)
        vouch = box((vouched or self.short_public) + (server or self.server),
                    b"VOUCH---" + long_nonce, self.short_server, self.secret)
        nonce = self.next(step)
        text = (public or self.public) + long_nonce + vouch + properties
        sealed = box(text, b"CurveZMQINITIATE" + nonce, self.short_server, self.short_secret)
        return b"\x08INITIATE" + (cookie or self.cookie) + nonce + sealed

    def message(self, text, flags=0, step=1):
        nonce = self.next(step)
        sealed = box(bytes([flags]) + text, b"CurveZMQMESSAGEC" + nonce, self.short_server,
                     self.short_secret)
        return b"\7MESSAGE" + nonce + sealed


class Server:
    """The server's side of one connection."""

    def __init__(self, public, secret):
        self.public, self.secret = public, secret
        self.short_public, self.short_secret = pair()
        self.client = None
        self.nonce = 0

    def hello(self, body):
        assert body[:6] == b"\5HELLO" and len(body) == 200
        self.client = body[80:112]
        nonce, sealed = body[112:120], body[120:]
        assert unbox(sealed, b"CurveZMQHELLO---" + nonce, self.client, self.secret) == bytes(64)

    def welcome(self, cookie=None):
        nonce = os.urandom(16)
        text = self.short_public + (cookie or os.urandom(96))
        return b"\7WELCOME" + nonce + box(text, b"WELCOME-" + nonce, self.client, self.secret)

    def ready(self, properties, step=1):
        self.nonce += step
        nonce = struct.pack(">Q", self.nonce)
        return b"\5READY" + nonce + box(properties, b"CurveZMQREADY---" + nonce, self.client,
                                        self.short_secret)
