"""Run directory of a training: record, metrics, weights and checkpoints; load a trained model from it."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from torch import nn

from elbowroom import distributed, errors, serialization
from elbowroom.argument import arguments_of
from elbowroom.display import Displayed
from elbowroom.runs import diffusers, hub, metrics_log
from elbowroom.runs.record import provenance, read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.data import Data
    from elbowroom.models.base import GenerativeModel
    from elbowroom.objectives import Term

ModuleT = TypeVar("ModuleT", bound=nn.Module)
#: The weights of a run: those that its training ended with, those with the lowest validation loss, or those that are
#: in its last checkpoint, from which it would go on.
WeightsName = Literal["final", "best", "checkpoint"]
WEIGHTS_NAMES: tuple[WeightsName, ...] = ("final", "best", "checkpoint")
#: The file in a run directory that pauses the training, which removes it.
PAUSE_FILE = ".pause"
#: The files of a run, the record first: without it the directory is none.
RUN_FILES = (
    *("recipe.json", "metrics.jsonl", "evaluation.json", "*.safetensors", "report.html", "*.part", ".lock"),
    "estimator.json",
    *(PAUSE_FILE, "explorer.html", "actions/*.log", "actions/*.json"),
    *("images/*.png", "images/*.gif", "checkpoints/*.safetensors", "checkpoints/*.part", "metrics.csv"),
    "tensorboard/events.out.tfevents.*",
)


class Run(Displayed):
    """A run directory, existing or to be created.

    ========================  =============================================================================
    ``recipe.json``           the record: recipe, arguments, data, training settings, seed, versions, commit
    ``metrics.jsonl``         a row for each event
    ``evaluation.json``       the metrics that were measured of it, one entry for each protocol
    ``model.safetensors``     the weights
    ``checkpoints/``          the complete state of the training
    ``images/``               reconstructions, samples, curves
    ========================  =============================================================================

    Args:
        path: the directory, or a run; or ``hf://OWNER/NAME``, one on the Hugging Face Hub, with ``@REVISION`` for a
            branch, a tag or a commit.
        weights: the weights of its model: ``"final"``, those that the training ended with; ``"best"``, those with the
            lowest validation loss; or ``"checkpoint"``, those of the last checkpoint, without averaging. If not given
            those of the run that was given, or the final ones.

    Raises:
        ValueError: there are no such weights; a run on the hub cannot be downloaded; by a method that needs what the
            directory does not hold.
    """

    def __init__(self, path: str | os.PathLike[str], weights: WeightsName | None = None) -> None:
        self.path: Path = path.path if isinstance(path, Run) else hub.local_path(path)
        self.weights_name: WeightsName = weights or (path.weights_name if isinstance(path, Run) else "final")
        if self.weights_name not in WEIGHTS_NAMES:
            raise errors.unknown_name("weights", self.weights_name, WEIGHTS_NAMES)
        self.weights = self.path / "model.safetensors"
        self.images = self.path / "images"
        self.checkpoints = self.path / "checkpoints"
        self.best_weights = self.checkpoints / "best.safetensors"
        self._metrics_path = self.path / "metrics.jsonl"
        #: The model that was trained in this process, if no recipe made it.
        self.own_module: nn.Module | None = path.own_module if isinstance(path, Run) else None

    @classmethod
    def create(cls, path: str | Path, record: dict[str, Any], overwrite: bool = False) -> Run:
        """Create the directory of a new run; its record is ``record`` with the provenance, not yet written.

        Args:
            path: the directory.
            record: what the run is of.
            overwrite: whether to remove a run that is there.

        Raises:
            ValueError: it holds a run or other files already, or cannot be written.
        """
        run = cls(path)
        try:
            if overwrite and run.exists:
                run.remove()
            else:
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

    def remove(self) -> None:
        """Remove the files of the run, the record first, and the directory if nothing else is in it."""
        for pattern in RUN_FILES:
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)
        folders = ("images", "checkpoints", "tensorboard", "actions")
        for folder in (*(self.path / name for name in folders), self.path):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _check_unused(self) -> None:
        """Raise if the directory holds anything but the remains of a run that was cut off before its record."""
        if self.exists:
            raise ValueError(
                f"{self.path} already holds a run: give another --out, go on with 'elbowroom resume {self.path}', or "
                "replace it with --overwrite"
            )
        files = list(self.path.iterdir()) if self.path.is_dir() else []
        others = [
            file
            for file in files
            if not (file.is_dir() and file.name in ("images", "checkpoints"))
            and file.name not in (".lock", PAUSE_FILE, "recipe.json.part", "studio.json", "studio.log")
        ]
        if others:
            raise ValueError(
                f"{self.path} holds other files ({others[0].name}): give an --out that is empty, or not there yet"
            )

    def write_record(self) -> None:
        """Write ``recipe.json``: from here on the directory is a run, and can be resumed.

        In distributed training only the main process writes, as in all methods that write.
        """
        if not distributed.is_main_process():
            return
        text = json.dumps(self.record, indent=2, ensure_ascii=False)
        with serialization.atomic_path(self.path / "recipe.json", is_durable=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    @property
    def exists(self) -> bool:
        """Whether the directory holds a run."""
        return (self.path / "recipe.json").is_file()

    @property
    def is_of_diffusers(self) -> bool:
        """Whether the directory is an autoencoder that diffusers saved, of which there are the weights alone."""
        return not self.exists and diffusers.is_diffusers_folder(self.path)

    @property
    def is_imported(self) -> bool:
        """Whether its weights come from another library, so that there is no training of its own to go on with."""
        return self.is_of_diffusers or "imported_from" in self.record

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record, as read from ``recipe.json``; of a folder of diffusers, as its config says."""
        if self.is_of_diffusers:
            return diffusers.read_record(self.path)
        if not self.exists:
            raise ValueError(f"{self.path} holds no run (no recipe.json in it): 'elbowroom runs' lists those there are")
        return read_record(self.path / "recipe.json")

    @property
    def is_damaged(self) -> bool:
        """Whether ``recipe.json`` is missing, unreadable or incomplete."""
        with contextlib.suppress(ValueError):
            return not self.record
        return True

    @property
    def state(self) -> str:
        """The state of the training: damaged, unfinished, or the reason why it ended."""
        if self.is_damaged:
            return "damaged"
        rows = self.metrics()
        return str(rows[-1].get("reason", "unfinished")) if rows else "unfinished"

    def log(self, row: dict[str, Any]) -> None:
        """Append one row to ``metrics.jsonl``, in one write, so that a reader can follow."""
        if not distributed.is_main_process():
            return
        with self._metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def metrics(self, split: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of ``metrics.jsonl``, of one split if named; lines cut short or damaged are left out."""
        # The reader opens no link, as one in a folder that others write to may lead anywhere; this one is the user's.
        with contextlib.suppress(FileNotFoundError):
            rows = metrics_log.read_rows(self._metrics_path.resolve())
            return [row for row in rows if split is None or row.get("split") == split]
        return []

    def rewind(self, step: int) -> None:
        """Remove the rows after a step, from which training goes on and writes them again."""
        if not distributed.is_main_process():
            return
        lines = [json.dumps(row) + "\n" for row in self.metrics() if row["step"] <= step]
        with serialization.atomic_path(self._metrics_path) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")

    @property
    def seconds(self) -> float:
        """The seconds it has trained."""
        return max((row.get("seconds", 0.0) for row in self.metrics()), default=0.0)

    def build(self) -> tuple[GenerativeModel, Term]:
        """Call the recipe with its recorded arguments: model and objective with initial weights.

        The draws of those do not change the caller's.
        """
        from elbowroom.recipes import find

        record = self.record
        if record["recipe"] is None:
            raise ValueError(
                f"{self.path} was trained on a model that no recipe made: in Python, build it as then and pass it as "
                "model= (to evaluate, plot, write_report, audit or resume), which loads the run's weights; "
                f"er.Run({str(self.path)!r}).model(module) returns it to sample and decode"
            )
        recipe = find(record["recipe"])
        try:
            # Older records have no seed; the weights are replaced anyhow.
            return recipe(tuple(record["shape"]), seed=record.get("weights_seed") or 0, **record["arguments"])
        except ValueError as error:
            raise ValueError(f"{self.path / 'recipe.json'}: {error}") from None

    def model(self, module: nn.Module | None = None) -> GenerativeModel:
        """Load the trained model, in evaluation mode, on the CPU.

        Args:
            module: as for :meth:`module`; a VAE module of your own is adapted by what it returns
                (:class:`~elbowroom.models.adapter.AdaptedModule`).

        Raises:
            ValueError: as for :meth:`module`; it does not return ``(reconstruction, mu, logvar)``.
        """
        from elbowroom.models.adapter import adapt

        model = adapt(self.module(module), tuple(self.record["shape"]))
        model.is_initialized = True
        return model

    def module(self, module: nn.Module | None = None) -> nn.Module:
        """Load the trained model, which may be a module of your own, in evaluation mode, on the CPU.

        Args:
            module: as it was built, if no recipe built it: the weights are loaded into a copy. In the process that
                trained it, it is known.

        Raises:
            ValueError: no recipe built it, and it is not given; the weights are damaged, or another model's.
        """
        given = self.own_module if module is None else module
        return self.load_weights(self.build()[0] if given is None else _copy_to_cpu(given))

    def load_weights(self, module: ModuleT) -> ModuleT:
        """Load the trained weights into a model built as before; return it, in evaluation mode.

        It remembers how the data it was trained on was coded, where that is known.
        """
        from elbowroom.data.examples import remember_data

        if self.is_of_diffusers:
            diffusers.load_weights(module, self.selected_weights)
            return module.eval()
        tensors, _ = serialization.read(self.selected_weights)
        prefix = "model." if self.weights_name == "checkpoint" else ""
        serialization.load_into(module, tensors, self.selected_weights, prefix)
        remember_data(module, self.record["data"])
        return module.eval()

    @property
    def checkpoint_files(self) -> list[Path]:
        """The checkpoints, the newest first."""
        return sorted(self.checkpoints.glob("[0-9]*-*.safetensors"), reverse=True)

    @property
    def selected_weights(self) -> Path:
        """The file of the weights that :meth:`model` loads.

        Raises:
            ValueError: they are the best, or those of a checkpoint, and none were kept.
        """
        if self.weights_name == "final":
            return self.path / diffusers.WEIGHTS_FILE if self.is_of_diffusers else self.weights
        if self.weights_name == "checkpoint":
            if not self.checkpoint_files:
                raise ValueError(f"{self.path} has no checkpoint: take the final weights")
            return self.checkpoint_files[0]
        if not self.best_weights.is_file():
            raise ValueError(
                f"{self.path} has no best weights, as no validation split was watched: take the final ones, or train "
                "with validation examples"
            )
        return self.best_weights

    def data(self, source: Any = None) -> Data:
        """Load data for this run: coded as what it was trained on, by its record.

        Args:
            source: its training data if not given, with the same splits and preprocessing; or anything that
                :func:`~elbowroom.load_data` takes, whose columns, values and classes are coded by the record, and which
                is divided as for a training. A :class:`~elbowroom.data.Data` is checked to be coded alike.

        Raises:
            ValueError: its own data was given as a Python object, so it has to be given again; or it has changed since;
                another source does not have what the coding needs, or is coded otherwise.
        """
        from elbowroom.data import load_coded

        return self._load_own_data() if source is None else load_coded(source, self.record["data"])

    def measured_data(self, source: Any = None, **overrides: Any) -> Data:
        """Load data to measure this run on: its training data if none is given, as :meth:`data` does.

        Another source has the splits that it comes with, and is not divided: without any, all of it is train.
        ``overrides`` are further arguments of :func:`~elbowroom.load_data` for it, as ``resize``.

        Raises:
            ValueError: as for :meth:`data`.
        """
        from elbowroom.data import load_measured

        return self._load_own_data() if source is None else load_measured(source, self.record["data"], **overrides)

    def _load_own_data(self) -> Data:
        from elbowroom.data import DataConfig, load_data
        from elbowroom.data.coding import recorded_arguments

        recorded = self.record["data"]
        source, arguments = recorded.get("source"), recorded.get("arguments")
        if source is None or arguments is None:
            given = "was trained on data given in Python: pass the same as"
            unknown = "does not say what it was trained on: pass"
            raise errors.MissingArgumentError(f"{self.path} {unknown if self.is_imported else given}", "data")
        for name in arguments:
            if name not in (known := arguments_of(DataConfig)):
                raise errors.unknown_name(f"argument of the data in {self.path / 'recipe.json'}", name, known)
        self._require_source(source)
        data = load_data(source, **recorded_arguments(recorded))
        expected, actual = recorded.get("fingerprint"), data.protocol["fingerprint"]
        if expected not in (None, actual):
            raise errors.MissingArgumentError(
                f"the data at {source} has changed since {self.path} was trained (fingerprint {expected}, now "
                f"{actual}): restore it, or pass",
                "data",
            )
        return data

    def _require_source(self, source: str) -> None:
        """Raise for a recorded file or folder that has gone, so that nobody looks for it in what was just given."""
        from elbowroom.data.coding import has_source_gone

        if has_source_gone(source):
            raise errors.MissingArgumentError(
                f"{self.path} was trained on {source}, which has gone: put it back, or pass", "data"
            )

    @property
    def weights_step(self) -> int:
        """The step of the training that the selected weights are of; of runs before version 0.3, the last."""
        with contextlib.suppress(ValueError):
            if self.weights_name == "checkpoint":
                return int(self.selected_weights.name.partition("-")[0])
            if step := serialization.read_metadata(self.selected_weights).get("step"):
                return int(step)
        return max((row["step"] for row in self.metrics()), default=0)

    def rows_until_weights(self, split: str) -> list[dict[str, Any]]:
        """Return the rows of a split up to the step that the selected weights are of, which may be the best ones."""
        rows = self.metrics(split)
        last_step = self.weights_step if rows else 0
        return [row for row in rows if row["step"] <= last_step]

    def describe_weights(self) -> str:
        """Return in words which weights the selected ones are: the last, a moving average, or the best by a metric."""
        about = serialization.read_metadata(self.selected_weights)
        kind = about.get("kind", "best" if self.weights_name == "best" else "last")
        kind = "checkpoint" if self.weights_name == "checkpoint" else kind
        name = {
            "average": "the moving average",
            "best": f"the best by validation {about.get('metric', 'loss')}",
            "checkpoint": "those of the last checkpoint",
        }
        epoch = f", epoch {about['epoch']}" if "epoch" in about else ""
        return f"{name.get(kind, 'the last')}, of step {self.weights_step:,}{epoch}"

    def plot(self, kind: str = "curves", **options: Any) -> Figure:
        """Draw a figure of the run, as :func:`elbowroom.plot` does: ``run.plot("loss")``, ``run.plot("latents")``."""
        import elbowroom as er

        return er.plot(kind, self, **options)

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path) if self.weights_name == "final" else f"{self.path} ({self.weights_name} weights)"

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}{'' if self.weights_name == 'final' else f', {self.weights_name!r}'})"


def _copy_to_cpu(module: ModuleT) -> ModuleT:
    """Return a copy of a module; itself, where it keeps tensors of its last call, which cannot be copied."""
    try:
        return copy.deepcopy(module).cpu()
    except RuntimeError:
        return module


def next_path(stem: str, folder: str | Path = "runs") -> Path:
    """Return the first free path ``folder/stem-N``, N = 1, 2, ....

    >>> next_path("vae-digits", "no-such-folder").name
    'vae-digits-1'
    """
    return next(path for n in count(1) if not (path := Path(folder) / f"{stem}-{n}").exists())


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """Return the runs in and below a folder, the newest first and damaged ones last; hidden folders are left out.

    Raises:
        ValueError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: name the one that holds your runs, or train one first")
    records = (record.relative_to(folder) for record in folder.rglob("recipe.json"))
    # the studio's trash is a hidden folder
    runs = [Run(folder / record.parent) for record in records if not any(p.startswith(".") for p in record.parts)]
    return sorted(runs, key=lambda run: "" if run.is_damaged else str(run.record.get("started", "")), reverse=True)
