"""Baselines of a comparison: PCA, a linear and a deep autoencoder with the same latent size, on the same data."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from elbowroom.argument import config_from
from elbowroom.comparing.discover import find_entries
from elbowroom.comparing.entry import EXAMPLES_PER_ROW, Entry, find_evaluation_split
from elbowroom.comparing.pca import describe_reconstruction, pca, reconstruction_nats
from elbowroom.data import Data, freeze
from elbowroom.families import Family
from elbowroom.models.base import GenerativeModel
from elbowroom.recipes import find
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.runs.settings import Settings, TrainConfig, canonical_json, compared_settings
from elbowroom.sweeps.sweep import plan, run_all
from elbowroom.training import Callback
from elbowroom.workbench.callback_registry import from_record
from elbowroom.workbench.fit import fit

#: The autoencoders, each with its arguments beside those that it shares with the runs.
AUTOENCODERS: dict[str, Settings] = {
    "linear": {"linear": True, "hidden": (), "likelihood": "gaussian:1"},
    "deep": {"linear": False},
}
#: Callbacks that act on the KL term, which an autoencoder does not have.
KL_CALLBACKS = ("Warmup", "FreeBits")


def add_baselines(
    entries: Sequence[Entry], log: Callable[[str], None] = print, progress: bool | None = None
) -> list[Entry]:
    """Return the runs together with PCA and autoencoders of the same latent size, trained with the same settings.

    The autoencoders are kept in ``baselines`` beside the runs; those that are there already, or among the runs, are not
    trained again. Each has the data, the seed, the latent size and, where there are any, the layers of a run.

    Args:
        entries: the runs.
        log: called with a line for each baseline that is trained.
        progress: whether the progress of each training is shown; if not given, as it was for its run.

    Raises:
        ValueError: no finished run has a latent of one size.
    """
    models = [entry for entry in entries if entry.run is not None and entry.is_done and _latent_size(entry) is not None]
    runs = [entry for entry in models if entry.settings["recipe"] != "autoencoder"] or models
    if not runs:
        raise ValueError("no finished run has a latent of one size (a whole number as --latent) to make a baseline of")
    missing: dict[str, tuple[Settings, Entry]] = {}
    for entry in runs:
        for kind in AUTOENCODERS:
            settings = _baseline_settings(kind, entry)
            if not any(_is_baseline_of(settings, entry, other) for other in entries):
                missing[canonical_json(settings)] = settings, entry
    shown = {} if progress is None else {"progress": progress}
    trained = _train_missing(missing, _baseline_folder(runs), log, shown) if missing else []
    paths = {Path(entry.path).resolve() for entry in entries}
    return [*entries, *(e for e in trained if Path(e.path).resolve() not in paths), *_pca_entries(runs)]


def _latent_size(entry: Entry) -> int | None:
    """Return the number of latent dimensions, where the latent is one vector of continuous values."""
    latent = entry.settings.get("latent")
    return latent if isinstance(latent, int) and "codes" not in entry.settings else None


def _baseline_settings(kind: str, entry: Entry) -> Settings:
    """Return the settings of the autoencoder for a run: everything that determines its result."""
    assert entry.run is not None
    record, fields = entry.run.record, find("autoencoder").arguments
    arguments = {k: v for k, v in record["arguments"].items() if k in fields and k not in AUTOENCODERS[kind]}
    training = {name: record["training"].get(name) for name in compared_settings()}
    return {"baseline": kind, **arguments, **training, "data": record["data"].get("name"), "seed": entry.seed}


def _is_baseline_of(settings: Settings, entry: Entry, other: Entry) -> bool:
    """Whether ``other`` is an autoencoder with these settings, on the data of ``entry``."""
    if (
        other.run is None
        or other.settings["recipe"] != "autoencoder"
        or not other.is_done
        or not _has_same_data(entry, other)
    ):
        return False
    record = other.run.record
    recorded = record["training"] | record["arguments"]
    expected = {name: value for name, value in settings.items() if name not in ("baseline", "data")}
    expected |= AUTOENCODERS[settings["baseline"]]
    return all(canonical_json(recorded.get(name)) == canonical_json(value) for name, value in expected.items())


def _has_same_data(one: Entry, other: Entry) -> bool:
    """Whether two runs were trained on the same data, by name and fingerprint."""
    assert one.run is not None
    assert other.run is not None
    a, b = one.run.record["data"], other.run.record["data"]
    return (a.get("name"), a.get("fingerprint")) == (b.get("name"), b.get("fingerprint"))


def _baseline_folder(runs: Sequence[Entry]) -> Path:
    return Path(os.path.commonpath([Path(entry.path).resolve().parent for entry in runs])) / "baselines"


def _train_missing(
    missing: dict[str, tuple[Settings, Entry]], folder: Path, log: Callable[[str], None], changes: Settings
) -> list[Entry]:
    """Train the missing autoencoders as a sweep in ``folder``, and return all runs there.

    Args:
        missing: the settings of each, and the run that it stands beside.
        folder: of the sweep.
        log: called with a line for each.
        changes: settings of the trainings that are other than those of the runs.
    """

    def start(out: Path, **settings: Any) -> Run:
        _, entry = missing[canonical_json(settings)]
        assert entry.run is not None
        if entry.data is None:
            raise ValueError(entry.missing_reason)
        training = entry.run.record["training"] | changes
        recipe = find("autoencoder")
        torch.manual_seed(settings["seed"])
        arguments = {k: v for k, v in settings.items() if k in recipe.arguments} | AUTOENCODERS[settings["baseline"]]
        model, objective = recipe(entry.data.shape, **arguments)
        config = config_from(TrainConfig, training | {"pass_state": False})
        callbacks = _rebuild_callbacks(training["callbacks"])
        return fit(model, objective, entry.data, config, seed=settings["seed"], out=out, callbacks=callbacks)

    log(f"baselines in {folder}")
    defaults = {name: value for name, value in TrainConfig().record.items() if name in compared_settings()}
    points = [settings for settings, _ in missing.values()]
    for point in plan(points, folder, defaults):
        _, entry = missing[canonical_json(point.settings)]
        if point.is_done and not _has_same_data(entry, Entry("", {}, None, view=RunView(point.run))):
            raise ValueError(f"{point.run.path} is a baseline on data that has changed: remove it, and compare again")
    run_all(start, points, folder, log, defaults)
    return find_entries([folder])


def _rebuild_callbacks(records: list[dict[str, Any]]) -> list[Callback]:
    callbacks: list[Callback] = []
    for record in records:
        # A user's own callback cannot be built from its record: the baseline is trained without it.
        with contextlib.suppress(ValueError):
            callbacks += from_record([record]) if record["name"] not in KL_CALLBACKS else []
    return callbacks


def _pca_entries(runs: Sequence[Entry]) -> list[Entry]:
    """Return an entry with PCA for each latent size on each data set, with the metrics that each likelihood allows."""
    split, entries = find_evaluation_split(runs), dict[str, Entry]()
    for entry in runs:
        latent, data = _latent_size(entry), entry.data
        assert entry.run is not None
        assert latent is not None
        fingerprint = entry.run.record["data"].get("fingerprint")
        key = canonical_json([entry.likelihood, fingerprint or entry.path, latent])
        if data is None or split not in data.splits:
            continue
        if key in entries:
            # The data is the same for several seeds, so nothing in this baseline is random.
            entries[key].seed = entry.seed if entries[key].seed == entry.seed else None
            continue
        try:
            model = pca(data, latent)
            metrics = _measure_pca(model, entry, data, split)
        except ValueError as error:
            warnings.warn(f"no PCA beside {entry.name}: {error}", stacklevel=2)
            continue
        metrics["parameters"] = float(math.prod(data.shape) * (latent + 1))
        entries[key] = Entry(
            f"pca,latent={latent}",
            {"recipe": "pca", "latent": latent},
            entry.seed,
            view=RunView(entry.run, data, model, examples=EXAMPLES_PER_ROW),
            precomputed_metrics=metrics,
            path=f"pca of {latent} components beside {entry.path}",
            reference_entry=entry,
            note=_pca_note(entry),
        )
    return list(entries.values())


def _pca_note(entry: Entry) -> str:
    description = describe_reconstruction(_build_family(entry))
    score = f"; its reconstruction is the {description}" if description else ""
    return f"PCA is exact, of the training examples{score}"


def _build_family(entry: Entry) -> Family:
    """Return the likelihood family of a run."""
    assert entry.run is not None
    return entry.run.build()[0].decoder.family


@torch.no_grad()
def _measure_pca(model: GenerativeModel, entry: Entry, data: Data, split: str) -> dict[str, float]:
    """Return means over a split: squared error per dimension, and reconstruction in nats if the likelihood allows."""
    family = _build_family(entry)
    scale: Any = model.decoder.family.log_scale
    errors, nats = [], []
    for batch in freeze(data.splits[split], 0).batches(1000):
        output = model.reconstruct(batch.x)
        errors.append(((output - batch.x) ** 2).flatten(1).mean(1))
        nats.append(reconstruction_nats(family, batch.x, output, (2 * scale).exp().item()))
    metrics = {"squared_error": torch.cat(errors).double().mean().item()}
    scored = [part for part in nats if part is not None]
    return metrics | ({"reconstruction": torch.cat(scored).double().mean().item()} if scored else {})
