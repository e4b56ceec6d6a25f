"""Functions of the kit, called in Node."""

import json
import shutil
import subprocess

import pytest

from elbowroom.web.render import kit_script

NODE = shutil.which("node")
#: What the kit asks of a browser when it is read, and the end, which prints what was asked for.
BEFORE = """
globalThis.matchMedia = () => ({ matches: false, addEventListener() {}, removeEventListener() {} });
globalThis.addEventListener = () => {};
"""
AFTER = """
let text = "";
for await (const chunk of process.stdin) text += chunk;
console.log(JSON.stringify(JSON.parse(text).map(([name, args]) => functions[name](...args))));
"""


def call_kit(name, calls):
    """Return what a function of the kit returns for each list of arguments."""
    return call_script(kit_script(), name, calls)


def call_script(text, name, calls):
    """Return what a function of a module without imports returns for each list of arguments."""
    if NODE is None:
        pytest.skip("no node here")
    script = f"{BEFORE}{text}\nconst functions = {{ {name} }};{AFTER}"
    command = [NODE, "--input-type=module", "--eval", script]
    text = json.dumps([[name, list(arguments)] for arguments in calls])
    return json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)
