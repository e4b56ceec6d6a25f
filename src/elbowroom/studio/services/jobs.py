"""Trainings begun from the page: processes of their own, which outlive the studio."""

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
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from elbowroom.recipes import Recipe
from elbowroom.recipes.registry import all_recipes, find
from elbowroom.runs.run import next_path
from elbowroom.studio.http.json import RequestError, json_response, read_body
from elbowroom.studio.services import processes, train_form
from elbowroom.studio.services.annotations import read_annotations, write_annotations
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.studio.services.run_summary import last_error

#: Trainings at once.
MAX_TRAININGS = 4


class Jobs:
    """Starting, pausing, resuming and stopping trainings.

    Args:
        run_index: where runs go.
        train_group: the command line's ``start_training``, whose commands say what may be asked; None trains nothing.
        data_folders: folders whose files may be trained on, besides the runs folder.
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
        """The recipes, the settings and the data as forms."""
        recipes = list(all_recipes().values()) if self._train_group else []
        command, first = self._train_command(recipes[0]) if recipes else None, recipes[0] if recipes else None
        options = train_form.form_options(command, first) if command and first else []
        return {
            "recipes": [train_form.recipe_form(recipe) for recipe in recipes],
            "settings": [train_form.option_field(option) for option in options],
            "data": train_form.list_data(self._run_index, self._data_folders),
            "default": {"recipe": "vae", "data": "digits"},
        }

    def _train_command(self, recipe: Recipe) -> click.Command:
        command = self._train_group and self._train_group.get_command(click.Context(self._train_group), recipe.name)
        if command is None:
            raise RequestError("this studio was started without training: start it as 'elbowroom studio'", 503)
        return command

    def start(self, recipe: str, arguments: dict[str, Any], settings: dict[str, Any], name: str) -> dict[str, Any]:
        """Begin a training; returns once it runs.

        Raises:
            Refused: something in it cannot be, in the words of the command line.
        """
        found = find(recipe)
        settings = dict(settings)
        asked = settings.pop("data", None)
        source = "digits" if asked is None else asked
        if not isinstance(source, str):
            raise RequestError("the setting 'data' is no text: give a name of the list")
        data = train_form.resolve_data(source, self._run_index, self._data_folders)
        words = train_form.train_arguments(found, self._train_command(found), arguments, settings, data)
        path = self._create_run_folder(name, f"{recipe}-{Path(data).stem}")
        run = path.relative_to(self._run_index.path).as_posix()
        try:
            process = self._start_process(path, ["train", *words, f"--out={path}"])
            state = processes.wait_for_start(lambda: (path / "recipe.json").is_file(), process)
        except BaseException:
            _remove_unstarted(path)
            raise
        if state == "over" and not (path / "recipe.json").is_file():
            why = _failure_message(path)
            _remove_unstarted(path)
            raise RequestError(why)
        return {"run": run, "state": "training" if state == "begun" else "starting"}

    def _create_run_folder(self, name: str, default_name: str) -> Path:
        """A directory that is new, so that two trainings never share one."""
        name = " ".join(name.split())
        if name and not re.fullmatch(r"[\w][\w.+=, -]{0,79}", name):
            raise RequestError(f"the name {name[:80]!r} makes no directory: give letters, digits, - and _, at most 80")
        stem = re.sub(r"[^\w.+=,-]", "-", default_name)
        path = self._run_index.resolve_path(name) if name else next_path(stem, self._run_index.path)
        try:
            path.mkdir()
        except FileExistsError:
            raise RequestError(f"there is a '{path.name}' already: give another name", 409) from None
        except OSError as error:
            raise RequestError(
                f"cannot write to {self._run_index.path} ({error.strerror}): mend its permissions"
            ) from None
        return path

    def _start_process(self, path: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
        """Start the command line in a session of its own, its output in a log beside; nothing goes through a shell."""
        with self._start_lock:
            self._check_capacity(path)
            log = path / "studio.log"
            log.unlink(missing_ok=True)
            with log.open("xb") as file:
                process = processes.start([sys.executable, "-m", "elbowroom", *arguments], file)
            write_annotations(path, pid=process.pid, began=processes.start_time(process.pid))
        threading.Thread(target=processes.supervise, args=(process, log), daemon=True).start()
        return process

    def _check_capacity(self, path: Path) -> None:
        """Neither more trainings than may be, nor two into one directory."""
        begun = {self._run_index.path / summary["run"] for summary in self._run_index.refresh()}
        begun |= {place for place in self._run_index.path.iterdir() if place.is_dir() and not place.is_symlink()}
        held = {place: read_annotations(place) for place in begun}
        trained = {place for place, one in held.items() if processes.is_same_process(one.get("pid"), one.get("began"))}
        if path in trained:
            raise RequestError(f"'{path.name}' is being trained already", 409)
        if len(trained) >= MAX_TRAININGS:
            raise RequestError(f"{MAX_TRAININGS} trainings run already: wait for one, or pause it", 429)

    def end_training(self, run: str, target_state: str) -> dict[str, Any]:
        """Ask a training to end after the step under way, with a checkpoint: ``paused`` or ``stopped``.

        Raises:
            Refused: it is not being trained, or not by a process that the studio began.
        """
        path, summary = self._run_index.run_path(run), self._run_index.summary(run)
        held = read_annotations(path)
        if not summary["live"]:
            raise RequestError(f"'{run}' is not being trained: it is {summary['state']}", 409)
        if held.get("pid") is None:
            raise RequestError(f"'{run}' was begun elsewhere: press Ctrl-C where it runs", 409)
        write_annotations(path, asked=target_state)
        if not processes.terminate(held["pid"], held.get("began")):
            write_annotations(path, asked=None)
            raise RequestError(f"'{run}' is trained by a process that is not ours: press Ctrl-C where it runs", 409)
        return {"run": run, "state": target_state}

    def resume(self, run: str) -> dict[str, Any]:
        """Go on with a run from its last checkpoint.

        Raises:
            Refused: it cannot be, in the words of the command line.
        """
        path, summary = self._run_index.run_path(run), self._run_index.summary(run)
        if summary["live"]:
            raise RequestError(f"'{run}' is being trained already", 409)
        if not summary["resumable"]:
            raise RequestError(f"'{run}' is {summary['state']}, and cannot go on from here: train a new run", 409)
        self._check_data_source(path, run)
        held = read_annotations(path)
        processes.wait_for_end(held.get("pid"), held.get("began"))  # it lets go of the run before it ends
        process = self._start_process(path, ["resume", str(path)])
        state = processes.wait_for_start(lambda: processes.is_locked(path), process)
        if state == "over" and process.returncode:
            raise RequestError(_failure_message(path))
        write_annotations(path, asked=None)
        return {"run": run, "state": "training" if state == "begun" else "starting"}

    def _check_data_source(self, path: Path, run: str) -> None:
        """A record may have been brought here from elsewhere: what it names as data has to be where data may be."""
        record = self._run_index.record(run) or {}
        train_form.resolve_data(str(record["data"]["source"]), self._run_index, self._data_folders)


def _failure_message(path: Path) -> str:
    """Why a training did not begin."""
    try:
        said = (path / "studio.log").read_text(encoding="utf-8", errors="replace")[-(1 << 14) :]
    except OSError:
        said = ""
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return last_error(said) or f"the training did not begin: {last[0][:300]}"


def _remove_unstarted(path: Path) -> None:
    """Take away the directory of a training that never began."""
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)


def _get_jobs(request: Request) -> Jobs:
    return request.app.state.studio.jobs


def get_recipes(request: Request) -> Response:
    """The forms."""
    return json_response(_get_jobs(request).train_forms())


async def start_training(request: Request) -> Response:
    """Begin a training."""
    given = await read_body(request, recipe=str, arguments=(dict, {}), settings=(dict, {}), name=(str, ""))
    return json_response(await run_in_threadpool(_get_jobs(request).start, **given))


async def pause_training(request: Request) -> Response:
    """End a training so that it goes on later."""
    given = await read_body(request, run=str)
    return json_response(await run_in_threadpool(_get_jobs(request).end_training, given["run"], "paused"))


async def stop_training(request: Request) -> Response:
    """End a training."""
    given = await read_body(request, run=str)
    return json_response(await run_in_threadpool(_get_jobs(request).end_training, given["run"], "stopped"))


async def resume_training(request: Request) -> Response:
    """Go on with a run."""
    given = await read_body(request, run=str)
    return json_response(await run_in_threadpool(_get_jobs(request).resume, given["run"]))


ROUTES: list[BaseRoute] = [
    Route("/api/recipes", get_recipes),
    Route("/api/train", start_training, methods=["POST"]),
    Route("/api/pause", pause_training, methods=["POST"]),
    Route("/api/stop", stop_training, methods=["POST"]),
    Route("/api/resume", resume_training, methods=["POST"]),
]
