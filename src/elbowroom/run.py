"""A run: the directory that stands between training and everything that looks at it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import __version__

if TYPE_CHECKING:
    from elbowroom.data import Data
    from elbowroom.model import Generative
    from elbowroom.objectives import Term


class Run:
    """A run directory, existing or to be made.

    ========================  ===================================================================
    ``recipe.json``           recipe, arguments, data, training settings, seed, versions, commit
    ``metrics.jsonl``         a row per event, written line by line
    ``model.safetensors``     the weights
    ``checkpoints/``          the whole state of the training
    ``images/``               reconstructions, samples, curves
    ========================  ===================================================================

    Args:
        path: the directory.

    Raises:
        ValueError: when something is asked of it that it does not hold.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.weights = self.path / "model.safetensors"
        self.images = self.path / "images"
        self.checkpoint = self.path / "checkpoints" / "last.safetensors"
        self._metrics = self.path / "metrics.jsonl"

    @classmethod
    def new(cls, path: str | Path, record: dict[str, Any]) -> Run:
        """Make the directory, and write down what is about to run in it.

        Raises:
            ValueError: there is a run in it already, or it cannot be written.
        """
        run = cls(path)
        if run.exists:
            raise ValueError(f"{path} already holds a run: give another --out, go on with 'elbowroom resume {path}'")
        try:
            run.images.mkdir(parents=True, exist_ok=True)
            text = json.dumps(record | provenance(), indent=2, ensure_ascii=False)
            (run.path / "recipe.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"cannot write the run to {path} ({error.strerror}): give an --out you may write to"
            ) from None
        return run

    @property
    def exists(self) -> bool:
        """Whether the directory holds a run."""
        return (self.path / "recipe.json").is_file()

    @cached_property
    def record(self) -> dict[str, Any]:
        """What ``recipe.json`` says."""
        if not self.exists:
            raise ValueError(f"{self.path} holds no run (no recipe.json in it): 'elbowroom runs' lists those there are")
        try:
            return json.loads((self.path / "recipe.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{self.path / 'recipe.json'} is not readable as JSON ({error}): restore it") from None

    def log(self, row: dict[str, Any]) -> None:
        """Append one row to ``metrics.jsonl``, whole, so that a reader can follow."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def metrics(self, split: str | None = None) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``, of one split if named; a last line still being written is left out."""
        if not self._metrics.is_file():
            return []
        rows = []
        for line in self._metrics.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                rows.append(json.loads(line))
        return [row for row in rows if split is None or row.get("split") == split]

    def rewind(self, step: int) -> None:
        """Forget the rows after this step: training goes on from there, and will write them again."""
        kept = [json.dumps(row) + "\n" for row in self.metrics() if row["step"] <= step]
        beside = self._metrics.with_suffix(".part")
        beside.write_text("".join(kept), encoding="utf-8")
        os.replace(beside, self._metrics)

    @property
    def seconds(self) -> float:
        """How long it has trained."""
        return max((row.get("seconds", 0.0) for row in self.metrics()), default=0.0)

    def build(self) -> tuple[Generative, Term]:
        """Call the recipe again with its recorded arguments: model and objective with fresh weights."""
        from elbowroom.recipes import find

        record = self.record
        if record["recipe"] is None:
            raise ValueError(
                f"{self.path} was trained on a model that no recipe made: build it as then, and read "
                f"{self.weights.name} with elbowroom.weights"
            )
        arguments = {name: _tuples(value) for name, value in record["arguments"].items()}
        return find(record["recipe"])(tuple(record["shape"]), **arguments)

    def model(self) -> Generative:
        """The trained model, in evaluation mode, on the CPU."""
        from elbowroom import weights

        model, _ = self.build()
        tensors, _ = weights.read(self.weights)
        weights.fill(model, tensors, self.weights)
        return model.eval()

    def data(self) -> Data:
        """The data it was trained on, found and split as then.

        Raises:
            ValueError: it was given as a Python object, so it has to be given again.
        """
        from elbowroom.data import load_data

        data = self.record["data"]
        if data["source"] is None:
            raise ValueError(f"{self.path} was trained on data given in Python: pass the same as data=")
        return load_data(data["source"], **{name: _tuples(value) for name, value in data["arguments"].items()})

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def load(path: str | Path) -> Generative:
    """The trained model of a run directory, in evaluation mode, on the CPU.

    Raises:
        ValueError: there is no run, or its weights are damaged or another model's.
    """
    return Run(path).model()


def next_path(stem: str, folder: str | Path = "runs") -> Path:
    """The first free ``folder/stem-N``.

    >>> next_path("vae-digits", "no-such-folder").name
    'vae-digits-1'
    """
    return next(path for n in count(1) if not (path := Path(folder) / f"{stem}-{n}").exists())


def runs(folder: str | Path = "runs") -> list[Run]:
    """The runs in a folder and below it, the newest first.

    Raises:
        ValueError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: name the one that holds your runs, or train one first")
    found = [Run(record.parent) for record in folder.rglob("recipe.json")]
    return sorted(found, key=lambda run: run.record.get("started", ""), reverse=True)


def provenance() -> dict[str, Any]:
    """When, where and with which versions: what a figure needs beside it to be made again."""
    import numpy
    import torch

    return {
        "command": " ".join(["elbowroom", *sys.argv[1:]]) if Path(sys.argv[0]).stem == "elbowroom" else None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "elbowroom": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "commit": _commit(),
    }


def _commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def _tuples(value: Any) -> Any:
    """JSON has no tuples; recipes take them."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
