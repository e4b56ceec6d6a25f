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
from elbowroom.recipes.registry import find, known
from elbowroom.runs.run import next_path
from elbowroom.studio.http.json import Refused, body, ok
from elbowroom.studio.services import annotations, processes, train_form
from elbowroom.studio.services.run_index import Folder
from elbowroom.studio.services.run_summary import complaint

#: Trainings at once.
AT_ONCE = 4


class Jobs:
    """Starting, pausing, resuming and stopping trainings.

    Args:
        folder: where runs go.
        train: the command line's ``train``, whose commands say what may be asked; None trains nothing.
        data_folders: folders whose files may be trained on, besides the runs folder.
    """

    def __init__(
        self, folder: Folder, train: click.Group | None = None, data_folders: Sequence[str | os.PathLike[str]] = ()
    ) -> None:
        self._folder, self._train = folder, train
        self._data_folders = [Path(path).resolve() for path in data_folders]
        self._starting = threading.Lock()
        for path in self._data_folders:
            if not path.is_dir():
                raise ValueError(f"--data-folder {path} is no folder: give one that holds data")

    def forms(self) -> dict[str, Any]:
        """The recipes, the settings and the data as forms."""
        recipes = list(known().values()) if self._train else []
        command, first = self._command(recipes[0]) if recipes else None, recipes[0] if recipes else None
        options = train_form.settings(command, first) if command and first else []
        return {
            "recipes": [train_form.of_recipe(recipe) for recipe in recipes],
            "settings": [train_form.of_option(option) for option in options],
            "data": train_form.data(self._folder, self._data_folders),
            "default": {"recipe": "vae", "data": "digits"},
        }

    def _command(self, recipe: Recipe) -> click.Command:
        command = self._train and self._train.get_command(click.Context(self._train), recipe.name)
        if command is None:
            raise Refused("this studio was started without training: start it as 'elbowroom studio'", 503)
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
            raise Refused("the setting 'data' is no text: give a name of the list")
        data = train_form.data_at(source, self._folder, self._data_folders)
        words = train_form.words(found, self._command(found), arguments, settings, data)
        path = self._place(name, f"{recipe}-{Path(data).stem}")
        run = path.relative_to(self._folder.path).as_posix()
        try:
            process = self._begin(path, ["train", *words, f"--out={path}"])
            state = processes.until(lambda: (path / "recipe.json").is_file(), process)
        except BaseException:
            _clear(path)
            raise
        if state == "over" and not (path / "recipe.json").is_file():
            why = _said(path)
            _clear(path)
            raise Refused(why)
        return {"run": run, "state": "training" if state == "begun" else "starting"}

    def _place(self, name: str, otherwise: str) -> Path:
        """A directory that is new, so that two trainings never share one."""
        name = " ".join(name.split())
        if name and not re.fullmatch(r"[\w][\w.+=, -]{0,79}", name):
            raise Refused(f"the name {name[:80]!r} makes no directory: give letters, digits, - and _, at most 80")
        stem = re.sub(r"[^\w.+=,-]", "-", otherwise)
        path = self._folder.inside(name) if name else next_path(stem, self._folder.path)
        try:
            path.mkdir()
        except FileExistsError:
            raise Refused(f"there is a '{path.name}' already: give another name", 409) from None
        except OSError as error:
            raise Refused(f"cannot write to {self._folder.path} ({error.strerror}): mend its permissions") from None
        return path

    def _begin(self, path: Path, words: list[str]) -> subprocess.Popen[bytes]:
        """Start the command line in a session of its own, its output in a log beside; nothing goes through a shell."""
        with self._starting:
            self._must_have_room(path)
            log = path / "studio.log"
            log.unlink(missing_ok=True)
            with log.open("xb") as file:
                process = processes.start([sys.executable, "-m", "elbowroom", *words], file)
            annotations.write(path, pid=process.pid, began=processes.began(process.pid))
        threading.Thread(target=processes.attend, args=(process, log), daemon=True).start()
        return process

    def _must_have_room(self, path: Path) -> None:
        """Neither more trainings than may be, nor two into one directory."""
        begun = {self._folder.path / summary["run"] for summary in self._folder.look()}
        begun |= {place for place in self._folder.path.iterdir() if place.is_dir() and not place.is_symlink()}
        held = {place: annotations.read(place) for place in begun}
        trained = {place for place, one in held.items() if processes.same(one.get("pid"), one.get("began"))}
        if path in trained:
            raise Refused(f"'{path.name}' is being trained already", 409)
        if len(trained) >= AT_ONCE:
            raise Refused(f"{AT_ONCE} trainings run already: wait for one, or pause it", 429)

    def end(self, run: str, asked: str) -> dict[str, Any]:
        """Ask a training to end after the step under way, with a checkpoint: ``paused`` or ``stopped``.

        Raises:
            Refused: it is not being trained, or not by a process that the studio began.
        """
        path, summary = self._folder.run(run), self._folder.summary(run)
        held = annotations.read(path)
        if not summary["live"]:
            raise Refused(f"'{run}' is not being trained: it is {summary['state']}", 409)
        if held.get("pid") is None:
            raise Refused(f"'{run}' was begun elsewhere: press Ctrl-C where it runs", 409)
        annotations.write(path, asked=asked)
        if not processes.end(held["pid"], held.get("began")):
            annotations.write(path, asked=None)
            raise Refused(f"'{run}' is trained by a process that is not ours: press Ctrl-C where it runs", 409)
        return {"run": run, "state": asked}

    def resume(self, run: str) -> dict[str, Any]:
        """Go on with a run from its last checkpoint.

        Raises:
            Refused: it cannot be, in the words of the command line.
        """
        path, summary = self._folder.run(run), self._folder.summary(run)
        if summary["live"]:
            raise Refused(f"'{run}' is being trained already", 409)
        if not summary["resumable"]:
            raise Refused(f"'{run}' is {summary['state']}, and cannot go on from here: train a new run", 409)
        self._must_read(path, run)
        held = annotations.read(path)
        processes.await_end(held.get("pid"), held.get("began"))  # it lets go of the run before it ends
        process = self._begin(path, ["resume", str(path)])
        state = processes.until(lambda: processes.locked(path), process)
        if state == "over" and process.returncode:
            raise Refused(_said(path))
        annotations.write(path, asked=None)
        return {"run": run, "state": "training" if state == "begun" else "starting"}

    def _must_read(self, path: Path, run: str) -> None:
        """A record may have been brought here from elsewhere: what it names as data has to be where data may be."""
        record = self._folder.record(run) or {}
        train_form.data_at(str(record["data"]["source"]), self._folder, self._data_folders)


