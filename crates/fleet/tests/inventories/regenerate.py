#!/usr/bin/env python3
"""Writes what ansible-core says of the inventories beside this file.

    python3 crates/fleet/tests/inventories/regenerate.py [CASE…]

Needs `ansible-inventory` of ansible-core on the PATH. Each case of cases.json gets a file in expected/ with
the output of --list, --graph and --graph --vars, and with the hosts that each pattern means.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Runs in the interpreter of ansible-inventory; one process answers all patterns of a case.
PATTERNS = """
import json, sys
from ansible.parsing.dataloader import DataLoader
from ansible.inventory.manager import InventoryManager
from ansible.errors import AnsibleError
from ansible.utils.path import unfrackpath
sources, patterns = json.load(sys.stdin)
sources = [s if "," in s else unfrackpath(s, follow=False) for s in sources]
answers = []
for pattern in patterns:
    pattern, limit = pattern if isinstance(pattern, list) else (pattern, None)
    inventory = InventoryManager(loader=DataLoader(), sources=sources)
    try:
        inventory.subset(limit)
        hosts = [host.name for host in inventory.get_hosts(pattern)]
        answers.append({"pattern": pattern, "limit": limit, "hosts": hosts})
    except Exception as error:
        answers.append({"pattern": pattern, "limit": limit, "error": type(error).__name__})
json.dump(answers, sys.stdout)
"""


def environment():
    env = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return {**env, "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"), "LC_ALL": "C.UTF-8"}


def run(command, folder, **more):
    return subprocess.run(
        command, cwd=folder, env=environment(), check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, encoding="utf-8", **more,
    ).stdout


def expected(case, program, python):
    folder = HERE / case["name"]
    named = [word for source in case["sources"] for word in ("-i", source)]
    asked = json.dumps([case["sources"], case.get("patterns", [])])
    return {
        "list": json.loads(run([program, *named, "--list"], folder)),
        "graph": run([program, *named, "--graph"], folder),
        "graph_vars": run([program, *named, "--graph", "--vars"], folder),
        "patterns": json.loads(run([python, "-c", PATTERNS], folder, input=asked)),
    }


def main():
    program = shutil.which("ansible-inventory")
    if not program:
        sys.exit("ansible-inventory is not on the PATH")
    python = re.match(r"#!\s*(\S+)", pathlib.Path(program).read_text().splitlines()[0]).group(1)
    version = run([program, "--version"], HERE).splitlines()[0]
    for case in json.loads((HERE / "cases.json").read_text()):
        if sys.argv[1:] and case["name"] not in sys.argv[1:]:
            continue
        answer = {"ansible": version, **expected(case, program, python)}
        text = json.dumps(answer, indent=1, ensure_ascii=False, sort_keys=True)
        (HERE / "expected").mkdir(exist_ok=True)
        (HERE / "expected" / (case["name"] + ".json")).write_text(text + "\n")
        print(case["name"])


main()
