"""Runs a graph of prompts in LangGraph, each asked of a model by LangChain's own client, and prints what it took as
JSON. The graph is that of `bench-llm`: prompts that wait for nobody, so many at once. Times are from the call that
starts the run to its end: making the graph and imports are left out.

    peers.py memory|sqlite URL COUNT AT_ONCE
"""

import importlib.metadata
import json
import operator
import os
import resource
import sys
import tempfile
import time
from typing import Annotated, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import MemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    answers: Annotated[list, operator.add]


def graph(url, count):
    model = ChatOpenAI(model="x", base_url=url, api_key="none", max_retries=0)
    builder = StateGraph(State)
    for n in range(count):

        def ask(_, n=n):
            return {"answers": [model.invoke(f"Write some words about number {n}.").content]}

        builder.add_node(f"t{n}", ask)
        builder.add_edge(START, f"t{n}")
        builder.add_edge(f"t{n}", END)
    return builder


def run(app, count, at_once):
    config = {"configurable": {"thread_id": "bench"}, "max_concurrency": at_once}
    begun, used = time.perf_counter(), cpu()
    answers = app.invoke({"answers": []}, config)["answers"]
    seconds, cpu_seconds = time.perf_counter() - begun, cpu() - used
    assert len(answers) == count and all(answers), len(answers)
    return seconds, cpu_seconds


def cpu():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def main():
    store, url, count, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    builder = graph(url, count)
    if store == "memory":
        seconds, cpu_seconds = run(builder.compile(checkpointer=MemorySaver()), count, at_once)
    else:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            with SqliteSaver.from_conn_string(os.path.join(folder, "langgraph.db")) as saver:
                seconds, cpu_seconds = run(builder.compile(checkpointer=saver), count, at_once)
    result = {
        "peer": f"langgraph-{store}",
        "version": importlib.metadata.version("langgraph"),
        "prompts": count,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
