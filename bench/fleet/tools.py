"""The tools that are compared: how each is called for a workload, and what it said it changed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time

import work

REFERENCE = "ansible"


class Tool:
    """A way to do a workload on all hosts. `folder` is the tool's own, made anew for each rig."""

    # What has to be in the virtual environment.
    needs = None
    # Whether what it leaves running after the first run belongs to the second.
    keeps = False

    def __init__(self, folder, rig, programs):
        self.folder, self.rig, self.programs = folder, rig, programs
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "WINDLASS_"))}
        folder.mkdir(parents=True)
        (folder / "app.conf.j2").write_text(work.TEMPLATE)
        (folder / "payload.txt").write_text(work.PAYLOAD)
        (folder / "hosts.ini").write_text(rig.inventory)
        self.prepare()

    def prepare(self):
        """Writes what the tool reads."""

    def changed(self, work_name, output):
        """Host by host, what each step changed; None for tools that do not say."""

    def after(self):
        """Cleans up after a run, past the clock."""


class Windlass(Tool):
    def prepare(self):
        for name in work.WORK:
            (self.folder / f"{name}.yaml").write_text(work.workflow(name))

    def command(self, name):
        count = str(len(self.rig.hosts))
        return [self.programs["windlass"], "run", f"{name}.yaml", "-i", "hosts.ini", "--chunk", count]

    def changed(self, name, output):
        latest = max((self.folder / ".windlass/runs").iterdir(), key=lambda run: run.stat().st_mtime)
        steps = json.loads((latest / "run_state.json").read_text())["tasks"]["work"]["steps"]
        return {host: [step["hosts"][host]["changed"] for step in steps] for host in self.rig.hosts}

    def after(self):
        shutil.rmtree(self.folder / ".windlass", ignore_errors=True)


class Kept(Windlass):
    """The second run finds the connections of the first."""

    keeps = True

    def prepare(self):
        super().prepare()
        (self.folder / "run").mkdir(mode=0o700)
        self.env |= {"WINDLASS_SSH_PERSIST": "10m", "XDG_RUNTIME_DIR": str(self.folder / "run")}

    def after(self):
        super().after()
        # People take longer than this to give the next command; the gates have forgotten the first one by then.
        time.sleep(0.5)


class Ansible(Tool):
    """Tuned: all hosts at once, pipelining, connections that are shared between steps."""

    needs = "bin/ansible-playbook"

    def prepare(self):
        for name in work.WORK:
            (self.folder / f"{name}.yaml").write_text(work.playbook(name))
        self.control = self.folder / "cp"
        self.control.mkdir()
        self.env |= {
            "ANSIBLE_FORKS": str(len(self.rig.hosts)), "ANSIBLE_PIPELINING": "True", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.control), "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_DEPRECATION_WARNINGS": "False",
            "PATH": f"{self.programs['venv']}/bin:{os.environ['PATH']}",
        }

    def command(self, name):
        return [f"{self.programs['venv']}/bin/ansible-playbook", "-i", "hosts.ini", f"{name}.yaml"]

    def changed(self, name, output):
        said = {host: [] for host in self.rig.hosts}
        for word, host in re.findall(r"^(ok|changed): \[(h\d+)\]", output, re.M):
            said[host].append(word == "changed")
        return said

    def after(self):
        for socket in self.control.iterdir():
            subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "x"], capture_output=True, check=False)


class Mitogen(Ansible):
    needs = "lib/python3*/site-packages/ansible_mitogen/plugins/strategy"

    def prepare(self):
        super().prepare()
        found = next(self.programs["venv"].glob(self.needs))
        self.env |= {"ANSIBLE_STRATEGY_PLUGINS": str(found), "ANSIBLE_STRATEGY": "mitogen_linear"}


class Pyinfra(Tool):
    needs = "bin/pyinfra"

    def prepare(self):
        hosts = [
            (name, {"ssh_hostname": address, "ssh_user": "root", "ssh_key": self.rig.key,
                    "ssh_known_hosts_file": self.rig.known_hosts, "ssh_strict_host_key_checking": "yes"})
            for name, address in self.rig.hosts.items()
        ]
        (self.folder / "inventory.py").write_text(f"fleet = {hosts!r}\n")
        for name in work.WORK:
            (self.folder / f"{name}.py").write_text(work.deploy(name))

    def command(self, name):
        return [f"{self.programs['venv']}/bin/pyinfra", "-y", "inventory.py", f"{name}.py"]


class OneShell(Tool):
    """The floor: one OpenSSH shell for each host, with everything in it."""

    def prepare(self):
        (self.folder / "ssh_config").write_text(self.rig.ssh_config())
        for name in work.WORK:
            lines = [self.host(name, host) for host in self.rig.hosts]
            script = "\n".join(f"(\n{line}\n) & all=\"$all $!\"" for line in lines)
            ended = "\nbad=0; for one in $all; do wait $one || bad=1; done; exit $bad\n"
            (self.folder / f"{name}.sh").write_text(script + ended)

    def host(self, name, host):
        text = "\n".join(work.shell(name)) + "\n"
        (self.folder / f"{name}.remote").write_text(text)
        return f"ssh -F ssh_config {host} /bin/sh <{name}.remote >/dev/null"

    def command(self, name):
        return ["sh", f"{name}.sh"]


class Multiplexed(OneShell):
    """One OpenSSH call for each step, all of a host over one connection."""

    def host(self, name, host):
        ssh = f"ssh -F ssh_config -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=./cp-{host} "
        steps = [f"{ssh}{host} {shlex.quote(line)} </dev/null >/dev/null || exit 1" for line in work.shell(name)]
        return "\n".join([*steps, f"{ssh}-O exit {host} 2>/dev/null"])


TOOLS = {
    "windlass": Windlass, "windlass-kept": Kept, "ansible": Ansible, "mitogen": Mitogen, "pyinfra": Pyinfra,
    "ssh-mux": Multiplexed, "ssh-shell": OneShell,
}


def there(name, venv):
    """Whether a tool could be installed."""
    needs = TOOLS[name].needs
    return needs is None or any(venv.glob(needs))
