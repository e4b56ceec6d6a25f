"""A copy of the package with some files more, in which a test runs Python."""

import os
import shutil
from pathlib import Path
from textwrap import dedent

import elbowroom
from tests.warm_process import run_script

#: What all pieces of code may use: the package, and the output of a command as one line.
PRELUDE = """
import contextlib, io, json
import elbowroom as er
from elbowroom.cli import main

def output_of(*words):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        assert main(list(words)) == 0
    return " ".join(text.getvalue().split())
"""


def copy_package(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Copy the package into a folder with these files added; return the environment in which Python imports the copy.

    Args:
        folder: an empty folder for the copy.
        files: contents by path inside the package, such as ``recipes/half_kl.py``; none may be there already.
    """
    package = folder / "elbowroom"
    shutil.copytree(Path(elbowroom.__file__).parent, package)  # with what Python has compiled, which stays valid
    for name, content in files.items():
        assert not (package / name).exists(), f"{name} is no new file"
        (package / name).write_text(dedent(content), encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def run_with_files(
    folder: Path, files: dict[str, str], *code: str, lines: dict[str, tuple[str, str]] | None = None
) -> list[str]:
    """Return the lines that each piece of code prints, in one process on a copy of the package with these files added.

    Args:
        folder: an empty folder for the copy.
        files: contents by path inside the package; none may be there already.
        code: to run, one after the other, after :data:`PRELUDE`.
        lines: a line that a file of the package has, and one to add after it, by path inside the package.
    """
    environment = copy_package(folder, files)
    for name, (line, added) in (lines or {}).items():
        file = folder / "elbowroom" / name
        content = file.read_text(encoding="utf-8")
        assert content.count(f"{line}\n") == 1, f"{name} has not the line {line}"
        file.write_text(content.replace(f"{line}\n", f"{line}\n{added}\n"), encoding="utf-8")
    script = "\n".join(map(dedent, (PRELUDE, *code)))
    status, output, errors = run_script(script, folder, environment)
    assert status == 0, errors
    return output.splitlines()
