"""Training jobs: start, pause, stop and resume trainings as processes that outlive the studio."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from elbowroom.recipes import Recipe
from elbowroom.recipes.registry import all_recipes, find
from elbowroom.runs.run import next_path
from elbowroom.runs.settings import train_options
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import processes, train_form
from elbowroom.studio.services.annotations import read_annotations, write_annotations
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.studio.services.run_summary import last_error

#: Trainings that may run at once.
MAX_TRAININGS = 4
#: The part of a log that is searched for the reason of a failure.
MAX_LOG_CHARS = 1 << 14


class Jobs:
    """Starts, pauses, stops and resumes trainings.

    Args:
        run_index: the index of the runs folder, where new runs go.
        train_group: the command line's ``train``, which has a command for every recipe; None switches training off.
        data_folders: folders whose files may be trained on, besides the runs folder.

    Raises:
        ValueError: a data folder does not exist.
    """

    def __init__(
        self,
        run_index: RunIndex,
        train_group: click.Group | None = None,
        data_folders: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        self._run_index, self._train_group = run_index, train_group
        self._data_folders = [Path(path).resolve() for path in data_folders]
        self._start_lock = threading.Lock()
        for path in self._data_folders:
            if not path.is_dir():
                raise ValueError(f"--data-folder {path} is no folder: give one that holds data")

    def train_forms(self) -> dict[str, Any]:
        """Return the form fields of all recipes and settings, and the data that can be trained on."""
        recipes = list(all_recipes().values()) if self._train_group else []
        options = train_options().values() if recipes else []
        return {
            "recipes": [train_form.recipe_form(recipe) for recipe in recipes],
            "settings": [train_form.argument_field(option) for option in options],
            "data": train_form.list_data(self._data_folders),
            "default": {"recipe": "vae", "data": "digits"},
        }

    def _train_command(self, recipe: Recipe) -> click.Command:
        command = self._train_group and self._train_group.get_command(click.Context(self._train_group), recipe.name)
        if command is None:
            raise RequestError("this studio was started without training: start it as 'elbowroom studio'", 503)
        return command

    def start(self, recipe: str, arguments: dict[str, Any], settings: dict[str, Any], name: str) -> dict[str, Any]:
        """Start a training; return once it runs, or is still starting after a while.

        Raises:
            RequestError: a value is wrong or the training failed to start, with the command line's message.
        """
        registered = find(recipe)
        settings = dict(settings)
        source = settings.pop("data", None)
        source = "digits" if source is None else source
        if not isinstance(source, str):
            raise RequestError("the setting 'data' is not a text: give a name of the list")
        data = train_form.resolve_data(source, self._run_index, self._data_folders)
        train_arguments = train_form.train_arguments(
            registered, self._train_command(registered), arguments, settings, data
        )
        path = self._create_run_folder(name, f"{recipe}-{Path(data).stem}")
        try:
            process = self._start_process(path, ["train", *train_arguments, f"--out={path}"])
            state = processes.wait_for_start(lambda: (path / "recipe.json").is_file(), process)
        except BaseException:
            _remove_unstarted(path)
            raise
        if state == "exited" and not (path / "recipe.json").is_file():
            message = _failure_message(path)
            _remove_unstarted(path)
            raise RequestError(message)
        run = path.relative_to(self._run_index.path).as_posix()
        return {"run": run, "state": "training" if state == "started" else "starting"}

    def _create_run_folder(self, name: str, default_name: str) -> Path:
        """Create a new directory, so that two trainings never share one."""
        name = " ".join(name.split())
        if name and not re.fullmatch(r"[\w][\w.+=, -]{0,79}", name):
            raise RequestError(
                f"the name {name[:80]!r} is no directory name: give letters, digits, - and _, at most 80"
            )
        stem = re.sub(r"[^\w.+=,-]", "-", default_name)
        path = self._run_index.resolve_path(name) if name else next_path(stem, self._run_index.path)
        try:
            path.mkdir()
        except FileExistsError:
            raise RequestError(f"there is a '{path.name}' already: give another name", 409) from None
        except OSError as error:
            raise RequestError(
                f"cannot write to {self._run_index.path} ({error.strerror}): fix its permissions"
            ) from None
        return path

    def _start_process(self, path: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
        """Start the command line in a session of its own, without a shell; its output goes to ``studio.log``."""
        with self._start_lock:
            self._check_capacity(path)
            log = path / "studio.log"
            log.unlink(missing_ok=True)
            # With -P, no file of the working directory is imported in place of a module.
            with log.open("xb") as file:
                process = processes.start([sys.executable, "-P", "-m", "elbowroom", *arguments], file)
            write_annotations(path, pid=process.pid, began=processes.start_time(process.pid))
        threading.Thread(target=processes.supervise, args=(process, log), daemon=True).start()
        return process

    def _check_capacity(self, path: Path) -> None:
        """Refuse a second training into one directory, and more trainings than may run at once."""
        folders = {self._run_index.path / summary["run"] for summary in self._run_index.refresh()}
        # A training that has only just started has no record yet.
        folders |= {child for child in self._run_index.path.iterdir() if child.is_dir() and not child.is_symlink()}
        annotations = {folder: read_annotations(folder) for folder in folders}
        training = {
            folder
            for folder, annotated in annotations.items()
            if processes.is_same_process(annotated.get("pid"), annotated.get("began"))
        }
        if path in training:
            raise RequestError(f"'{path.name}' is being trained already", 409)
        if len(training) >= MAX_TRAININGS:
            raise RequestError(f"{MAX_TRAININGS} trainings run already: wait for one, or pause it", 429)

    def end_training(self, run: str, target_state: str) -> dict[str, Any]:
        """Ask a training to end after the current step, with a checkpoint: ``paused`` or ``stopped``.

        Raises:
            RequestError: it is not being trained, or not by a process that the studio started.
        """
        path, summary = self._run_index.run_path(run), self._run_index.summary(run)
        annotated = read_annotations(path)
        if not summary["live"]:
            raise RequestError(f"'{run}' is not being trained: it is {summary['state']}", 409)
        if annotated.get("pid") is None:
            raise RequestError(f"'{run}' was started elsewhere: press Ctrl-C where it runs", 409)
        write_annotations(path, asked=target_state)
        if not processes.terminate(annotated["pid"], annotated.get("began")):
            write_annotations(path, asked=None)
            raise RequestError(f"'{run}' is trained by a process that is not ours: press Ctrl-C where it runs", 409)
        return {"run": run, "state": target_state}

    def resume(self, run: str) -> dict[str, Any]:
        """Resume a run from its last checkpoint.

        Raises:
            RequestError: it cannot be resumed, with the command line's message.
        """
        path, summary = self._run_index.run_path(run), self._run_index.summary(run)
        if summary["live"]:
            raise RequestError(f"'{run}' is being trained already", 409)
        if not summary["resumable"]:
            raise RequestError(f"'{run}' is {summary['state']} and cannot be resumed: train a new run", 409)
        self._check_data_source(run)
        annotated = read_annotations(path)
        # A process releases the run's lock before it ends.
        processes.wait_for_end(annotated.get("pid"), annotated.get("began"))
        process = self._start_process(path, ["resume", str(path)])
        state = processes.wait_for_start(lambda: processes.is_locked(path), process)
        if state == "exited" and process.returncode:
            raise RequestError(_failure_message(path))
        write_annotations(path, asked=None)
        return {"run": run, "state": "training" if state == "started" else "starting"}

    def _check_data_source(self, run: str) -> None:
        """Refuse data outside the allowed folders: the record may have been brought here from elsewhere."""
        record = self._run_index.record(run) or {}
        train_form.resolve_data(str(record["data"]["source"]), self._run_index, self._data_folders)


def _failure_message(path: Path) -> str:
    """Return the reason from the log why a training did not start."""
    try:
        log = (path / "studio.log").read_text(encoding="utf-8", errors="replace")[-MAX_LOG_CHARS:]
    except OSError:
        log = ""
    last_line = log.strip().splitlines()[-1:] or ["its log is empty"]
    return last_error(log) or f"the training did not start: {last_line[0][:300]}"


def _remove_unstarted(path: Path) -> None:
    """Remove the directory of a training that never started."""
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)
