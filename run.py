#!/usr/bin/env python3
"""Start here: ``python3 run.py demo`` trains and shows a VAE, ``python3 run.py test`` checks everything.

Makes ``.venv`` beside this file, installs into it what ``pyproject.toml`` asks for at the versions of
``constraints.txt``, and does neither again until one of the two files changes. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = HOME / "installed"


def main(arguments: list[str]) -> int:
    """Run one of the tasks, or an elbowroom command."""
    if sys.version_info < (3, 11):
        return complain(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: run it with a newer one")
    task = arguments[0] if arguments else ""
    tasks = {"demo": demo, "test": test, "javascript": javascript, "docs": docs, "install": lambda _: 0}
    if task not in tasks:
        return complain(
            "give a task: demo (train and show a VAE), test (all checks), "
            "javascript (the checks of scripts that need packages of npm), docs (the site, in build/site), "
            "install (the environment alone)"
        )
    if not installed():
        return complain("the environment could not be made: see the lines above; delete .venv and try again")
    return tasks[task](arguments[1:])


def installed() -> bool:
    """Make the environment if it is not there or no longer what the project asks for."""
    wanted = "".join((ROOT / name).read_text() for name in ("pyproject.toml", "constraints.txt")) + sys.version
    mark = hashlib.sha256(wanted.encode()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == mark and PYTHON.is_file():
        return True
    print("making the environment in .venv (once; a few minutes) ...", flush=True)
    try:
        venv.create(HOME, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        complain(f"python's venv does not work here ({error}); on Debian: apt install python3-venv")
        return False
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-c", "constraints.txt"]
    # torch first and alone: with it in place, nothing that follows can ask for another build of it.
    steps = [[*pip, "torch"], [*pip, "-e", f"{ROOT}[dev]"]]
    if any(subprocess.run(step, cwd=ROOT).returncode for step in steps):
        return False
    STAMP.write_text(mark)
    return True


def demo(_: list[str]) -> int:
    """Train on the embedded digits, evaluate, and name what was made."""
    runs = ROOT / "runs"
    n = next(i for i in range(1, 10**6) if not (runs / f"demo-{i}").exists())
    run = os.path.relpath(runs / f"demo-{n}")
    # Continuous Bernoulli: a density for grey pixels, and sharper digits than the classic's cross-entropy gives here.
    model = ["vae", "--data", "digits", "--latent", "10", "--likelihood", "continuous-bernoulli"]
    train = ["train", *model, "--epochs", "120", "--lr", "0.003", "--out", run]
    new = str(Path(run) / "images" / "new-digits.png")
    sample = ["sample", run, "--sampler", "mixture:10", "-n", "64", "--out", new]
    for command in (train, ["evaluate", run, "--samples", "200"], sample):
        print(f"\n$ elbowroom {shlex.join(command)}", flush=True)
        if code := elbowroom(command):
            return code
    images = Path(run) / "images"
    print(f"\nthe run: {run}")
    for kind, words in (
        ("reconstructions-*.png", "digits above, what the model makes of them below"),
        ("new-digits.png", "digits it has never seen"),
        ("curves.png", "how the loss fell"),
    ):
        print(f"  {sorted(images.glob(kind))[-1]}  ({words})")
    return 0


def test(arguments: list[str]) -> int:
    """Everything that must hold: style, types, layers, tests and the examples in the documentation."""
    bin = PYTHON.parent
    checks = [
        [str(bin / "ruff"), "check", "."],
        [str(bin / "ruff"), "format", "--check", "."],
        [str(bin / "lint-imports"), "--no-cache"],
    ]
    if code := next((code for check in checks if (code := subprocess.run(check, cwd=ROOT).returncode)), 0):
        return code
    # The types beside the tests, some of which wait for a browser or a server more than they compute.
    types = subprocess.Popen(
        [str(PYTHON), "-m", "mypy"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    # Files of tests side by side, one process a core, in their order: those of a package share what it prepares, and
    # those of the browser stay together (tests/conftest.py). Each with one thread, or they would wait for one another;
    # hundreds of processes read the bytecode that one has written.
    split = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    tests = subprocess.run([str(PYTHON), "-m", "pytest", *split, *arguments], cwd=ROOT, env=environment).returncode
    print(types.communicate()[0], end="")
    return tests or types.returncode


def javascript(_: list[str]) -> int:
    """The format and the types of the pages' scripts, by packages of the npm registry, and their tests."""
    if not (npm := shutil.which("npm")):
        return complain("npm is not here: install Node.js, https://nodejs.org")
    checks = [
        [npm, "ci", "--no-audit", "--no-fund", "--silent"],
        [str(PYTHON), "-m", "pytest", "tests/javascript"],
    ]
    return next((code for check in checks if (code := subprocess.run(check, cwd=ROOT).returncode)), 0)


def docs(_: list[str]) -> int:
    """Build the documentation's site; a warning is an error."""
    site, parsed = ROOT / "build" / "site", ROOT / "build" / "parsed"  # what was parsed is kept beside the site
    build = [str(PYTHON), "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(parsed)]
    build += [str(ROOT / "docs"), str(site)]
    if not (code := subprocess.run(build, cwd=ROOT).returncode):
        print(f"the site: {site / 'index.html'}")
    return code


def elbowroom(command: list[str]) -> int:
    """Run an elbowroom command in the environment."""
    return subprocess.run([str(PYTHON), "-m", "elbowroom", *command]).returncode


def complain(message: str) -> int:
    """One line, and the code of a mistake."""
    print(f"run.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
