"""A run: the directory that stands between training and everything that looks at it."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import __version__, distributed, errors

if TYPE_CHECKING:
    from elbowroom.data import Data
    from elbowroom.models.base import GenerativeModel
    from elbowroom.objectives import Term


#: What ``recipe.json`` must say for a run to be of use, each field under its path.
_REQUIRED_FIELDS: dict[str, Any] = {
    "recipe": str | None,
    "arguments": dict | None,
    "shape": list,
    "data": dict,
    "training": dict,
    "training.epochs": int | None,
    "training.steps": int | None,
    "training.batch_size": int,
    "training.lr": int | float,
    "training.optimizer": str,
    "training.seed": int,
    "training.device": str,
    "training.watch": list,
    "training.callbacks": list,
    "training.pass_state": bool,
    "training.accumulate": int,
    "training.checkpoint_every": int | None,
    "training.on_nan": str,
    "training.precision": str,
    "training.products": str,
}


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

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.weights = self.path / "model.safetensors"
        self.images = self.path / "images"
        self.checkpoints = self.path / "checkpoints"
        self.best_weights = self.checkpoints / "best.safetensors"
        self._metrics_path = self.path / "metrics.jsonl"

    @classmethod
    def create(cls, path: str | Path, record: dict[str, Any]) -> Run:
        """Make the directory, and write down what is about to run in it.

        Raises:
            ValueError: there is a run in it already, or it cannot be written.
        """
        run = cls(path)
        try:
            run._check_unused()
            for folder in (run.images, run.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
            for old in run.checkpoints.iterdir():
                old.unlink()
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise ValueError(f"cannot write the run to {path} ({error.strerror}{where}): give another --out") from None
        run.record = record | provenance()
        return run

    def _check_unused(self) -> None:
        """Refuse a directory that holds anything; what a start that was cut off leaves behind may be begun again."""
        if self.exists:
            raise ValueError(
                f"{self.path} already holds a run: give another --out, go on with 'elbowroom resume {self.path}'"
            )
        inside = list(self.path.iterdir()) if self.path.is_dir() else []
        strange = [
            p
            for p in inside
            if not (p.is_dir() and p.name in ("images", "checkpoints"))
            and p.name not in (".lock", "recipe.json.part", "studio.json", "studio.log")
        ]
        if strange:
            raise ValueError(
                f"{self.path} holds other files ({strange[0].name}): give an --out that is empty, or not there yet"
            )

    def write_record(self) -> None:
        """Write ``recipe.json``: from here on the directory is a run, and can be resumed.

        Of several processes that train together the first writes, here and wherever a run is written to.
        """
        if not distributed.is_main_process():
            return
        text = json.dumps(self.record, indent=2, ensure_ascii=False)
        beside = self.path / "recipe.json.part"
        beside.write_text(text + "\n", encoding="utf-8")
        os.replace(beside, self.path / "recipe.json")

    @property
    def exists(self) -> bool:
        """Whether the directory holds a run."""
        return (self.path / "recipe.json").is_file()

    @cached_property
    def record(self) -> dict[str, Any]:
        """What ``recipe.json`` says."""
        if not self.exists:
            raise ValueError(f"{self.path} holds no run (no recipe.json in it): 'elbowroom runs' lists those there are")
        file = self.path / "recipe.json"
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"cannot read {file} ({error.strerror}): mend its permissions") from None
        except ValueError as error:
            raise ValueError(f"{file} is not readable as JSON ({error}): restore it") from None
        check_record(record, file)
        return record

    @property
    def is_damaged(self) -> bool:
        """Whether ``recipe.json`` cannot be used."""
        with contextlib.suppress(ValueError):
            return not self.record
        return True

    @property
    def state(self) -> str:
        """How it stands: damaged, unfinished, or why it ended."""
        if self.is_damaged:
            return "damaged"
        rows = self.metrics()
        return str(rows[-1].get("reason", "unfinished")) if rows else "unfinished"

    def log(self, row: dict[str, Any]) -> None:
        """Append one row to ``metrics.jsonl``, whole, so that a reader can follow."""
        if not distributed.is_main_process():
            return
        with self._metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def metrics(self, split: str | None = None) -> list[dict[str, Any]]:
        """The whole rows of ``metrics.jsonl``, of one split if named; a line cut short or damaged is left out."""
        if not self._metrics_path.is_file():
            return []
        rows = []
        for line in self._metrics_path.read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                rows.append(json.loads(line))
        return [row for row in rows if _is_metrics_row(row) and (split is None or row.get("split") == split)]

    def rewind(self, step: int) -> None:
        """Forget the rows after this step: training goes on from there, and will write them again."""
        if not distributed.is_main_process():
            return
        kept = [json.dumps(row) + "\n" for row in self.metrics() if row["step"] <= step]
        beside = self._metrics_path.with_suffix(".part")
        beside.write_text("".join(kept), encoding="utf-8")
        os.replace(beside, self._metrics_path)

    @property
    def seconds(self) -> float:
        """How long it has trained."""
        return max((row.get("seconds", 0.0) for row in self.metrics()), default=0.0)

    def build(self) -> tuple[GenerativeModel, Term]:
        """Call the recipe again with its recorded arguments: model and objective with fresh weights."""
        from elbowroom.recipes import find

        record = self.record
        if record["recipe"] is None:
            raise ValueError(
                f"{self.path} was trained on a model that no recipe made: build it as then, and read its weights with "
                "elbowroom.serialization, or go on with resume(..., model=, objective=)"
            )
        recipe = find(record["recipe"])
        try:
            return recipe(tuple(record["shape"]), **record["arguments"])
        except ValueError as error:
            raise ValueError(f"{self.path / 'recipe.json'}: {error}") from None

    def model(self) -> GenerativeModel:
        """The trained model, in evaluation mode, on the CPU."""
        from elbowroom import serialization

        model, _ = self.build()
        tensors, _ = serialization.read(self.weights)
        serialization.load_into(model, tensors, self.weights)
        return model.eval()

    def data(self) -> Data:
        """The data it was trained on, found and split as then.

        Raises:
            ValueError: it was given as a Python object, so it has to be given again; or it is not what it was.
        """
        from elbowroom.data import load_data

        then = self.record["data"]
        source, arguments = then.get("source"), then.get("arguments")
        if source is None or arguments is None:
            raise ValueError(f"{self.path} was trained on data given in Python: pass the same as data=")
        for name in arguments:
            if name not in (known := inspect.signature(load_data).parameters):
                raise errors.unknown_name(f"argument of the data in {self.path / 'recipe.json'}", name, list(known)[1:])
        data = load_data(source, **{name: _to_tuples(value) for name, value in arguments.items()})
        before, now = then.get("fingerprint"), data.protocol["fingerprint"]
        if before not in (None, now):
            raise ValueError(
                f"the data at {source} has changed since {self.path} was trained (fingerprint {before}, now {now}): "
                "restore it, or pass data="
            )
        return data

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def load(path: str | os.PathLike[str]) -> GenerativeModel:
    """The trained model of a run, or of its directory, in evaluation mode, on the CPU.

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


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """The runs in a folder and below it, hidden folders left out, the newest first; those that are damaged last.

    Raises:
        ValueError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: name the one that holds your runs, or train one first")
    records = (record.relative_to(folder) for record in folder.rglob("recipe.json"))
    # What is hidden is not there: the studio's trash.
    found = [Run(folder / record.parent) for record in records if not any(p.startswith(".") for p in record.parts)]
    return sorted(found, key=lambda run: "" if run.is_damaged else str(run.record.get("started", "")), reverse=True)


def provenance() -> dict[str, Any]:
    """When, where and with which versions: what a figure needs beside it to be made again."""
    import numpy
    import torch

    return {
        "command": _command_line(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "elbowroom": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "commit": _git_commit(),
    }


def _command_line() -> str | None:
    """The command line that this is, ready to be pasted; None in a program of one's own."""
    program = Path(sys.argv[0])
    is_ours = program.stem == "elbowroom" or program == Path(__file__).parents[1] / "__main__.py"
    return shlex.join(["elbowroom", *sys.argv[1:]]) if is_ours else None


