"""A long way to the hosts: proxies that hold back whatever passes for half a round trip. `netem` is not in every kernel."""

import asyncio
import ipaddress
import multiprocessing
import pathlib
import signal

# The proxies' addresses: all of 127.0.0.0/8 is this machine.
FIRST = ipaddress.ip_address("127.91.0.1")


class Delay:
    """One proxy for each host, at an address of its own and the same port; in a process of its own, which is not measured."""

    def __init__(self, hosts, milliseconds):
        self.hosts = {name: str(FIRST + place) for place, name in enumerate(hosts)}
        ready = multiprocessing.Event()
        ways = [(self.hosts[name], address) for name, address in hosts.items()]
        self.process = multiprocessing.Process(target=_serve, args=(ways, milliseconds / 2000, ready), daemon=True)
        self.process.start()
        if not ready.wait(30):
            raise SystemExit("bench: the delaying proxies did not start")

    def close(self):
        self.process.terminate()
        self.process.join()


def known_hosts(path, hosts, ways):
    """The hosts' keys under the proxies' addresses."""
    text = pathlib.Path(path).read_text()
    lines = []
    for line in text.splitlines():
        names, _, key = line.partition(" ")
        found = [name for name, address in hosts.items() if address in names.split(",")]
        lines += [f"{ways[name]} {key}" for name in found]
    target = pathlib.Path(path).with_name("known_hosts_delayed")
    target.write_text("\n".join(lines) + "\n")
    return str(target)


def _serve(ways, half, ready):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_run(ways, half, ready))


async def _run(ways, half, ready):
    servers = [await asyncio.start_server(_way(address, half), at, 22) for at, address in ways]
    ready.set()
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _way(address, half):
    async def connected(reader, writer):
        # Connecting is a round trip of its own, which the local connection to the proxy was not.
        await asyncio.sleep(2 * half)
        try:
            inner, outer = await asyncio.open_connection(address, 22)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass(reader, outer, half), _pass(inner, writer, half))
    return connected


async def _pass(reader, writer, half):
    """Passes on what comes, each piece after its time, and as many under way as there are."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while True:
            at, data = await queue.get()
            await asyncio.sleep(at - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    async def take():
        data = b"-"
        while data:
            try:
                data = await reader.read(1 << 16)
            except OSError:
                data = b""
            queue.put_nowait((loop.time() + half, data))

    try:
        await asyncio.gather(take(), deliver())
    except OSError:
        writer.close()
