"""A stock peer of a durable socket: one socket, told what to do one line at a time.

    ENDPOINT SIDE TYPE HWM HISTORY NAME    arguments of the program; SIDE: bind or connect; a SUB
                                           subscribes by the NAME, unless it is -
    start PAUSE  receives with a pause before each, and writes `got LANE N` for each message, at once (PULL, SUB)
    send COUNT   sends COUNT messages of lane 0 and writes `send`, `sent` (PUSH)
    cuts         how many connections have ended
    idle N       waits until N messages were received, answers how many were
"""
import sys
import threading
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

endpoint, side, kind, hwm, path, name = sys.argv[1:7]
history = open(path, "a", buffering=1)
history.write("begin\n")
context = zmq.Context()
socket = context.socket(getattr(zmq, kind))
socket.rcvhwm = socket.sndhwm = int(hwm)
socket.reconnect_ivl = 5
socket.linger = -1
monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
if kind == "SUB":
    if name != "-":
        socket.subscribe(b"\0durable\0name=" + name.encode())
    socket.subscribe(b"")
getattr(socket, side)(endpoint)

received = 0
changed = threading.Condition()


def receive(pause):
    global received
    while True:
        if pause:
            time.sleep(pause)
        parts = socket.recv_multipart()
        lane, number = parts[0].split(b"\n", 1)[0].split(b" ")
        history.write("got %d %d\n" % (int(lane), int(number)))
        with changed:
            received += 1
            changed.notify_all()


def main():
    print("up", flush=True)
    cuts = 0
    for line in sys.stdin:
        words = line.split()
        answer = "ok"
        if words[0] == "start":
            threading.Thread(target=receive, args=(float(words[1]),), daemon=True).start()
        elif words[0] == "send":
            for number in range(1, int(words[1]) + 1):
                history.write("send 0 %d\n" % number)
                socket.send(b"0 %d\n" % number)
                history.write("sent 0 %d %d\n" % (number, time.time() * 1e6))
        elif words[0] == "cuts":
            while monitor.poll(0):
                recv_monitor_message(monitor)
                cuts += 1
            answer = "ok %d" % cuts
        elif words[0] == "idle":
            with changed:
                changed.wait_for(lambda: received >= int(words[1]), 30)
                answer = "ok %d" % received
        print(answer, flush=True)


main()
# Nothing that is queued is worth waiting for.
import os
os._exit(0)
