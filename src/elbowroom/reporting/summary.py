"""Summary of a run: a sentence, tiles of final metrics, a table of facts."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from elbowroom.formatting import format_count, format_duration, format_metric, format_number
from elbowroom.plotting import RunView
from elbowroom.plotting.latent_ranking import n_latents
from elbowroom.recipes import find
from elbowroom.recipes.registry import all_recipes
from elbowroom.runs.hub import run_name
from elbowroom.runs.objective_text import format_objective
from elbowroom.runs.run import Run

#: Titles of the metrics at the head, by their key in ``metrics.jsonl``; those that a run has are shown.
TILE_TITLES = {
    "elbo": "ELBO",
    "importance_bound": "importance bound, negated",
    "loss": "loss",
    "reconstruction": "reconstruction",
    "kl": "KL",
}
#: Of the value of an argument that is written.
MAX_VALUE_CHARACTERS = 120


class Tile(NamedTuple):
    """One metric at the head of a report.

    Attributes:
        name: of the metric.
        value: as text.
        unit: of the value.
        protocol: over which examples it was measured, and when.
    """

    name: str
    value: str
    unit: str
    protocol: str


def run_title(run: Run) -> str:
    """Return the name of the run: that of its directory, or of its repository on the hub."""
    return run_name(run.path)


def summary_sentence(view: RunView) -> str:
    """Return one sentence: the model, its size, the data, the length of the training, how it ended."""
    run = view.run
    record, rows = run.record, run.metrics()
    data, training = record["data"], record["training"]
    step, epoch = (rows[-1]["step"], rows[-1]["epoch"]) if rows else (0, 0)
    size = (data.get("sizes") or {}).get("train")
    examples = f"the {size:,} training examples" if size else "the training examples"
    seconds = f", in {format_duration(run.seconds)} on {_device_name(training['device'])}" if run.seconds else ""
    ending = {"finished": "", "unfinished": " It has not finished."}.get(run.state, f" It ended early: {run.state}.")
    return (
        f"{_describe_model(view)} trained on {examples} of {data.get('name')} for {format_count(epoch, 'epoch')}, "
        f"{format_count(step, 'step')}{seconds}.{ending}"
    )


def metric_tiles(run: Run) -> list[Tile]:
    """Return the metrics of the test split at the step of the run's weights; of another split where it has none."""
    last_step = run.weights_step
    for split in ("test", "validation", "train"):
        if rows := [row for row in run.metrics(split) if row["step"] <= last_step]:
            row = rows[-1]
            names = [name for name in TILE_TITLES if name in row and not (name == "loss" and "elbo" in row)]
            protocol = f"mean over {row['examples']:,} {split} examples, epoch {row['epoch']}"
            return [
                Tile(f"{TILE_TITLES[name]}, {split}", format_metric(row[name]), "nats per example", protocol)
                for name in names
            ]
    return []


def headline_tiles(view: RunView) -> list[Tile]:
    """Return the metric that every page shows first; nothing where nothing was measured."""
    headline = view.headline
    if headline is None:
        return []
    name = headline.name[:1].upper() + headline.name[1:]
    return [Tile(name, format_metric(headline.value), f"{headline.unit}, epoch {headline.epoch}", "")]


def run_facts(run: Run) -> list[tuple[str, str]]:
    """Return the table of facts as (name, value): recipe, data, training settings, versions."""
    record = run.record
    data, training = record["data"], record["training"]
    sizes = ", ".join(f"{n:,} {split}" for split, n in (data.get("sizes") or {}).items() if n)
    callbacks = ", ".join(_format_callback(callback) for callback in training["callbacks"])
    steps, epochs = training["steps"], training["epochs"] or 0
    length = format_count(steps, "step") if steps else format_count(epochs, "epoch")
    facts: list[tuple[str, str | None]] = [
        ("recipe", _describe_recipe(record)),
        ("arguments", _format_arguments(record["arguments"])),
        ("objective", format_objective(record["objective"]) if record.get("objective") else None),
        ("parameters", f"{record['parameters']:,}" if "parameters" in record else None),
        ("data", f"{data.get('name')}, {'×'.join(map(str, record['shape']))}; {sizes}"),
        ("preprocessing", data.get("preprocessing")),
        ("fingerprint", data.get("fingerprint")),
        ("asked for", f"{length}, {training['batch_size']} examples a step"),
        ("optimiser", f"{training['optimizer']}, rate {format_number(training['lr'])}"),
        ("callbacks", callbacks),
        ("weights", run.describe_weights() if run.weights.is_file() else None),
        ("seed", str(training["seed"])),
        ("device", f"{training['device']}, {training['precision']}"),
        ("started", str(record.get("started", "")).replace("T", " ").replace("+00:00", " UTC")),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())),
        ("commit", record.get("commit")),
    ]
    return [(name, value) for name, value in facts if value]


def _describe_model(view: RunView) -> str:
    """Return the article, recipe, paper and size of the model."""
    record = view.run.record
    name = record["recipe"] or "model of its own"
    article = "An" if name[0] in "aeio" else "A"
    paper = f" ({_short_citation(find(record['recipe']).paper)})" if record["recipe"] in all_recipes() else ""
    sizes = [_describe_latents(view), f"{record['parameters']:,} parameters" if "parameters" in record else ""]
    size = " and ".join(filter(None, sizes))
    return f"{article} {name}{paper}{f' with {size}' if size else ''},"


def _short_citation(paper: str) -> str:
    """Return the authors and the year alone.

    >>> _short_citation("van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937")
    'van den Oord, Vinyals & Kavukcuoglu 2017'
    """
    return re.split(r"(?<=\b\d{4}),", paper)[0]


def _describe_latents(view: RunView) -> str:
    """Return the size of the latent as text; empty where there is no model to read it from."""
    try:
        shape = view.model.latent_shape
    except ValueError:
        return ""
    quantizer = view.model.quantizer
    if quantizer is not None:
        return f"{format_count(shape[0], 'code')} of {shape[1]} numbers, each one of {quantizer.n_codes:,},"
    size = format_count(math.prod(shape), "dimension")
    size = size if len(shape) == 1 else f"{size} ({'×'.join(map(str, shape))})"
    return f"a latent of {size}" if n_latents(view) == 1 else f"{n_latents(view)} latents, the uppermost of {size},"


def _describe_recipe(record: dict[str, Any]) -> str:
    if record["recipe"] not in all_recipes():
        return str(record["recipe"] or "none: composed in Python")
    return f"{record['recipe']}, after {find(record['recipe']).paper}"


def _format_arguments(arguments: dict[str, Any] | None) -> str:
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    return ", ".join(f"{name} {_format_value(value)}" for name, value in given.items())


def _format_value(value: Any) -> str:
    text = "×".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)
    # The bins of a table are thousands of characters.
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:40]}… (whole in recipe.json)"


def _format_callback(callback: dict[str, Any]) -> str:
    if callback["arguments"] is None:
        return f"{callback['name']}, your own"
    return f"{callback['name']}({', '.join(f'{k}={json.dumps(v)}' for k, v in callback['arguments'].items())})"


def _device_name(device: str) -> str:
    return "the CPU" if device == "cpu" else device
