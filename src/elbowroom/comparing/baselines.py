"""What a model must do better than: PCA, a linear and a deep autoencoder, of the same size, on the same data."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from elbowroom.comparing.discover import find_entries
from elbowroom.comparing.entry import Entry, find_evaluation_split
from elbowroom.comparing.pca import describe_reconstruction, pca, reconstruction_nats
from elbowroom.data import Data, freeze
from elbowroom.families import Family
from elbowroom.models.base import GenerativeModel
from elbowroom.recipes import find
from elbowroom.runs.run import Run
from elbowroom.runs.settings import TRAINING_SETTINGS, Settings, canonical_json
from elbowroom.sweeps.sweep import plan, run_all
from elbowroom.training import Callback
from elbowroom.workbench.callback_registry import from_record
from elbowroom.workbench.fit import fit

#: The autoencoders, each with what it takes beside the arguments that the runs have, too.
AUTOENCODERS: dict[str, Settings] = {
    "linear": {"linear": True, "hidden": (), "likelihood": "gaussian:1"},
    "deep": {"linear": False},
}
#: Of a record's training settings, those that a baseline is trained with. (Its seed is a point's own.)
FIT_SETTINGS = (*TRAINING_SETTINGS, "device", "watch", "checkpoint_every")
#: Callbacks that act on a KL, which an autoencoder has not.
KL_CALLBACKS = ("Warmup", "FreeBits")


def add_baselines(entries: Sequence[Entry], log: Callable[[str], None] = print) -> list[Entry]:
    """The runs, and beside them PCA and the autoencoders of the same size, trained with the same settings.

    The autoencoders are kept in ``baselines`` beside the runs; what is there already, or among the runs, is not trained
    again. Each is made for a run: the same data and seed, the same size of the code, the same layers where it has any.

    Raises:
        ValueError: no run has a code of one size.
    """
    models = [entry for entry in entries if entry.run is not None and entry.is_done and _latent_size(entry) is not None]
    runs = [entry for entry in models if entry.settings["recipe"] != "autoencoder"] or models
    if not runs:
        raise ValueError("no finished run has a code of one size (a whole number as --latent) to make a baseline of")
    wanted: dict[str, tuple[Settings, Entry]] = {}
    for entry in runs:
        for kind in AUTOENCODERS:
            settings = _baseline_settings(kind, entry)
            if not any(_is_baseline_of(settings, entry, other) for other in entries):
                wanted[canonical_json(settings)] = settings, entry
    trained = _train_missing(wanted, _baseline_folder(runs), log) if wanted else []
    there = {Path(entry.path).resolve() for entry in entries}
    return [*entries, *(e for e in trained if Path(e.path).resolve() not in there), *_pca_entries(runs, log)]


def _latent_size(entry: Entry) -> int | None:
    """The size of the code, where it is a vector of one."""
    latent = entry.settings.get("latent")
    return latent if isinstance(latent, int) and "codes" not in entry.settings else None


def _baseline_settings(kind: str, entry: Entry) -> Settings:
    """What the autoencoder beside a run is made with: all that decides what comes out."""
    assert entry.run is not None
    record, fields = entry.run.record, find("autoencoder").arguments
    arguments = {k: v for k, v in record["arguments"].items() if k in fields and k not in AUTOENCODERS[kind]}
    asked = {name: record["training"].get(name) for name in TRAINING_SETTINGS}
    return {"baseline": kind, **arguments, **asked, "data": record["data"].get("name"), "seed": entry.seed}


def _is_baseline_of(settings: Settings, entry: Entry, other: Entry) -> bool:
    """Whether a run is the autoencoder beside another already."""
    if (
        other.run is None
        or other.settings["recipe"] != "autoencoder"
        or not other.is_done
        or not _has_same_data(entry, other)
    ):
        return False
    record = other.run.record
    has = record["training"] | record["arguments"]
    wants = {name: value for name, value in settings.items() if name not in ("baseline", "data")}
    wants |= AUTOENCODERS[settings["baseline"]]
    return all(canonical_json(has.get(name)) == canonical_json(value) for name, value in wants.items())


def _has_same_data(one: Entry, other: Entry) -> bool:
    """Whether two runs saw the same data."""
    assert one.run is not None
    assert other.run is not None
    a, b = one.run.record["data"], other.run.record["data"]
    return (a.get("name"), a.get("fingerprint")) == (b.get("name"), b.get("fingerprint"))


def _baseline_folder(runs: Sequence[Entry]) -> Path:
    return Path(os.path.commonpath([Path(entry.path).resolve().parent for entry in runs])) / "baselines"


def _train_missing(missing: dict[str, tuple[Settings, Entry]], folder: Path, log: Callable[[str], None]) -> list[Entry]:
    def start(out: Path, **settings: Any) -> Run:
        _, entry = missing[canonical_json(settings)]
        assert entry.run is not None
        if entry.data is None:
            raise ValueError(entry.missing_reason)
        training = entry.run.record["training"]
        recipe = find("autoencoder")
        torch.manual_seed(settings["seed"])
        arguments = {k: v for k, v in settings.items() if k in recipe.arguments} | AUTOENCODERS[settings["baseline"]]
        model, objective = recipe(entry.data.shape, **arguments)
        asked = {name: training[name] for name in FIT_SETTINGS}
        callbacks = _rebuild_callbacks(training["callbacks"])
        return fit(model, objective, entry.data, **asked, seed=settings["seed"], out=out, callbacks=callbacks)

    log(f"baselines in {folder}")
    points = plan([settings for settings, _ in missing.values()], folder)
    for point in points:
        _, beside = missing[canonical_json(point.settings)]
        if point.is_done and not _has_same_data(beside, Entry("", {}, None, run=point.run)):
            raise ValueError(f"{point.run.path} is a baseline on data that has changed: remove it, and compare again")
    run_all(start, points, folder, log)
    return find_entries([folder])


def _rebuild_callbacks(record: list[dict[str, Any]]) -> list[Callback]:
    made: list[Callback] = []
    for one in record:
        # One's own cannot be made again; what it does is then for its owner to compare.
        with contextlib.suppress(ValueError):
            made += from_record([one]) if one["name"] not in KL_CALLBACKS else []
    return made


def _pca_entries(runs: Sequence[Entry], log: Callable[[str], None]) -> list[Entry]:
    """PCA for each size of code on each data set, scored as each likelihood allows."""
    split, found = find_evaluation_split(runs), dict[str, Entry]()
    for entry in runs:
        latent, data = _latent_size(entry), entry.data
        assert entry.run is not None
        assert latent is not None
        print_of = entry.run.record["data"].get("fingerprint")
        key = canonical_json([entry.likelihood, print_of or entry.path, latent])
        if data is None or split not in data.splits:
            continue
        if key in found:
            # The same for every seed, so nothing in it is random.
            found[key].seed = entry.seed if found[key].seed == entry.seed else None
            continue
        try:
            model = pca(data, latent)
            given = _measure_pca(model, entry, data, split)
        except ValueError as error:
            log(f"no PCA beside {entry.name}: {error}")
            continue
        given["parameters"] = float(math.prod(data.shape) * (latent + 1))
        about = {"recipe": "pca", "latent": latent}
        found[key] = Entry(
            f"pca,latent={latent}",
            about,
            entry.seed,
            load=partial(_return_data, data),
            baseline_model=model,
            precomputed_metrics=given,
            reference_entry=entry,
        )
        found[key].path = f"pca of {latent} components beside {entry.path}"
        found[key].note = _pca_note(entry)
    return list(found.values())


def _pca_note(entry: Entry) -> str:
    said = describe_reconstruction(_build_family(entry))
    return "PCA is exact, of the training examples" + (f"; its reconstruction is the {said}" if said else "")


def _build_family(entry: Entry) -> Family:
    """The likelihood of a run."""
    assert entry.run is not None
    with torch.random.fork_rng(devices=[]):
        return entry.run.build()[0].decoder.family


def _return_data(data: Data) -> Data:
    return data


@torch.no_grad()
def _measure_pca(model: GenerativeModel, entry: Entry, data: Data, split: str) -> dict[str, float]:
    """Squared error per dimension, and nats where the likelihood of the run allows: means over a split."""
    family = _build_family(entry)
    scale: Any = model.decoder.family.log_scale
    errors, nats = [], []
    for batch in freeze(data.splits[split], 0).batches(1000):
        output = model.reconstruct(batch.x)
        errors.append(((output - batch.x) ** 2).flatten(1).mean(1))
        nats.append(reconstruction_nats(family, batch.x, output, (2 * scale).exp().item()))
    found = {"squared_error": torch.cat(errors).double().mean().item()}
    scored = [part for part in nats if part is not None]
    return found | ({"reconstruction": torch.cat(scored).double().mean().item()} if scored else {})
