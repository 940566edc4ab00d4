"""Stock clients (REQ) or services (REP), told what to do one line at a time; each is answered.

    services ROLE NAME=ENDPOINT ...              a REP and a thread for each; ROLE: bind or connect
    clients ROLE PATIENCE COUNT NAME=ENDPOINT .. a REQ and a thread for each, which asks COUNT times;
                                                 PATIENCE: strict, or retry (relaxed, correlated)
    met        waits until the handshake of each socket's first peer is over
    first      waits for the first reply
    done       waits until every client has all replies: RETRIES SERVICE=REPLIES ...
    handled N  waits until the services have received N requests

A request is NAME and NUMBER, a reply SERVICE, NAME and NUMBER, in parts.
"""
import sys
import threading

import zmq
from zmq.utils.monitor import recv_monitor_message

# Milliseconds after which a strict client gives up, and after which a patient one asks again.
GIVE_UP = 20000
ASK_AGAIN = 250


class Peers:
    def __init__(self):
        self.context = zmq.Context()
        self.sockets = []
        self.monitors = []
        self.threads = []
        self.changed = threading.Condition()
        self.received = 0
        self.retries = 0
        self.replies = {}
        self.error = None

    def open(self, kind, role, endpoint, options):
        socket = self.context.socket(kind)
        socket.linger = 0
        for option, value in options:
            socket.setsockopt(option, value)
        self.monitors.append(socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED))
        getattr(socket, role)(endpoint)
        self.sockets.append(socket)
        return socket

    def start(self, kind, role, pairs, options, run, *more):
        opened = []
        for pair in pairs:
            name, endpoint = pair.split("=", 1)
            opened.append((name.encode(), self.open(kind, role, endpoint, options)))
        where = [socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
                 for _, socket in opened]
        for name, socket in opened:
            thread = threading.Thread(target=self.guard, args=(run, name, socket, *more),
                                      daemon=True)
            self.threads.append(thread)
            thread.start()
        return " ".join(where)

    def guard(self, run, *arguments):
        try:
            run(*arguments)
        except Exception as error:
            with self.changed:
                self.error = self.error or "%r, %r" % (arguments[0], error)
                self.changed.notify_all()

    def service(self, name, socket):
        while True:
            request = socket.recv_multipart()
            with self.changed:
                self.received += 1
                self.changed.notify_all()
            socket.send_multipart([name] + request)

    def client(self, name, socket, count, patient):
        for number in range(count):
            request = [name, b"%d" % number]
            while True:
                try:
                    socket.send_multipart(request)
                    reply = socket.recv_multipart()
                    break
                except zmq.Again:
                    if not patient:
                        raise ValueError("no reply to %d" % number)
                    with self.changed:
                        self.retries += 1
            if reply[1:] != request:
                raise ValueError("%r asked, got %r" % (request, reply))
            with self.changed:
                service = reply[0].decode()
                self.replies[service] = self.replies.get(service, 0) + 1
                self.changed.notify_all()

    def wait(self, condition):
        with self.changed:
            self.changed.wait_for(lambda: self.error or condition())
            if self.error:
                raise ValueError(self.error)

    def obey(self, word, rest):
        if word == "services":
            return self.start(zmq.REP, rest[0], rest[1:], [], self.service)
        if word == "clients":
            role, patience, count, *pairs = rest
            patient = patience == "retry"
            options = [(zmq.RCVTIMEO, ASK_AGAIN if patient else GIVE_UP)]
            if patient:
                options += [(zmq.REQ_RELAXED, 1), (zmq.REQ_CORRELATE, 1),
                            (zmq.SNDTIMEO, ASK_AGAIN)]
            return self.start(zmq.REQ, role, pairs, options, self.client, int(count), patient)
        if word == "met":
            for monitor in self.monitors:
                recv_monitor_message(monitor)
        elif word == "first":
            self.wait(lambda: self.replies)
        elif word == "handled":
            self.wait(lambda: self.received >= int(rest[0]))
        elif word == "done":
            for thread in self.threads:
                thread.join()
            self.wait(lambda: True)
            counts = ["%s=%d" % pair for pair in sorted(self.replies.items())]
            return " ".join([str(self.retries)] + counts)
        else:
            raise ValueError("unknown word")
        return ""


def main():
    peers = Peers()
    print("ok", zmq.zmq_version(), flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            answer = "ok " + peers.obey(word, rest)
        except Exception as error:
            answer = "error in %s: %r" % (word, error)
        print(answer, flush=True)


main()
