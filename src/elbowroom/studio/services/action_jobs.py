"""Action jobs: start and cancel actions on runs, as processes that outlive the studio."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import processes
from elbowroom.studio.services.run_actions import ACTIONS, FOLDER_NAME, read_action, read_state, write_state
from elbowroom.studio.services.run_index import RunIndex

#: Actions that may run at once.
MAX_ACTIONS = 2


class ActionJobs:
    """Starts and cancels actions on runs.

    Args:
        run_index: the index of the runs folder.
        check_run: raises a RequestError for a run that no process may be started for.
        program: the program that runs words of the command line.
    """

    def __init__(
        self, run_index: RunIndex, check_run: Callable[[str], None], program: Callable[[list[str]], list[str]]
    ) -> None:
        self._run_index, self._check_run, self._program = run_index, check_run, program
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], subprocess.Popen[bytes]] = {}

    def start(self, run: str, name: str, option: str = "") -> dict[str, Any]:
        """Start an action in a process of its own; returns its state.

        Raises:
            RequestError: there is no such action or option, it is under way, or too many are.
        """
        if name not in ACTIONS:
            raise RequestError(f"there is no action {name[:40]!r}: {', '.join(ACTIONS)} are", field="action")
        option, path = ACTIONS[name].check_option(option), self._run_index.run_path(run)
        self._check_run(run)
        with self._lock:
            self._check_capacity(path, run, name)
            folder = path / FOLDER_NAME
            folder.mkdir(exist_ok=True)
            log = folder / f"{name}.log"
            log.unlink(missing_ok=True)
            with log.open("xb") as file:
                process = processes.start(self._program(ACTIONS[name].words(path, option)), file)
            started = {"option": option, "pid": process.pid, "began": processes.start_time(process.pid)}
            write_state(path, name, started | {"started": datetime.now(UTC).isoformat(timespec="seconds")})
            self._running[run, name] = process
        threading.Thread(target=self._supervise, args=(process, path, run, name), daemon=True).start()
        return read_action(path, run, name)

    def _check_capacity(self, path: Path, run: str, name: str) -> None:
        if read_action(path, run, name).get("state") == "running":
            raise RequestError(f"'{run}': {name} is under way already", 409)
        if sum(process.poll() is None for process in self._running.values()) >= MAX_ACTIONS:
            raise RequestError(f"{MAX_ACTIONS} actions are under way already: wait for one, or cancel it", 429)

    def _supervise(self, process: subprocess.Popen[bytes], path: Path, run: str, name: str) -> None:
        processes.supervise(process, path / FOLDER_NAME / f"{name}.log")
        with self._lock:
            self._running.pop((run, name), None)
            state = read_state(path, name)
            ended = {"code": process.returncode, "ended": datetime.now(UTC).isoformat(timespec="seconds")}
            if state.get("pid") == process.pid:
                write_state(path, name, state | ended)

    def cancel(self, run: str, name: str) -> dict[str, Any]:
        """End an action; returns its state.

        Raises:
            RequestError: it is not under way.
        """
        path = self._run_index.run_path(run)
        with self._lock:
            state = read_state(path, name) if name in ACTIONS else {}
            if not processes.is_same_process(state.get("pid"), state.get("began")):
                raise RequestError(f"'{run}': {name[:40]} is not under way", 409)
            write_state(path, name, state | {"canceled": True})
        processes.end(state["pid"], state["began"])
        return read_action(path, run, name)
