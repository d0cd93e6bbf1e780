"""One run of one tool: wall, processor time of both sides, and the controller's peak memory."""

import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

# How long a run may take, in seconds.
PATIENCE = 400
# How often memory is looked at, in seconds.
LOOK = 0.02


def run(tool, name, group, sample):
    """Runs a tool in its own control group, so that every process it starts counts, also those it leaves."""
    env = dict(tool.env, BENCH_GROUP=str(group))
    enter = 'echo $$ >"$BENCH_GROUP/cgroup.procs"; unset BENCH_GROUP; exec "$@"'
    stop, peak = threading.Event(), [0]
    sampler = threading.Thread(target=_sample, args=(group, stop, peak))
    with tempfile.TemporaryFile() as said:
        controller, hosts, begun = seconds(group), seconds(tool.rig.groups), time.perf_counter()
        process = subprocess.Popen(
            ["sh", "-c", enter, "sh", *tool.command(name)], cwd=tool.folder, env=env,
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        )
        if sample:
            sampler.start()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        wall = time.perf_counter() - begun
        row = {
            "wall_s": wall,
            "controller_cpu_s": seconds(group) - controller,
            "hosts_cpu_s": seconds(tool.rig.groups) - hosts,
            "status": process.returncode,
        }
        stop.set()
        if sample:
            sampler.join()
            row["controller_peak_mb"] = peak[0] / 1e6
        said.seek(0)
        output = said.read().decode(errors="replace")
    return {key: round(value, 4) for key, value in row.items()}, output


def empty(group):
    """Ends what a tool left behind in its group."""
    for _ in range(100):
        pids = (group / "cgroup.procs").read_text().split()
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def seconds(group):
    """The processor time of a group and all below, of processes that are gone too."""
    first = (group / "cpu.stat").read_text().split("\n", 1)[0]
    return int(first.split()[1]) / 1e6


def _sample(group, stop, peak):
    while True:
        peak[0] = max(peak[0], sum(map(_share, (group / "cgroup.procs").read_text().split())))
        if stop.wait(LOOK):
            return


def _share(pid):
    """What a process holds, shared pages by their share."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0

