"""Processes of Python that have imported torch before they begin: forked from one that has done nothing else."""

import multiprocessing
import os
import sys
import traceback
from pathlib import Path

#: What takes seconds to import, and is no part of the package.
HEAVY_MODULES = [
    "matplotlib.pyplot",
    "sklearn.linear_model",
    "sklearn.manifold",
    "starlette.testclient",
    "torch._dynamo",
]
TIMEOUT_S = 300


def run_script(script: str, folder: Path, environment: dict[str, str]) -> tuple[int | None, str, str]:
    """Run Python code in a folder whose packages come before all others; return its exit code, output and errors."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload(HEAVY_MODULES)
    process = context.Process(target=_run, args=(script, folder, environment))
    process.start()
    process.join(TIMEOUT_S)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    return code, *((folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))


def _run(script: str, folder: Path, environment: dict[str, str]) -> None:
    """Run the code as the main module of this process, whose output goes into files."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, str(folder))
    assert "elbowroom" not in sys.modules, "what is tested must be imported from the folder"
    try:
        exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
