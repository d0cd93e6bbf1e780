"""Runs one graph of steps that do nothing in one of the peers, and prints what it took as JSON.

`peers.py PEER SHAPE STEPS` runs one; `peers.py serve prefect` is the server that Prefect needs, whose address is in
PREFECT_API_URL for its graphs. The graphs are those of `bench-engine`: `fan` (one, then all others, then one), `layered` (twenty layers, each step
needs up to three of the layer before) and `chain`. Times are from the call that starts the run to its end: making
the graph, importing libraries and starting servers is left out.
"""

import asyncio
import importlib.metadata
import json
import operator
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

LAYERS = 20

# How long Prefect's server may take to answer, in seconds.
SERVER_START = 150


def needs(shape, steps):
    """For each step, the steps that it needs."""
    if shape == "chain":
        return [[n - 1] if n else [] for n in range(steps)]
    if shape == "fan":
        width = max(steps - 2, 1)
        return [[]] + [[0] for _ in range(width)] + [list(range(1, width + 1))]
    width = max(steps // LAYERS, 1)

    def above(n):
        layer, place = divmod(n, width)
        return [] if layer == 0 else sorted({(layer - 1) * width + (place + shift) % width for shift in (0, 1, 7)})

    return [above(n) for n in range(width * LAYERS)]


def levels(graph):
    """The steps in groups: each needs only steps of groups before it. What a peer without a graph is given."""
    depth = []
    for wanted in graph:
        depth.append(1 + max((depth[n] for n in wanted), default=-1))
    groups = [[] for _ in range(max(depth) + 1)]
    for n, level in enumerate(depth):
        groups[level].append(n)
    return groups


def timed(run):
    """Seconds by the clock and of the processor, children that ended included."""

    def cpu():
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    begun, used = time.perf_counter(), cpu()
    run()
    return time.perf_counter() - begun, cpu() - used


def langgraph(graph, folder, durable):
    from typing import Annotated, TypedDict

    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        done: Annotated[int, operator.add]

    def step(_):
        return {"done": 1}

    builder = StateGraph(State)
    for n, wanted in enumerate(graph):
        builder.add_node(f"s{n}", step)
        if wanted:
            builder.add_edge([f"s{need}" for need in wanted], f"s{n}")
        else:
            builder.add_edge(START, f"s{n}")
    last = set(range(len(graph))) - {need for wanted in graph for need in wanted}
    for n in last:
        builder.add_edge(f"s{n}", END)
    config = {"configurable": {"thread_id": "bench"}, "recursion_limit": len(graph) + 10}

    def run(saver):
        app = builder.compile(checkpointer=saver)
        took = timed(lambda: result.append(app.invoke({"done": 0}, config)))
        assert result[-1]["done"] == len(graph), result
        return took

    result = []
    if not durable:
        from langgraph.checkpoint.memory import MemorySaver

        return run(MemorySaver())
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(os.path.join(folder, "langgraph.db")) as saver:
        return run(saver)


def dbos(graph, folder):
    from dbos import DBOS

    url = "sqlite:///" + os.path.join(folder, "dbos.db")
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False})
    done = []

    @DBOS.step()
    async def step(n):
        done.append(n)
        return n

    @DBOS.workflow()
    async def flow():
        for group in levels(graph):
            await asyncio.gather(*(step(n) for n in group))
        return len(done)

    DBOS.launch()
    try:
        took = timed(lambda: asyncio.run(flow()))
        assert sorted(done) == list(range(len(graph))), len(done)
        return took
    finally:
        DBOS.destroy()


def prefect(graph, folder):
    os.environ.update(PREFECT_HOME=folder, PREFECT_LOGGING_LEVEL="CRITICAL", DO_NOT_TRACK="1")
    from prefect import flow, task

    done = []

    @task
    def step(n):
        done.append(n)
        return n

    @flow
    def warm():
        return 0

    @flow
    def run():
        futures = {}
        for n, wanted in enumerate(graph):
            futures[n] = step.submit(n, wait_for=[futures[need] for need in wanted])
        for future in futures.values():
            future.result()

    # The first flow makes the connection to the server.
    warm()
    took = timed(run)
    assert sorted(done) == list(range(len(graph))), len(done)
    return took


def serve_prefect(folder):
    """Starts Prefect's server, says where it is once it answers, and waits for the end of standard input."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}/api"
    env = dict(os.environ, PREFECT_HOME=folder, PREFECT_SERVER_ANALYTICS_ENABLED="false", DO_NOT_TRACK="1")
    app = ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", port]
    call = [sys.executable, "-m", "uvicorn", *app, "--log-level", "error"]
    server = subprocess.Popen(call, env=env, stdout=sys.stderr)
    deadline = time.monotonic() + SERVER_START
    try:
        while not answers(f"{url}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the server does not answer (it returned {server.poll()})")
            time.sleep(0.2)
        print(url, flush=True)
        sys.stdin.read()
    finally:
        server.terminate()
        server.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PEERS = {
    "langgraph-memory": ("langgraph", lambda graph, folder: langgraph(graph, folder, False)),
    "langgraph-sqlite": ("langgraph", lambda graph, folder: langgraph(graph, folder, True)),
    "dbos-sqlite": ("dbos", dbos),
    "prefect": ("prefect", prefect),
}


def main():
    if sys.argv[1:] == ["serve", "prefect"]:
        return serve_prefect(os.getcwd())
    peer, shape, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    package, run = PEERS[peer]
    graph = needs(shape, steps)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        seconds, cpu = run(graph, os.path.abspath(folder))
    print(
        json.dumps(
            {
                "peer": peer,
                "shape": shape,
                "version": importlib.metadata.version(package),
                "steps": len(graph),
                "seconds": seconds,
                "cpu_seconds": cpu,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
