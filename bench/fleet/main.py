"""Compares Windlass with other tools on the same test hosts, in turns. `cargo xtask bench fleet` calls it."""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import tempfile
import time

import goals
import measure
import rig as hosts
import tools
import work

MEASURES = ("wall_s", "controller_cpu_s", "hosts_cpu_s")


def main():
    options = arguments()
    group = hosts.controller_group()
    for name in [name for name in options.tools if not tools.there(name, options.venv)]:
        print(f"bench: {name} could not be installed and is left out")
        options.tools.remove(name)
    rows, load = [], os.getloadavg()
    for count in options.hosts:
        rig = hosts.Rig(options.rig, count, options.rtt)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="windlass-bench-"))
        try:
            programs = {"windlass": options.windlass, "venv": options.venv}
            made = {name: tools.TOOLS[name](folder / name, rig, programs) for name in options.tools}
            for name in options.work:
                rows += compare(made, name, rig, group, options)
                print(table([row for row in rows if row["hosts"] == count and row["work"] == name]), flush=True)
        finally:
            measure.empty(group)
            rig.close()
            shutil.rmtree(folder)
    print(goals.table(rows, options.rtt), flush=True)
    if options.save:
        save(options, rows, load)


def compare(made, name, rig, group, options):
    """All tools in turns, round by round: hosts that know nothing of them first, then once more."""
    runs = {tool: {"first": [], "second": []} for tool in made}
    agreed, peak, notes = {}, {}, {}
    for turn in range(options.runs):
        for tool, made_tool in made.items():
            past = runs[tool]["second"]
            if turn and (tool in notes or sum(run["wall_s"] for run in past) > options.patience):
                continue
            rig.reset()
            said = {}
            for phase in phases(name, runs[tool], options.patience):
                row, output = measure.run(made_tool, name, group, sample=turn == 0 and phase == "first")
                if row["status"]:
                    notes[tool] = f"{phase} run ended with {row['status']}: {output[-400:]}"
                    measure.empty(group)
                    break
                peak.setdefault(tool, row.pop("controller_peak_mb", None))
                runs[tool][phase].append(row)
                said[phase] = made_tool.changed(name, output)
                made_tool.after()
                if not made_tool.keeps or phase == "second":
                    measure.empty(group)
            if tool not in agreed and tool not in notes:
                agreed[tool] = {"changed": said, "trees": rig.trees()}
            latest = runs[tool]["second"][-1:] or [{}]
            print(f"  {rig_name(rig)} {name} {tool} {turn + 1}: {latest[0].get('wall_s', notes.get(tool))}", flush=True)
    return [result(tool, name, len(rig.hosts), runs, agreed, peak, notes) for tool in made]


def phases(name, runs, patience):
    """First and second run. Where nothing stays on the hosts, a slow tool's first run counts for both."""
    yield "first"
    if name not in work.STATEFUL and runs["first"] and runs["first"][-1]["wall_s"] > patience:
        runs["second"].append(runs["first"][-1])
    else:
        yield "second"


def rig_name(rig):
    return f"N={len(rig.hosts)}"


def result(tool, name, count, runs, agreed, peak, notes):
    row = {"hosts": count, "work": name, "tool": tool, "controller_peak_mb": peak.get(tool)}
    for phase, past in runs[tool].items():
        row[phase] = {key: statistics.median(run[key] for run in past) for key in MEASURES} if past else None
        row[f"{phase}_runs"] = past
    if tool in notes:
        row["error"] = notes[tool]
    reference = agreed.get(tools.REFERENCE)
    if reference and tool in agreed and tool != tools.REFERENCE:
        row["same_tree"] = agreed[tool]["trees"] == reference["trees"]
        here, there = agreed[tool]["changed"], reference["changed"]
        if all(here.values()):
            row["same_changed"] = all(here[phase] == there[phase] for phase in here.keys() & there.keys())
        if not row["same_tree"]:
            row["tree_differs"] = differs(agreed[tool]["trees"], reference["trees"])
        if row.get("same_changed") is False:
            row["changed"] = {"here": here, "there": there}
    ours = runs.get("windlass", {}).get("second", [])
    if not tool.startswith("windlass") and ours and runs[tool]["second"]:
        pairs = list(zip(runs[tool]["second"], ours))
        row["ratio_wall"] = statistics.median(them["wall_s"] / us["wall_s"] for them, us in pairs)
        row["ratio_cpu"] = statistics.median(both(them) / both(us) for them, us in pairs)
    return row


