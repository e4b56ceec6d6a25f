"""Training jobs: start, cancel, pause, stop and resume trainings as processes that outlive the studio."""

from __future__ import annotations

import os
import re
import shlex
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
from elbowroom.runs.run import PAUSE_FILE, next_path
from elbowroom.runs.settings import train_options
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import data_sources, processes, train_form, train_request
from elbowroom.studio.services.annotations import read_annotations, write_annotations
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.studio.services.run_log import last_error, read_tail

#: Trainings that may run at once.
MAX_TRAININGS = 4


def program(words: Sequence[str]) -> list[str]:
    """Return the program that runs a command line; with -P, no file of the working directory is imported for a module.

    >>> program(["train", "vae"])[1:]
    ['-P', '-m', 'elbowroom', 'train', 'vae']
    """
    return [sys.executable, "-P", "-m", "elbowroom", *words]


def shown_path(path: Path) -> str:
    """Return a path from the working directory, if it lies in it, and else as it is."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


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
            "data": data_sources.list_data(self._data_folders),
            "default": {"recipe": "vae", "data": "digits"},
        }

    def train_values(self, run: str) -> dict[str, Any]:
        """Return the values of the form that train a run again.

        Raises:
            RequestError: its record is damaged, or no recipe made it.
        """
        record = self._run_index.record(run)
        if record is None:
            raise RequestError(f"'{run}' is damaged: its record cannot be read", 409)
        if record["recipe"] is None:
            raise RequestError(f"'{run}' was composed in Python, by no recipe: no form makes it again", 409)
        recipe = find(record["recipe"])
        return train_request.form_values(record, recipe, self._train_command(recipe))

    def resolve_data(self, source: str) -> str:
        """Return a source that may be read: a named data set, or a path in the runs folder or a data folder."""
        return data_sources.resolve_data(source, self._run_index, self._data_folders)

    def _train_command(self, recipe: Recipe) -> click.Command:
        command = self._train_group and self._train_group.get_command(click.Context(self._train_group), recipe.name)
        if command is None:
            raise RequestError("this studio was started without training: start it as 'elbowroom studio'", 503)
        return command

    def train_words(self, recipe: Recipe, arguments: dict[str, Any], settings: dict[str, Any]) -> list[str]:
        """Return the words of ``elbowroom train`` without the run's directory, each value checked by itself.

        Raises:
            RequestError: a value is wrong.
        """
        settings = dict(settings)
        source = settings.pop("data", None)
        source = "digits" if source is None else source
        if not isinstance(source, str):
            raise RequestError("the setting 'data' is not a text: give a name of the list", field="data")
        if settings.get("init_from") is not None:
            settings["init_from"] = self._resolve_run(str(settings["init_from"]))
        data = self.resolve_data(source)
        return train_request.train_arguments(recipe, self._train_command(recipe), arguments, settings, data)

    def _resolve_run(self, name: str) -> str:
        """Return the path of a run to start from: its name in the runs folder, or its path."""
        candidates = (self._run_index.path / name, Path(name).absolute())
        try:
            path = next(path for path in candidates if (path / "recipe.json").is_file())
            return shown_path(self._run_index.run_path(path.relative_to(self._run_index.path).as_posix()))
        except (StopIteration, ValueError, OSError):
            message = f"there is no run '{name[:80]}' in the runs folder: give the name of one"
            raise RequestError(message, field="init_from") from None

    def preview_command(self, recipe: str, arguments: dict[str, Any], settings: dict[str, Any], name: str) -> str:
        """Return the command line that :meth:`start` would run, ready to be pasted.

        Raises:
            RequestError: a value is wrong.
        """
        words = self.train_words(find(recipe), arguments, settings)
        out = self._new_path(name, recipe, settings)
        return shlex.join(["elbowroom", "train", *words, f"--out={shown_path(out)}"])

    def start(
        self,
        recipe: str,
        arguments: dict[str, Any],
        settings: dict[str, Any],
        name: str,
        wait: float = processes.START_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Start a training; return once it runs, or is still starting after ``wait`` seconds.

        Raises:
            RequestError: a value is wrong, or the training failed to start; with the field where it is known.
        """
        registered = find(recipe)
        words = self.train_words(registered, arguments, settings)
        train_request.check_training(registered, self._train_command(registered), words[1:])
        path = self._create_run_folder(self._new_path(name, recipe, settings))
        try:
            process = self._start_process(path, ["train", *words, f"--out={shown_path(path)}"])
            state = processes.wait_for_start(lambda: (path / "recipe.json").is_file(), process, wait)
        except BaseException:
            _remove_unstarted(path)
            raise
        run = path.relative_to(self._run_index.path).as_posix()
        if state == "exited":
            return self.start_state(run)
        return {"run": run, "state": "training" if state == "started" else "starting"}

    def start_state(self, run: str) -> dict[str, Any]:
        """Return whether a training that was started runs, or is still starting.

        Raises:
            RequestError: it has failed, with the command line's message; what it left is removed.
        """
        path = self._run_index.resolve_path(run)
        if (path / "recipe.json").is_file():
            return {"run": run, "state": "training"}
        annotated = read_annotations(path)
        if processes.is_same_process(annotated.get("pid"), annotated.get("began")):
            return {"run": run, "state": "starting"}
        if "pid" not in annotated:
            raise RequestError(f"'{run[:80]}' is not starting: reload the list of runs", 404)
        message = _failure_message(path)
        _remove_unstarted(path)
        raise RequestError(message, field=train_request.find_field(message, train_options()))

    def cancel_start(self, run: str) -> dict[str, Any]:
        """End a training that is still starting, and remove what it left; one that runs by now is stopped.

        Raises:
            RequestError: it is not starting.
        """
        if self.start_state(run)["state"] == "training":
            return self.end_training(run, "stopped")
        path = self._run_index.resolve_path(run)
        annotated = read_annotations(path)
        processes.end(annotated["pid"], annotated.get("began"))
        _remove_unstarted(path)
        return {"run": run, "state": "canceled"}

    def _new_path(self, name: str, recipe: str, settings: dict[str, Any]) -> Path:
        """Return the directory of a new run: by its name, or else by recipe and data with a number."""
        name = " ".join(name.split())
        if name and not re.fullmatch(r"[\w][\w.+=, -]{0,79}", name):
            raise RequestError(
                f"the name {name[:80]!r} is no directory name: give letters, digits, - and _, at most 80", field="name"
            )
        stem = re.sub(r"[^\w.+=,-]", "-", f"{recipe}-{Path(settings.get('data') or 'digits').stem}")
        return self._run_index.resolve_path(name) if name else next_path(stem, self._run_index.path)

    def _create_run_folder(self, path: Path) -> Path:
        """Create a new directory, so that two trainings never share one."""
        try:
            path.mkdir()
        except FileExistsError:
            raise RequestError(f"there is a '{path.name}' already: give another name", 409, "name") from None
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
            with log.open("xb") as file:
                process = processes.start(program(arguments), file)
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

        One that the studio started gets a signal; any other finds the file that pauses it, within a second.

        Raises:
            RequestError: it is not being trained, or its directory belongs to somebody else.
        """
        path, summary = self._run_index.run_path(run), self._run_index.summary(run)
        if not summary["live"]:
            raise RequestError(f"'{run}' is not being trained: it is {summary['state']}", 409)
        annotated = read_annotations(path)
        try:
            write_annotations(path, asked=target_state)
            if not processes.terminate(annotated.get("pid", 0), annotated.get("began")):
                (path / PAUSE_FILE).touch()
        except OSError as error:
            raise RequestError(f"cannot write to '{run}' ({error.strerror}): press Ctrl-C where it runs", 409) from None
        return {"run": run, "state": target_state}

    def resume(self, run: str, epochs: int | None = None) -> dict[str, Any]:
        """Resume a run from its last checkpoint, to more epochs if they are given.

        Raises:
            RequestError: it cannot be resumed, with the command line's message.
        """
        path, summary = self._run_index.run_path(run), self._run_index.summary(run)
        if summary["live"]:
            raise RequestError(f"'{run}' is being trained already", 409)
        if not summary["resumable" if epochs is None else "extendable"]:
            raise RequestError(f"'{run}' is {summary['state']} and cannot be resumed: train a new run", 409)
        if epochs is not None and epochs <= summary["epoch"]:
            raise RequestError(f"epochs: give more than the {summary['epoch']} that it has", 409, "epochs")
        self.check_run(run)
        annotated = read_annotations(path)
        # A process releases the run's lock before it ends: on a busy machine its report takes long.
        processes.wait_for_end(annotated.get("pid"), annotated.get("began"), processes.START_TIMEOUT_S)
        longer = [] if epochs is None else [f"--epochs={epochs}"]
        process = self._start_process(path, ["resume", str(path), *longer])
        state = processes.wait_for_start(lambda: processes.is_locked(path), process)
        if state == "exited" and process.returncode:
            raise RequestError(_failure_message(path))
        write_annotations(path, asked=None)
        return {"run": run, "state": "training" if state == "started" else "starting"}

    def check_run(self, run: str) -> None:
        """Refuse to start a process where training is off, or for a run with data outside the allowed folders.

        Its record may have been brought here from elsewhere.

        Raises:
            RequestError: one of both.
        """
        if self._train_group is None:
            raise RequestError("this studio was started without training: start it as 'elbowroom studio'", 503)
        record = self._run_index.record(run)
        if record is None:
            raise RequestError(f"'{run}' is damaged: its record cannot be read", 409)
        if (source := record["data"].get("source")) is not None:
            self.resolve_data(str(source))


def _failure_message(path: Path) -> str:
    """Return the reason from the log why a training did not start."""
    log = read_tail(path / "studio.log")
    last_line = log.strip().splitlines()[-1:] or ["its log is empty"]
    return last_error(log) or f"the training did not start: {last_line[0][:300]}"


def _remove_unstarted(path: Path) -> None:
    """Remove the directory of a training that never started."""
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)
