"""What is wanted of Windlass over hosts, beside what was measured."""

# Each tool's wall and processor time over those of Windlass, both at least: twenty hosts, ten files, nothing to change.
RATIOS = {"ansible": 150, "mitogen": 30, "pyinfra": 9, "ssh-mux": 6, "ssh-shell": 3}


def table(rows, rtt):
    """Those goals that these rows say something of."""
    lines = [f"{'goal':62} {'wanted':>10} {'measured':>10}"]
    for name, wanted, measured, met in list(_near(rows)) if not rtt else list(_far(rows, rtt)):
        lines.append(f"{name:62} {wanted:>10} {measured:>10}  {'met' if met else 'missed'}")
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""


def _near(rows):
    for tool, wanted in RATIOS.items():
        row = _row(rows, tool, 20)
        for measure in ("wall", "cpu"):
            if row and f"ratio_{measure}" in row:
                ratio = row[f"ratio_{measure}"]
                yield f"20 hosts, 10 files, {tool} / windlass, {measure}", f">= {wanted}x", f"{ratio:.1f}x", ratio >= wanted
    kept = _second(rows, "windlass-kept", 20)
    if kept:
        yield "20 hosts, 10 files, connections kept", "<= 60 ms", f"{kept * 1000:.0f} ms", kept <= 0.06
    row = _row(rows, "windlass", 20)
    if row and row["controller_peak_mb"]:
        peak = row["controller_peak_mb"]
        yield "20 hosts, peak memory here", "<= 30 MB", f"{peak:.1f} MB", peak <= 30


def _far(rows, rtt):
    cold, kept = _second(rows, "windlass", 5), _second(rows, "windlass-kept", 5)
    if cold and rtt == 40:
        yield "5 hosts, 10 files, cold", "<= 0.6 s", f"{cold:.2f} s", cold <= 0.6
    if kept:
        trips = kept * 1000 / rtt
        yield "5 hosts, 10 files, connections kept, in round trips", "<= 3", f"{trips:.1f}", trips <= 3


def _row(rows, tool, hosts):
    found = [row for row in rows if (row["tool"], row["hosts"], row["work"]) == (tool, hosts, "file10")]
    return found[0] if found else None


def _second(rows, tool, hosts):
    row = _row(rows, tool, hosts)
    return row["second"]["wall_s"] if row and row["second"] else None
