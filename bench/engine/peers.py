"""Runs one graph of steps that do nothing in one of the peers, and prints what it took as JSON.

The graphs are those of `bench-engine`: `fan` (one, then all others, then one), `layered` (twenty layers, each step
needs up to three of the layer before) and `chain`. Times are from the call that starts the run to its end: making
the graph, importing libraries and starting servers is left out.
"""

import asyncio
import importlib.metadata
import json
import operator
import os
import resource
import sys
import tempfile
import time

LAYERS = 20


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
    os.environ.update(
        PREFECT_HOME=folder,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="300",
        PREFECT_LOGGING_LEVEL="CRITICAL",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
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

    # The server starts with the first flow.
    warm()
    took = timed(run)
    assert sorted(done) == list(range(len(graph))), len(done)
    return took


PEERS = {
    "langgraph-memory": ("langgraph", lambda graph, folder: langgraph(graph, folder, False)),
    "langgraph-sqlite": ("langgraph", lambda graph, folder: langgraph(graph, folder, True)),
    "dbos-sqlite": ("dbos", dbos),
    "prefect": ("prefect", prefect),
}


def main():
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