def _git_commit() -> str | None:
    """The package's commit, where it runs from a checkout of its own and not from within another's."""
    package = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        command = ["git", "-C", str(package), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel"), "src", "elbowroom").resolve() != package:
            return None
        return git("describe", "--always", "--dirty", "--abbrev=12") or None
    except (OSError, subprocess.SubprocessError):
        return None


def check_record(record: Any, file: Path) -> None:
    """Refuse what is no record of a run.

    Raises:
        ValueError: the record, read from ``file``, lacks a field or holds one of another type.
    """
    if not isinstance(record, dict):
        raise ValueError(f"{file} is damaged: it is no object with the fields of a run; restore it")
    for field, kind in _REQUIRED_FIELDS.items():
        *above, name = field.split(".")
        fields = record[above[0]] if above else record
        if name not in fields:
            raise ValueError(f"{file} is damaged: it lacks the field '{field}'; restore it")
        if not isinstance(fields[name], kind):
            raise ValueError(f"{file} is damaged: its field '{field}' is {json.dumps(fields[name])[:40]}; restore it")
    if not all(isinstance(n, int) and n > 0 for n in record["shape"]):
        raise ValueError(f"{file} is damaged: its field 'shape' is {record['shape']}, not sizes; restore it")
    if record["recipe"] is not None and record["arguments"] is None:
        raise ValueError(f"{file} is damaged: its field 'arguments' is null; restore it")


def _is_metrics_row(row: Any) -> bool:
    """Whether a line of the metrics is one of ours, whole."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), int) for name in ("step", "epoch")):
        return False
    return isinstance(row.get("seconds", 0.0), int | float)


def _to_tuples(value: Any) -> Any:
    """JSON has no tuples; recipes take them."""
    return tuple(_to_tuples(item) for item in value) if isinstance(value, list) else value
