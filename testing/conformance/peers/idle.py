"""An idle DEALER of pyzmq's asyncio, connected and writable, with a message that nobody reads: no
thread of the process wakes up.

The process has to run on the libzmq that is named on the command line. The last line is
`COUNTS passed failed`.
"""
import asyncio
import os
import selectors
import sys

import zmq
import zmq.asyncio

WANTED = os.path.realpath(sys.argv[1])
# What the timers of the loop and of the garbage collector may need in a second.
FEW = 10
counts = {True: 0, False: 0}


def check(name, passed):
    counts[bool(passed)] += 1
    print("ok    " if passed else "FAILED", name, flush=True)


class Counting(selectors.DefaultSelector):
    """A selector that counts how often it returned."""

    returned = 0

    def select(self, timeout=None):
        found = super().select(timeout)
        self.returned += 1
        return found


def wake_ups():
    """How often the threads of the process have been put to sleep so far."""
    switches = 0
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/status", encoding="ascii") as status:
            switches += sum(int(line.split()[1]) for line in status
                            if line.startswith("voluntary_ctxt_switches"))
    return switches


async def idle(selector, transport):
    context = zmq.asyncio.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.bind(transport)
    dealer.connect(router.last_endpoint)
    await dealer.send(b"hello")
    name, _ = await router.recv_multipart()
    for message in (b"first", b"second", b"third"):
        await router.send_multipart([name, message])
    # The first is read; the others have come, and nobody asks for them.
    check(f"{transport}: it receives", await dealer.recv() == b"first")
    await dealer.poll()
    before, switches = selector.returned, wake_ups()
    await asyncio.sleep(1)
    returned, switches = selector.returned - before, wake_ups() - switches
    check(f"{transport}: the loop came round {returned} times in a second", returned <= FEW)
    check(f"{transport}: its threads slept {switches} times in a second", switches <= FEW)
    # Nothing was lost by it.
    events = dealer.get(zmq.EVENTS)
    check(f"{transport}: it is readable and writable", events == zmq.POLLIN | zmq.POLLOUT)
    check(f"{transport}: it goes on", [await dealer.recv(), await dealer.recv()]
          == [b"second", b"third"])
    waiting = asyncio.ensure_future(dealer.recv())
    await asyncio.sleep(0.1)
    await router.send_multipart([name, b"fourth"])
    check(f"{transport}: it is woken", await asyncio.wait_for(waiting, 60) == b"fourth")
    router.close(0)
    dealer.close(0)
    context.term()


def main():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        used = {line.split()[-1] for line in maps if "libzmq" in line}
    check("it runs on the library", used == {WANTED})
    for transport in ("tcp://127.0.0.1:*", "ipc://*", "inproc://idle"):
        selector = Counting()
        loop = asyncio.SelectorEventLoop(selector)
        asyncio.set_event_loop(loop)
        loop.run_until_complete(idle(selector, transport))
        loop.close()
    print("COUNTS", counts[True], counts[False])


main()
