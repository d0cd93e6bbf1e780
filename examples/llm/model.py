#!/usr/bin/env python3
"""Stands in for a language model, so that these examples cost nothing and always say the same.

It reads a request as JSON and writes a reply as JSON, as any program can that is a provider with `kind: command`.
"""
import json
import re
import sys

request = json.load(sys.stdin)
parts = [part for message in request["messages"] for part in message["parts"]]
words = "\n".join(part.get("text") or part.get("content") or "" for part in parts)
drafts = [int(number) for number in re.findall(r"Draft (\d+)", words)]
results = [part for part in parts if part["type"] == "tool_result"]
reply = {"usage": {"input": len(words) // 4, "output": 20}}

if request.get("tools") and not results:
    tool = request["tools"][0]["name"]
    reply["parts"] = [{"type": "tool_call", "id": "1", "name": tool, "input": {"path": "release.yaml"}}]
    reply["stop"] = "tool_use"
elif request.get("schema"):
    score = min(100, 75 + 10 * max(drafts, default=0))
    reply["text"] = json.dumps({"score": score, "why": "it says what changed" if score >= 95 else "it is too short"})
elif results:
    reply["text"] = "The file has " + results[-1]["content"].split()[0] + " lines."
else:
    lines = [line for line in words.splitlines() if line.strip()]
    reply["text"] = "Release notes: " + lines[-1].removeprefix("Release notes: ").strip()

print(json.dumps(reply))
