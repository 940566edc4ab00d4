"""Runs cells in a Jupyter kernel over tcp and over ipc, with Debian's jupyter_client and ipykernel.

Both processes have to run on the libzmq that is named on the command line. Prints a line for each
check; the last line is `COUNTS passed failed`.
"""
import asyncio
import os
import sys
import time

from jupyter_client import AsyncKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpec

WANTED = os.path.realpath(sys.argv[1])
LIMIT_S = 60
counts = {True: 0, False: 0}


def check(name, passed):
    counts[bool(passed)] += 1
    print("ok    " if passed else "FAILED", name, flush=True)


def runs_on_wanted(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return {line.split()[-1] for line in maps if "libzmq" in line} == {WANTED}


def execute(client, code, **options):
    """The reply, and all that was printed."""
    printed = []

    def hook(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
        elif message["msg_type"] == "execute_result":
            printed.append(message["content"]["data"]["text/plain"])
    reply = client.execute_interactive(code, output_hook=hook, timeout=LIMIT_S, **options)
    return reply["content"], "".join(printed)


def questions(client, transport):
    reply, printed = execute(client, "print(6 * 7)")
    check(f"{transport}: a cell prints", reply["status"] == "ok" and printed == "42\n")
    reply, printed = execute(client, "[n * n for n in range(4)]")
    check(f"{transport}: a cell has a result", printed == "[0, 1, 4, 9]")
    reply, _ = execute(client, "1 / 0")
    check(f"{transport}: a cell fails", reply.get("ename") == "ZeroDivisionError")
    reply, printed = execute(client, "print('x' * 3_000_000)")
    check(f"{transport}: three megabytes", len(printed) == 3_000_001)
    answer = client.complete("impo", reply=True, timeout=LIMIT_S)["content"]
    check(f"{transport}: completion", "import" in answer["matches"])
    answer = client.inspect("print", reply=True, timeout=LIMIT_S)["content"]
    check(f"{transport}: inspection", answer["found"])
    client.allow_stdin = True
    reply, printed = execute(client, "print(input('name? ')[::-1])", allow_stdin=True,
                             stdin_hook=lambda _: client.input("lucy"))
    check(f"{transport}: a cell asks back", printed == "ycul\n")


def interruption(manager, client, transport):
    request = client.execute("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    while client.get_iopub_msg(timeout=LIMIT_S)["msg_type"] != "stream":
        pass
    manager.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=LIMIT_S))["parent_header"]["msg_id"] != request:
        pass
    check(f"{transport}: an interrupt", reply["content"].get("ename") == "KeyboardInterrupt")


async def beside_others(manager):
    """A client on asyncio, with several requests under way."""
    client = AsyncKernelClient(**manager.get_connection_info(session=True))
    client.start_channels()
    await client.wait_for_ready(timeout=LIMIT_S)
    wanted = {client.execute(f"{n} + 1") for n in range(20)}
    while wanted:
        reply = await client.get_shell_msg(timeout=LIMIT_S)
        wanted.discard(reply["parent_header"]["msg_id"])
    client.stop_channels()
    return True


def beats(client):
    end = time.monotonic() + LIMIT_S
    while not client.is_alive() or not client.hb_channel.is_beating():
        if time.monotonic() > end:
            return False
        client.kernel_info(reply=True, timeout=LIMIT_S)
    return True


def kernel(transport):
    manager = KernelManager(transport=transport)
    manager._kernel_spec = KernelSpec(  # pylint: disable=protected-access
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="under test", language="python")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=LIMIT_S)
        _, pid = execute(client, "import os; print(os.getpid())")
        check(f"{transport}: both run on it", runs_on_wanted("self") and runs_on_wanted(int(pid)))
        questions(client, transport)
        interruption(manager, client, transport)
        check(f"{transport}: the heartbeat", beats(client))
        check(f"{transport}: twenty requests on asyncio", asyncio.run(beside_others(manager)))
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=LIMIT_S)
        _, printed = execute(client, "print('again')")
        check(f"{transport}: after a restart", printed == "again\n")
    except Exception as error:  # pylint: disable=broad-except
        check(f"{transport}: {type(error).__name__}: {error}", False)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


for each in ("tcp", "ipc"):
    kernel(each)
print("COUNTS", counts[True], counts[False])
sys.exit(1 if counts[False] else 0)
