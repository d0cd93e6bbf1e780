"""A thousand simulated hosts: connects to each and runs one module. `cargo xtask bench swarm` calls it."""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import tempfile
import time


def main():
    options = arguments()
    rows, load = [], os.getloadavg()
    for hosts in options.hosts:
        with tempfile.TemporaryDirectory(prefix="windlass-bench-") as folder:
            rows += measure(pathlib.Path(folder), hosts, options)
    if options.save:
        save(options, rows, load)


def measure(folder, hosts, options):
    swarm = subprocess.Popen([options.swarm, str(hosts)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lines = []
    # The inventory is the program's only output, and its last line names the hosts' keys.
    for line in swarm.stdout:
        lines.append(line)
        if "UserKnownHostsFile" in line:
            break
    (folder / "hosts.ini").write_text("".join(lines))
    rows = []
    for turn in range(options.runs):
        for chunk in options.chunk:
            row = {"hosts": hosts, "chunk": chunk, **run(folder, chunk, swarm.pid, options)}
            rows.append(row)
            print(
                f"N={hosts} chunk={chunk} {turn + 1}: {row['wall_s']:.2f} s, controller {row['controller_cpu_s']:.2f} s of "
                f"processor time and {row['controller_peak_mb']:.0f} MB, hosts {row['hosts_cpu_s']:.2f} s and "
                f"{row['hosts_peak_mb']:.0f} MB, {row['answers']} answers", flush=True,
            )
    swarm.stdin.close()
    swarm.wait()
    return rows


def run(folder, chunk, swarm, options):
    """One run of the program, in a home of its own."""
    env = {"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    before, begun = cpu(swarm), time.perf_counter()
    command = [options.windlass, "exec", "-i", "hosts.ini", "--chunk", str(chunk), "all", "ping"]
    with open(folder / "said", "w+") as said:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"bench: the run ended with {process.returncode}:\n{text[-2000:]}")
    row = {
        "wall_s": wall, "controller_cpu_s": used.ru_utime + used.ru_stime, "controller_peak_mb": used.ru_maxrss * 1024 / 1e6,
        "hosts_cpu_s": cpu(swarm) - before, "hosts_peak_mb": peak(swarm),
    }
    return {**{key: round(value, 4) for key, value in row.items()}, "answers": text.count("SUCCESS")}


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def save(options, rows, load):
    at = int(time.time())
    said = {
        "bench": "swarm", "time": at, "cores": os.cpu_count(), "kernel": platform.release(), "load_before": load,
        "load_after": os.getloadavg(), "rows": rows,
        "windlass": subprocess.run([options.windlass, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
    }
    path = options.results / f"swarm-{at}.json"
    path.write_text(json.dumps(said, indent=1) + "\n")
    print(f"written: {path}")


def arguments():
    said = argparse.ArgumentParser(prog="cargo xtask bench swarm", description=__doc__)
    numbers = lambda text: [int(one) for one in text.split(",")]
    said.add_argument("--hosts", type=numbers, default=[1000], help="how many hosts, as in 100,1000 (default 1000)")
    said.add_argument("--chunk", type=numbers, default=[10, 100], help="how many of them at once (default 10,100)")
    said.add_argument("--runs", type=int, default=3, help="how many rounds (default 3)")
    said.add_argument("--no-save", dest="save", action="store_false", help="write no results")
    for name in ("windlass", "swarm", "results"):
        said.add_argument(f"--{name}", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    return said.parse_args()


if __name__ == "__main__":
    main()
