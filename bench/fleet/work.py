"""What is done to the hosts: each workload once as steps, and in the words of every tool."""

import json
import shlex

# The words of a template are variables where its tool has them.
TEMPLATE = """# Server configuration {{ number }}
server_name = {{ server_name }}
port = {{ server_port + number }}
workers = {{ number * 2 }}
{% for n in range(20) %}
backend{{ n }} = 10.0.{{ number }}.{{ n }}:{{ server_port }}
{% endfor %}
"""
VARS = {"server_name": "bench-server", "server_port": 8080}
PAYLOAD = "".join(f"line {n} of a file that is copied\n" for n in range(200))
ROOT = "/opt/bench"

# Each step is a module's name with its parameters, as Ansible and Windlass both have them.
_directory = ("file", {"path": ROOT, "state": "directory", "mode": "0755"})
_files = [
    _directory,
    ("file", {"path": f"{ROOT}/sub", "state": "directory", "mode": "0750"}),
    *(("copy", {"content": f"file {n}\nline two\n", "dest": f"{ROOT}/f{n}", "mode": "0640"}) for n in range(4)),
    ("copy", {"src": "payload.txt", "dest": f"{ROOT}/sub/payload", "mode": "0600"}),
    ("lineinfile", {"path": f"{ROOT}/lines", "line": "one = 1", "create": True, "mode": "0644"}),
    ("lineinfile", {"path": f"{ROOT}/lines", "line": "two = 2"}),
    ("file", {"path": f"{ROOT}/link", "src": "lines", "state": "link"}),
]
_templates = [("template", {"src": "app.conf.j2", "dest": f"{ROOT}/t{n}.conf", "mode": "0644"}) for n in range(10)]
WORK = {
    "ping": [("ping", {})],
    "cmd10": [("command", {"argv": ["/bin/echo", str(n)]}) for n in range(10)],
    "file10": _files,
    "tmpl10": [_directory, *_templates],
}
# Those that leave something on the hosts, and so have a first run and a second.
STATEFUL = ("file10", "tmpl10")


def number(parameters):
    """Which of the ten templates it is."""
    return int(parameters["dest"].rsplit("/t", 1)[1].removesuffix(".conf"))


def steps(work, prefix=""):
    """The steps as both Ansible and Windlass read them: JSON is YAML."""
    out = []
    for place, (module, parameters) in enumerate(WORK[work]):
        step = {"name": f"s{place}", prefix + module: parameters}
        if module == "template":
            step["vars"] = {"number": number(parameters)}
        out.append(step)
    return out


def playbook(work):
    play = {"hosts": "all", "gather_facts": False, "vars": VARS, "tasks": steps(work, "ansible.builtin.")}
    return json.dumps([play], indent=1)


def workflow(work):
    named = [{"id": step.pop("name"), **step} for step in steps(work)]
    return json.dumps({"workflow": work, "vars": VARS, "tasks": [{"id": "work", "hosts": "all", "steps": named}]}, indent=1)


def deploy(work):
    """A pyinfra deploy."""
    lines = ["from io import StringIO", "from pyinfra.operations import files, server"]
    for module, p in WORK[work]:
        mode = (p.get("mode") or "").lstrip("0")
        lines.append({
            "ping": lambda: "server.shell(commands=['true'])",
            "command": lambda: f"server.shell(commands=[{shlex.join(p['argv'])!r}])",
            "file": lambda: f"files.link(path={p['path']!r}, target={p['src']!r})" if p["state"] == "link"
            else f"files.directory(path={p['path']!r}, mode={mode!r})",
            "copy": lambda: f"files.put(src=StringIO({p['content']!r}), dest={p['dest']!r}, mode={mode!r})" if "content" in p
            else f"files.put(src={p['src']!r}, dest={p['dest']!r}, mode={mode!r})",
            "lineinfile": lambda: f"files.line(path={p['path']!r}, line={p['line']!r})",
            "template": lambda: f"files.template(src='app.conf.j2', dest={p['dest']!r}, mode={mode!r}, "
            f"number={number(p)}, **{VARS!r})",
        }[module]())
    return "\n".join(lines) + "\n"


def shell(work):
    """Each step as a line of shell that changes nothing where nothing is to be done."""
    return [_line(module, parameters) for module, parameters in WORK[work]]


def _line(module, p):
    if module == "ping":
        return "true"
    if module == "command":
        return shlex.join(p["argv"]) + " >/dev/null"
    if module == "lineinfile":
        line, path = shlex.quote(p["line"]), p["path"]
        return f"grep -qxF {line} {path} 2>/dev/null || printf '%s\\n' {line} >>{path}"
    if module == "file":
        if p["state"] == "link":
            return f"[ \"$(readlink {p['path']})\" = {p['src']} ] || ln -sfn {p['src']} {p['path']}"
        return f"mkdir -p {p['path']}; chmod {p['mode']} {p['path']}"
    text = p.get("content") or (rendered(number(p)) if module == "template" else PAYLOAD)
    dest = p["dest"]
    return (
        f"printf %s {shlex.quote(text)} >{dest}.new; chmod {p['mode']} {dest}.new; "
        f"if cmp -s {dest}.new {dest}; then rm {dest}.new; else mv {dest}.new {dest}; fi"
    )


def rendered(n):
    """The template as a tool without templates has it."""
    port = VARS["server_port"]
    head = f"# Server configuration {n}\nserver_name = {VARS['server_name']}\nport = {port + n}\nworkers = {n * 2}\n"
    return head + "".join(f"backend{k} = 10.0.{n}.{k}:{port}\n" for k in range(20))
