"""Runs scenarios on one library: worker.py LIBRARY stock|ours JOBS NAME...

Prints a line of JSON for each scenario as it ends: its name and its transcript. Each runs in a
process forked for it, so that one that crashes or hangs spoils no other.
"""
import ctypes
import importlib
import json
import os
import selectors
import shutil
import signal
import sys
import time

import kit

TOPICS = sorted(name[:-3] for name in os.listdir(os.path.dirname(__file__) or ".")
                if name.startswith("t_") and name.endswith(".py"))


def load():
    for topic in TOPICS:
        importlib.import_module(topic)


def child(name, library, ours, pipe):
    """The forked process: runs one scenario and writes its transcript."""
    def out(text):
        os.write(pipe, (text.replace("\n", "\\n") + "\n").encode())
    run = kit.SCENARIOS[name]
    made = kit.Kit(library, ours, out)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        run(made)
    except Exception as error:  # pylint: disable=broad-except
        import traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        out(f"!! {type(error).__name__}: {error} at {os.path.basename(where.filename)}:"
            f"{where.lineno}")
    finally:
        if made.folder:
            shutil.rmtree(made.folder, ignore_errors=True)
    out("end")
    os._exit(0)


class Running:
    def __init__(self, name, pid, pipe, limit):
        self.name, self.pid, self.pipe, self.data = name, pid, pipe, b""
        self.end = time.monotonic() + limit


def start(name, library, ours):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.setpgid(0, 0)
        child(name, library, ours, writer)
    os.close(writer)
    return Running(name, pid, reader, kit.SCENARIOS[name].limit)


def finish(running, killed):
    if killed:
        os.kill(running.pid, signal.SIGKILL)
    _, status = os.waitpid(running.pid, 0)
    lines = running.data.decode(errors="replace").splitlines()
    if killed:
        lines.append("!! hung")
    elif os.WIFSIGNALED(status):
        lines.append(f"!! killed by {signal.Signals(os.WTERMSIG(status)).name}")
    os.close(running.pipe)
    print(json.dumps({"name": running.name, "lines": lines}), flush=True)


def main():
    path, which, jobs, names = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    library = ctypes.CDLL(path, use_errno=True)
    load()
    waiting, running = list(reversed(names)), []
    selector = selectors.DefaultSelector()
    while waiting or running:
        while waiting and len(running) < jobs:
            one = start(waiting.pop(), library, which == "ours")
            running.append(one)
            selector.register(one.pipe, selectors.EVENT_READ, one)
        for key, _ in selector.select(0.5):
            one = key.data
            data = os.read(one.pipe, 65536)
            one.data += data
            if not data:
                selector.unregister(one.pipe)
                running.remove(one)
                finish(one, False)
        for one in [r for r in running if time.monotonic() > r.end]:
            selector.unregister(one.pipe)
            running.remove(one)
            finish(one, True)


if __name__ == "__main__":
    main()
