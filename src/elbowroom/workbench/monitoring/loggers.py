"""Loggers: callbacks that send metrics and images to CSV, TensorBoard, Weights & Biases and visdom.

The run directory has all of it in ``metrics.jsonl`` and ``images`` anyway.
"""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from elbowroom.runs.run import Run
from elbowroom.training import Callback, State
from elbowroom.training.state import EPOCH, ROW, RUN, STEP

#: How a package is installed, where not by its name: visdom is built with a module that setuptools has no more.
INSTALL_COMMANDS = {"visdom": 'pip install "setuptools<81" wheel && pip install --no-build-isolation visdom'}


def _import_required(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        command = INSTALL_COMMANDS.get(package, f"pip install {package}")
        raise ValueError(f"this callback needs {package}, which is not installed: {command}") from None


def _row_metrics(row: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of a row: its floats without the time."""
    return {name: value for name, value in row.items() if isinstance(value, float) and name != "seconds"}


def _epoch_images(state: State) -> dict[str, Path]:
    """Return the images of the epoch that has just ended, by kind."""
    paths = {path.stem.rpartition("-")[0]: path for path in state[RUN].images.glob(f"*-{state[EPOCH]:04d}.png")}
    return dict(sorted(paths.items()))


class CSV(Callback):
    """CSV logger: the metrics as ``metrics.csv`` in the run directory, with a column for every metric of any row.

    Args:
        name: the name of the file.
    """

    is_on_every_rank = False

    def __init__(self, name: str = "metrics.csv") -> None:
        self.name = name

    def end(self, state: State) -> None:
        """Write the table at the end from ``metrics.jsonl``, so that a resumed run has one complete table."""
        rows = [row for row in state[RUN].metrics() if "split" in row]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with (state[RUN].path / self.name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


class TensorBoard(Callback):
    """TensorBoard logger: scalars ``split/metric`` and the images of each epoch.

    Args:
        folder: of the event files; ``tensorboard`` in the run directory if not given.

    Raises:
        ValueError: tensorboard is not installed.
    """

    is_on_every_rank = False

    def __init__(self, folder: str | Path | None = None) -> None:
        _import_required("tensorboard")
        self._folder = folder
        self._writer: Any = None

    def start(self, state: State) -> None:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        # Events that a resumed run wrote after its checkpoint are purged.
        self._writer = writer(self._folder or state[RUN].path / "tensorboard", purge_step=state[STEP] + 1)

    def row(self, state: State) -> None:
        row = state[ROW]
        for name, value in _row_metrics(row).items():
            self._writer.add_scalar(f"{row['split']}/{name}", value, row["step"])

    def epoch(self, state: State) -> None:
        for kind, path in _epoch_images(state).items():
            self._writer.add_image(kind, np.asarray(Image.open(path).convert("RGB")), state[STEP], dataformats="HWC")

    def close(self, state: State) -> None:
        if self._writer is not None:
            self._writer.close()


def _training_id(run: Run) -> str:
    """Return the directory's name with a hash of how and when the training was started; of a resumed one the same."""
    start = json.dumps([run.record.get(field) for field in ("started", "weights_seed", "arguments")], default=str)
    return f"{run.path.name}-{blake2b(start.encode(), digest_size=4).hexdigest()}"


class WandB(Callback):
    """Weights & Biases logger: scalars ``split/metric`` and the images of each epoch.

    A resumed run continues the same W&B run, which is named after the run directory; one that replaces another there
    begins a new one.

    Args:
        project: the W&B project.
        **settings: passed to ``wandb.init``.

    Raises:
        ValueError: wandb is not installed.
    """

    is_on_every_rank = False

    def __init__(self, project: str = "elbowroom", **settings: Any) -> None:
        self._wandb = _import_required("wandb")
        self._project, self._settings = project, settings
        self._run: Any = None

    def start(self, state: State) -> None:
        run = state[RUN]
        defaults = {"project": self._project, "name": run.path.name, "id": _training_id(run), "resume": "allow"}
        self._run = self._wandb.init(config=run.record, **(defaults | self._settings))

    def row(self, state: State) -> None:
        row = state[ROW]
        metrics = {f"{row['split']}/{name}": value for name, value in _row_metrics(row).items()}
        self._run.log(metrics | {"epoch": row["epoch"]}, step=row["step"])

    def epoch(self, state: State) -> None:
        images = {kind: self._wandb.Image(str(path)) for kind, path in _epoch_images(state).items()}
        if images:
            self._run.log(images, step=state[STEP])

    def close(self, state: State) -> None:
        if self._run is not None:
            self._run.finish()


class Visdom(Callback):
    """Visdom logger: a window for each metric, with a line for each split, and one for each kind of image.

    Args:
        env: visdom's environment; the name of the run directory if not given.
        **settings: passed to ``visdom.Visdom``, as ``server`` and ``port``.

    Raises:
        ValueError: visdom is not installed.
    """

    is_on_every_rank = False

    def __init__(self, env: str | None = None, **settings: Any) -> None:
        self._visdom = _import_required("visdom")
        self._env, self._settings = env, settings
        self._board: Any = None

    def start(self, state: State) -> None:
        self._board = self._visdom.Visdom(env=self._env or state[RUN].path.name, **self._settings)

    def row(self, state: State) -> None:
        row = state[ROW]
        for name, value in _row_metrics(row).items():
            self._board.line(
                X=np.array([row["step"]]),
                Y=np.array([value]),
                win=name,
                name=row["split"],
                update="append",
                opts={"title": name, "xlabel": "optimiser steps", "ylabel": "nats per example", "showlegend": True},
            )

    def epoch(self, state: State) -> None:
        for kind, path in _epoch_images(state).items():
            pixels = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
            self._board.image(pixels, win=kind, opts={"title": f"{kind}, epoch {state[EPOCH]}"})


#: Loggers by the name that ``log`` has for them.
LOGGERS: dict[str, Callable[[], Callback]] = {
    "csv": CSV,
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "visdom": Visdom,
}


def make_loggers(names: Sequence[str]) -> list[Callback]:
    """Make the loggers of these names.

    Raises:
        ValueError: the package of one is not installed.
    """
    return [LOGGERS[name]() for name in names]
