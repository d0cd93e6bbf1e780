"""The test hosts: brought up by the `rig` program, looked at and set back over OpenSSH, past all measuring."""

import concurrent.futures
import pathlib
import re
import subprocess

import delay
import work


class Rig:
    """N test hosts, for as long as this object is open; tools reach them over a long way if there is a delay."""

    def __init__(self, program, count, rtt=0):
        self.delay = None
        self.process = subprocess.Popen([program, "up", str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        lines = []
        # The inventory is the program's only output, and its last line names the hosts' keys.
        for line in self.process.stdout:
            lines.append(line)
            if "UserKnownHostsFile" in line:
                break
        self.inventory = "".join(lines)
        self.hosts = dict(re.findall(r"^(h\d+) ansible_host=(\S+)", self.inventory, re.M))
        if len(self.hosts) != count:
            raise SystemExit("bench: there are no test hosts; what the rig said is above")
        self.key = re.search(r"private_key_file=(\S+)", self.inventory)[1]
        self.known_hosts = re.search(r"UserKnownHostsFile=(\S+)", self.inventory)[1]
        self.real, self.real_known = self.hosts, self.known_hosts
        if rtt:
            self.delay = delay.Delay(self.hosts, rtt)
            self.hosts = self.delay.hosts
            self.known_hosts = delay.known_hosts(self.known_hosts, self.real, self.hosts)
            self.inventory = self.inventory.replace(f"={self.real_known}", f"={self.known_hosts}")
            for name, address in self.real.items():
                self.inventory = re.sub(rf"^{name} ansible_host=\S+", f"{name} ansible_host={self.hosts[name]}", self.inventory, flags=re.M)
        self.groups = _groups() / f"wlrig{pathlib.Path(self.key).parent.name}"

    def close(self):
        if self.delay:
            self.delay.close()
        self.process.stdin.close()
        self.process.wait()

    def ssh_config(self):
        blocks = [f"Host {name}\n  HostName {address}\n" for name, address in self.hosts.items()]
        common = [
            "Host *", "User root", f"IdentityFile {self.key}", "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.known_hosts}", "StrictHostKeyChecking yes", "LogLevel ERROR",
        ]
        return "".join(blocks) + "\n  ".join(common) + "\n"

    def each(self, script):
        """What a script says on each host."""
        def one(address):
            options = [f"UserKnownHostsFile={self.real_known}", "StrictHostKeyChecking=yes", "LogLevel=ERROR"]
            words = ["ssh", "-i", self.key, *(word for option in options for word in ("-o", option)), f"root@{address}", script]
            return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return dict(zip(self.hosts, pool.map(one, self.real.values())))

    def reset(self):
        """Takes away what tools left: the tree, and what they keep of themselves."""
        self.each(f"rm -rf {work.ROOT} ~/.cache/windlass ~/.ansible")

    def trees(self):
        """Every path of the tree with kind, mode, owner, target and content."""
        look = (
            f"[ -e {work.ROOT} ] || exit 0; cd {work.ROOT}; find . -printf '%p %y %m %U:%G %l\\n' | LC_ALL=C sort; "
            "find . -type f -exec sha256sum {} + | LC_ALL=C sort"
        )
        return self.each(look)


def _groups():
    """Where the machine's control groups of version 2 are: as the rig finds them."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, folder, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return pathlib.Path(folder)
    raise SystemExit("bench: no control groups of version 2 are mounted")


def controller_group():
    """The group in which a tool runs."""
    group = _groups() / "windlass-bench"
    group.mkdir(exist_ok=True)
    return group
