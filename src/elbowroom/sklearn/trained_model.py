"""A trained model held in memory: with the files of its run, from which it is pickled, copied, saved and trained on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from elbowroom import serialization
from elbowroom.data import Data
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives import Term
from elbowroom.runs.run import Run
from elbowroom.samplers.default import load
from elbowroom.training.state import State
from elbowroom.workbench.fit import fit, resume
from elbowroom.workbench.monitoring.doctor import Doctor

#: The files of a run that a model is made of again, and trained further.
KEPT_FILES = ("recipe.json", "metrics.jsonl", "model.safetensors", "sampler-*.safetensors")


class SilentDoctor(Doctor):
    """No diagnoses: for a training whose run directory nobody reads."""

    def validation(self, state: State) -> None:
        """Take no snapshot."""


class TrainedModel:
    """A trained model with the files of its run, which need not be on disk.

    Args:
        files: what is in the files of the run, by their names in the directory.

    Attributes:
        model: in evaluation mode, on the CPU.
        record: of the run, as in ``recipe.json``.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.model = self._load()
        self.record: dict[str, Any] = json.loads(self.files["recipe.json"])

    @classmethod
    def read(cls, path: str | Path) -> TrainedModel:
        """Read the files of a run directory."""
        folder = Path(path)
        found = [file for pattern in KEPT_FILES for file in folder.glob(pattern)]
        checkpoints = Run(folder).checkpoint_files[:1]
        return cls({str(file.relative_to(folder)): file.read_bytes() for file in (*found, *checkpoints)})

    def write(self, path: str | Path) -> None:
        """Write the files into a directory, the record last, which makes it a run."""
        folder = Path(path)
        for name in sorted(self.files, key=lambda name: name == "recipe.json"):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with serialization.atomic_path(file) as temporary:
                temporary.write_bytes(self.files[name])

    @contextmanager
    def as_directory(self) -> Iterator[Path]:
        """Write the run into a directory of its own, which is removed at the end."""
        with tempfile.TemporaryDirectory() as folder:
            self.write(Path(folder) / "run")
            yield Path(folder) / "run"

    @cached_property
    def precise_model(self) -> GenerativeModel:
        """The model in double precision, in which a result does not depend on the examples computed beside it."""
        return self._load().double()

    @property
    def n_epochs(self) -> int:
        """The passes over the examples that it was trained for."""
        rows = [json.loads(line) for line in self.files["metrics.jsonl"].splitlines()]
        return max((int(row.get("epoch", 0)) for row in rows), default=0)

    def _load(self) -> GenerativeModel:
        with self.as_directory() as path:
            return load(path)

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["files"])  # type: ignore[misc]


def train_model(
    model: GenerativeModel,
    objective: Term,
    data: Data,
    settings: Mapping[str, Any],
    out: str | Path | None = None,
    overwrite: bool = False,
) -> TrainedModel:
    """Train a model, and return it with the files of its run; the directory is kept only where it is asked for.

    Args:
        model: as a recipe made it.
        objective: likewise.
        data: its examples.
        settings: fields of :class:`TrainConfig`.
        out: the run directory; none is left if not given.
        overwrite: whether a run in ``out`` is replaced.

    Raises:
        ValueError: as for :func:`~elbowroom.fit`.
    """
    if out is not None:
        return TrainedModel.read(fit(model, objective, data, out=out, overwrite=overwrite, **settings).path)
    with tempfile.TemporaryDirectory() as folder:
        unwatched: dict[str, Any] = {"report": False, **settings}
        run = fit(model, objective, data, out=Path(folder) / "run", callbacks=[SilentDoctor()], **unwatched)
        return TrainedModel.read(run.path)


def continue_training(trained: TrainedModel, data: Data, batch_size: int) -> TrainedModel:
    """Train a model for one more pass over other examples: optimizer and random state go on from where they were.

    Args:
        trained: the model, which stays as it is.
        data: examples coded as those that it was trained on.
        batch_size: examples per step.
    """
    done = max(int(Path(name).stem.partition("-")[0]) for name in trained.files if name.startswith("checkpoints/"))
    with trained.as_directory() as path:
        run = Run(path)
        callbacks: Sequence[Doctor] = [SilentDoctor()]
        run.record["training"] |= {"batch_size": batch_size, "callbacks": [], "report": False}
        resume(run, data, callbacks=callbacks, steps=done + data.train.steps(batch_size))
        return TrainedModel.read(path)
