"""Fills in the results of corpus.json with what Ansible itself makes of each text.

Run it where ansible-core is installed, with the collections ansible.utils and community.general and the
packages jmespath, netaddr and passlib: python3 corpus.py. It reads the texts and the scope from the file and
writes the file anew; the tests read the file alone.
"""

import json
import os
import pathlib

import ansible
import jinja2
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.display import Display

HERE = pathlib.Path(__file__).parent
FILE = HERE / "corpus.json"
KINDS = ("bare", "file")
KNOWN = ("text", "asks", *KINDS)


def ordered(value):
    """Maps by name: the order in which they reach the Rust side."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value


def evaluate(case, scope, loader):
    """A case is a text of a document, the text of a template file (`file`), or an expression (`bare`)."""
    templar = Templar(loader=loader, variables=scope)
    case = {key: case[key] for key in KNOWN if key in case}
    text = trust_as_template(case["text"])
    try:
        if "bare" in case:
            result = templar.evaluate_expression(text)
        else:
            result = templar.template(text, escape_backslashes="file" not in case)
        if "file" in case:
            result = "" if result is None else str(result)
        result = json.loads(json.dumps(result))
    except Exception:  # Whatever it is: Ansible refuses the text.
        return case | {"fails": True}
    return case | {"result": result}


def main():
    Display.warning = Display.deprecated = lambda *_args, **_named: None
    init_plugin_loader([])
    os.environ |= {"WINDLASS_CORPUS": "from the environment", "HOME": "/home/corpus"}
    corpus = json.loads(FILE.read_text())
    scope = ordered(corpus["scope"])
    loader = DataLoader()
    loader.set_basedir(str(HERE / "corpus"))
    os.chdir(HERE / "corpus")
    cases = [evaluate(case, scope, loader) for case in corpus["cases"]]
    lines = ",\n".join("    " + json.dumps(case, sort_keys=True) for case in cases)
    FILE.write_text(
        "{\n"
        f'  "made_with": "ansible-core {ansible.release.__version__}, jinja2 {jinja2.__version__}",\n'
        f'  "scope": {json.dumps(scope)},\n'
        f'  "cases": [\n{lines}\n  ]\n'
        "}\n"
    )


main()
