"""The scripts of the pages: what fits a screen, what has one owner, and tests and checks that Node runs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from elbowroom.studio.api.openapi import openapi_document
from elbowroom.web.render import kit_script

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "elbowroom"
SCRIPTS = sorted(path for path in SOURCES.rglob("*.js") if "vendor" not in path.parts)
TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))
NODE = shutil.which("node")
NODE_PACKAGES = ROOT / "node_modules"

MAX_LINE_LENGTH = 120
MAX_FUNCTION_LINES = 50
#: A line that opens the body of a function, as Prettier writes it; its end is the first `}` at the same depth.
FUNCTION = re.compile(
    r"^(?P<indent> *)(?! |(?:if|for|while|switch|catch|do|else|class)\b|\} )"
    r"(?:.*\bfunction\b.*\{|.*=> \{|(?:(?:static|async|get|set) )*[#*]?\w+\(.*\) \{|\) (?:=> )?\{)$"
)


def function_lengths(text):
    """The first line and the number of lines of each function of a script."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if match := FUNCTION.match(line):
            indent = match["indent"]
            end = next(i for i in range(start + 1, len(lines)) if re.match(rf"{indent}[}}\]]", lines[i]))
            yield start + 1, end - start + 1


def name_of(path):
    return path.relative_to(SOURCES).as_posix()


def test_the_lengths_of_functions_are_found():
    text = "\n".join(
        [
            "export function one(a) {",
            "  if (a) {",
            "    return a;",
            "  }",
            "}",
            "const two = async (",
            "  a,",
            ") => {",
            "  return 1;",
            "};",
            "class A {",
            "  static #three([a, b]) {",
            "    return () => {",
            "      b();",
            "    };",
            "  }",
            "}",
        ]
    )
    assert list(function_lengths(text)) == [(1, 5), (8, 3), (12, 5), (13, 3)]


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_lines_and_functions_fit_a_screen(path):
    text = path.read_text(encoding="utf-8")
    assert [n for n, line in enumerate(text.splitlines(), 1) if len(line) > MAX_LINE_LENGTH] == []
    assert [(line, length) for line, length in function_lengths(text) if length > MAX_FUNCTION_LINES] == []


#: What the kit owns, by what another definition of it would say. Places in a drawing are no text.
KIT_OWNS = {
    "create an element": r"document\.createElement\(",
    "format a number": r"\.toFixed\((?!1\);$)|\.toExponential\(|toLocaleString\(|Intl\.NumberFormat",
    "hold within limits": r"Math\.min\(Math\.max\(|Math\.max\(Math\.min\(",
    "read a color of the style sheet": r"getComputedStyle\(",
}


@pytest.mark.parametrize("what", KIT_OWNS)
def test_the_kit_owns_what_several_pages_need(what):
    """No second formatter, element helper or clamp; the interpreter runs in workers, which have no kit."""
    others = [path for path in SCRIPTS if "kit" not in path.parts and path.name != "interpreter.js"]
    found = [
        f"{name_of(path)}:{n}"
        for path in others
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(KIT_OWNS[what], line)
    ]
    assert found == []


def test_no_function_of_the_kit_is_defined_again():
    exported = r"^export (?:async )?(?:function|const|class) (\w+)"
    kit = set(re.findall(exported, kit_script(), re.MULTILINE))
    kit |= {
        name
        for path in (SOURCES / "web" / "static" / "kit").glob("*.js")
        for name in re.findall(exported, path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"h", "ticks", "formatNumber", "clamp"} <= kit
    for path in SCRIPTS:
        if "kit" not in path.parts:
            text = path.read_text(encoding="utf-8")
            defined = set(re.findall(r"^(?:export )?(?:async )?(?:function|const|class) (\w+)", text, re.MULTILINE))
            assert defined & kit == set(), name_of(path)


def run_node(*words):
    """Run Node in the checkout; return its exit code and what it printed."""
    if NODE is None:
        pytest.skip("no node here: https://nodejs.org")
    done = subprocess.run([NODE, *words], cwd=ROOT, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def package_command(name):
    """The script of an installed package; skips where it is not installed."""
    folder = NODE_PACKAGES / name
    if not folder.is_dir():
        pytest.skip(f"no {name} here: python3 run.py javascript installs it from the npm registry")
    command = json.loads((folder / "package.json").read_text(encoding="utf-8"))["bin"]
    return str(folder / (command if isinstance(command, str) else next(iter(command.values()))))


def test_pure_parts():
    """The tests in node's own runner."""
    code, output = run_node("--import", "./tests/javascript/setup.mjs", "--test", *map(str, TESTS))
    assert code == 0, output
    assert re.search(r"^# pass [1-9]", output, re.MULTILINE), output


def test_scripts_are_formatted():
    code, output = run_node(package_command("prettier"), "--check", *map(str, [*SCRIPTS, *TESTS]))
    assert code == 0, output


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.strict.json"])
def test_types(project):
    """Scripts by their JSDoc and the types of the endpoints' answers; some with nothing left open."""
    code, output = run_node(package_command("typescript"), "--project", project)
    assert code == 0, output


def test_the_types_of_answers_are_current(load_script):
    """``tools/answer_types.py`` has been run since the last change of an endpoint."""
    tool = load_script("tools/answer_types.py")
    assert tool.answer_types(openapi_document()) == tool.PATH.read_text(encoding="utf-8"), "run tools/answer_types.py"
