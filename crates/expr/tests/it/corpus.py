"""Fills in the results of corpus.json with what Ansible itself makes of each text.

Run it where ansible-core is installed: python3 corpus.py. It reads the texts and the scope from the file
and writes the file anew; the tests read the file alone.
"""

import json
import pathlib

import ansible
import jinja2
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

FILE = pathlib.Path(__file__).with_name("corpus.json")


def ordered(value):
    """Maps by name: the order in which they reach the Rust side."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value


def evaluate(case, scope):
    """A case is a text of a document, or the text of a template file (`file`)."""
    templar = Templar(loader=DataLoader(), variables=scope)
    case = {key: case[key] for key in ("text", "file") if key in case}
    try:
        result = templar.template(trust_as_template(case["text"]), escape_backslashes="file" not in case)
        if "file" in case:
            result = "" if result is None else str(result)
        return case | {"result": json.loads(json.dumps(result))}
    except Exception:  # Whatever it is: Ansible refuses the text.
        return case | {"fails": True}


def main():
    corpus = json.loads(FILE.read_text())
    scope = ordered(corpus["scope"])
    cases = [evaluate(case, scope) for case in corpus["cases"]]
    lines = ",\n".join("    " + json.dumps(case, sort_keys=True) for case in cases)
    FILE.write_text(
        "{\n"
        f'  "made_with": "ansible-core {ansible.release.__version__}, jinja2 {jinja2.__version__}",\n'
        f'  "scope": {json.dumps(scope)},\n'
        f'  "cases": [\n{lines}\n  ]\n'
        "}\n"
    )


main()