def both(run):
    return run["controller_cpu_s"] + run["hosts_cpu_s"]


def differs(here, there):
    """The first lines that differ, on the first host that does."""
    host = next(host for host in here if here[host] != there[host])
    one, two = set(here[host].splitlines()), set(there[host].splitlines())
    return {"host": host, "here": sorted(one - two)[:6], "there": sorted(two - one)[:6]}


def table(rows):
    """What a person reads."""
    lines = [
        f"\n{'N':>3} {'work':7} {'tool':13} {'first s':>8} {'second s':>9} {'ctl cpu':>8} {'hosts cpu':>9} {'ctl MB':>7} "
        f"{'x wall':>7} {'x cpu':>7} {'runs':>4}  agrees with {tools.REFERENCE}"
    ]
    for row in rows:
        first, second = row["first"] or {}, row["second"] or {}
        said = [
            f"{row['hosts']:>3} {row['work']:7} {row['tool']:13}", number(first.get("wall_s"), 8), number(second.get("wall_s"), 9),
            number(second.get("controller_cpu_s"), 8), number(second.get("hosts_cpu_s"), 9), number(row["controller_peak_mb"], 7, 0),
            number(row.get("ratio_wall"), 7, 1), number(row.get("ratio_cpu"), 7, 1), f"{len(row['second_runs']):>4} ", agreement(row),
        ]
        lines.append(" ".join(said))
    return "\n".join(lines) + "\n"


def agreement(row):
    if "error" in row:
        return "failed"
    words = {True: "yes", False: "NO", None: "-"}
    if row["tool"] == tools.REFERENCE:
        return ""
    return f"tree {words[row.get('same_tree')]}, changed {words[row.get('same_changed')]}"


def number(value, width, digits=3):
    return f"{'-' if value is None else format(value, f'.{digits}f'):>{width}}"


def save(options, rows, load):
    at = int(time.time())
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    pip = subprocess.run([f"{options.venv}/bin/pip", "list", "--format", "json"], capture_output=True, text=True, check=False)
    peers = {"ansible-core", "mitogen", "pyinfra", "paramiko"}
    said = {
        "bench": "fleet", "time": at, "rtt_ms": options.rtt, "cores": os.cpu_count(), "processor": model[0] if model else platform.machine(),
        "kernel": platform.release(), "load_before": load, "load_after": os.getloadavg(),
        "windlass": subprocess.run([options.windlass, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
        "peers": {one["name"]: one["version"] for one in json.loads(pip.stdout or "[]") if one["name"] in peers},
        "openssh": subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.strip(),
        "python": platform.python_version(), "rows": rows,
    }
    path = options.results / f"fleet-{at}.json"
    path.write_text(json.dumps(said, indent=1) + "\n")
    print(f"written: {path}")


def arguments():
    said = argparse.ArgumentParser(prog="cargo xtask bench fleet", description=__doc__)
    numbers, words = (lambda text: [int(one) for one in text.split(",")]), (lambda text: text.split(","))
    said.add_argument("--hosts", type=numbers, default=[1, 10], help="how many test hosts, as in 1,10,20 (default 1,10)")
    said.add_argument("--work", type=words, default=list(work.WORK), help="which workloads (default ping,cmd10,file10,tmpl10)")
    said.add_argument("--tools", type=words, default=list(tools.TOOLS), help=f"which tools (default {','.join(tools.TOOLS)})")
    said.add_argument("--rtt", type=float, default=0, help="how many milliseconds a round trip to the hosts takes (default 0: none)")
    said.add_argument("--runs", type=int, default=3, help="how many rounds (default 3)")
    said.add_argument("--patience", type=float, default=20, help="a tool whose runs took this long has no further one (default 20 s)")
    said.add_argument("--no-save", dest="save", action="store_false", help="write no results")
    for name in ("windlass", "rig", "venv", "results"):
        said.add_argument(f"--{name}", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    return said.parse_args()


if __name__ == "__main__":
    main()