def _said(path: Path) -> str:
    """Why a training did not begin."""
    try:
        said = (path / "studio.log").read_text(encoding="utf-8", errors="replace")[-(1 << 14) :]
    except OSError:
        said = ""
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return complaint(said) or f"the training did not begin: {last[0][:300]}"


def _clear(path: Path) -> None:
    """Take away the directory of a training that never began."""
    if not (path / "recipe.json").exists():
        shutil.rmtree(path, ignore_errors=True)


def _jobs(request: Request) -> Jobs:
    return request.app.state.studio.jobs


def recipes(request: Request) -> Response:
    """The forms."""
    return ok(_jobs(request).forms())


async def train(request: Request) -> Response:
    """Begin a training."""
    given = await body(request, recipe=str, arguments=(dict, {}), settings=(dict, {}), name=(str, ""))
    return ok(await run_in_threadpool(_jobs(request).start, **given))


async def pause(request: Request) -> Response:
    """End a training so that it goes on later."""
    given = await body(request, run=str)
    return ok(await run_in_threadpool(_jobs(request).end, given["run"], "paused"))


async def stop(request: Request) -> Response:
    """End a training."""
    given = await body(request, run=str)
    return ok(await run_in_threadpool(_jobs(request).end, given["run"], "stopped"))


async def resume(request: Request) -> Response:
    """Go on with a run."""
    given = await body(request, run=str)
    return ok(await run_in_threadpool(_jobs(request).resume, given["run"]))


ROUTES: list[BaseRoute] = [
    Route("/api/recipes", recipes),
    Route("/api/train", train, methods=["POST"]),
    Route("/api/pause", pause, methods=["POST"]),
    Route("/api/stop", stop, methods=["POST"]),
    Route("/api/resume", resume, methods=["POST"]),
]
