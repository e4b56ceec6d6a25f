"""Processes of Python that have imported torch before they begin: forked from one that has done nothing else."""

import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import Any, BinaryIO

#: What takes seconds to import, and is no part of the package.
HEAVY_MODULES = [
    "matplotlib.pyplot",
    "sklearn.linear_model",
    "sklearn.manifold",
    "starlette.testclient",
    "torch._dynamo",
]
TIMEOUT_S = 300
POLL_INTERVAL_S = 0.05


class WarmProcess:
    """A forked process that calls a function, with what tests use of :class:`subprocess.Popen`.

    Args:
        work: a function of a module, which the process imports by its name.
        arguments: for it.
        environment: the environment variables; those of this process by default.
        log: the file to which it writes output and errors; by default two of its own.
    """

    def __init__(
        self,
        work: Callable[..., object],
        *arguments: Any,
        environment: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        context.set_forkserver_preload(HEAVY_MODULES)
        folder = Path(mkdtemp())
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._files = [log, log] if log else [folder / name for name in ("stdout", "stderr")]
        self._poll_lock = Lock()
        for file in self._files:
            file.touch()
        environment = dict(os.environ) if environment is None else environment
        self._process = context.Process(target=_call, args=(self._files, environment, work, arguments))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit code, minus the number of the signal that ended it, or None while it runs."""
        with self._poll_lock:  # a process that two threads wait for would be reaped by both
            return self._process.exitcode

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has written to the output so far."""
        return self._files[0].read_text(encoding="utf-8")

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.returncode

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        self._process.kill()

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Ask it to end, by SIGTERM."""
        self._process.terminate()

    def wait(self, timeout: float = TIMEOUT_S) -> int:
        """Wait until it ends; return the exit code."""
        deadline = time.monotonic() + timeout
        while (code := self.returncode) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a warm process", timeout)
            time.sleep(POLL_INTERVAL_S)
        return code

    def communicate(self, timeout: float = TIMEOUT_S) -> tuple[str, str]:
        """Wait until it ends; return what it wrote to the output and as errors."""
        self._process.join(timeout)
        if self.returncode is None:
            self._process.kill()
            raise subprocess.TimeoutExpired("a warm process", timeout)
        out, err = (file.read_text(encoding="utf-8") for file in self._files)
        self._remove_folder()
        return out, err


def start_script(script: str, folder: Path, environment: dict[str, str] | None = None) -> WarmProcess:
    """Start Python code in a folder whose packages come before all others."""
    return WarmProcess(_run_script, script, folder, environment=environment)


def run_script(script: str, folder: Path, environment: dict[str, str]) -> tuple[int | None, str, str]:
    """Run Python code in a folder whose packages come before all others; return its exit code, output and errors."""
    process = start_script(script, folder, environment)
    out, err = process.communicate()
    return process.returncode, out, err


def start_command(*words: str, environment: dict[str, str] | None = None, log: Path | None = None) -> WarmProcess:
    """Start ``elbowroom`` with these words, as from a terminal, from the first folder of PYTHONPATH that has it."""
    return WarmProcess(_run_command, list(words), environment=environment, log=log)


def start_studio(*words: str, environment: dict[str, str]) -> WarmProcess:
    """Start ``elbowroom studio`` with these words; what it starts itself is warm too, but for new trainings."""
    return WarmProcess(_run_studio, list(words), environment=environment)


def start_warm(command: Sequence[str], log: BinaryIO) -> WarmProcess:
    """Start a command of the studio as :func:`elbowroom.studio.services.processes.start` does."""
    return start_command(*command[command.index("elbowroom") + 1 :], log=Path(log.name))


def _call(files: list[Path], environment: dict[str, str], work: Callable[..., object], arguments: tuple) -> None:
    """Call the function with output and errors written to two files."""
    for descriptor, file in zip((1, 2), files, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    # As in a terminal, also where the tests run in the background, where Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work(*arguments)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _run_script(script: str, folder: Path) -> None:
    """Run the code as the main module of this process."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    assert "elbowroom" not in sys.modules, "what is tested must be imported from the folder"
    exec(compile(script, "script", "exec"), {"__name__": "__main__"})


def _run_command(words: list[str]) -> None:
    """End this process as the command does."""
    main = _import_command_line()
    sys.argv = ["elbowroom", *words]
    sys.exit(main(words))


def _run_studio(words: list[str]) -> None:
    """End this process as the studio does: a training that it is asked for is a process like those outside tests."""
    main = _import_command_line()
    processes = importlib.import_module("elbowroom.studio.services.processes")
    start_cold = processes.start
    processes.start = lambda command, log: (start_cold if "train" in command else start_warm)(command, log)
    sys.exit(main(["studio", *words]))


def _import_command_line() -> Callable[[list[str]], int]:
    import torch

    torch.set_num_threads(1)
    sys.path[:0] = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    assert "elbowroom" not in sys.modules, "it may have to be imported from another folder"
    return importlib.import_module("elbowroom.cli").main
