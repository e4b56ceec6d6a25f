"""Kept evaluations of a run (``evaluation.json``): one for each protocol, the newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from elbowroom.formatting import format_count, format_metric
from elbowroom.runs.metrics_log import finite_or_none, nan_to_null, read_regular_file
from elbowroom.runs.record import without_folders
from elbowroom.runs.run import Run, WeightsName
from elbowroom.serialization import atomic_path

FILE_NAME = "evaluation.json"
#: Size of the file; a longer one counts as damaged.
MAX_FILE_BYTES = 1 << 24
#: Fields of a protocol that change no metric, or only with the model: they do not tell evaluations apart.
IGNORED_FIELDS = ("model", "recipe", "arguments", "parameters", "batch_size", "versions")


class MetricRow(NamedTuple):
    """A metric as text: its name in words, its value, its standard error and its unit."""

    name: str
    value: str
    error: str
    unit: str


@dataclass(frozen=True)
class KeptEvaluation:
    """The metrics of one evaluation with the protocol they share.

    Attributes:
        metrics: the fields of each :class:`~elbowroom.evaluation.Metric`, by its name.
        protocol: data, split, samples, seed, suites, likelihood, versions.
        measured: when, as ISO 8601 in UTC.
        step: the step of the training that the model was at.
        current_step: the step that such weights of the run are of now; None where that is not known. It is not kept.
    """

    metrics: dict[str, dict[str, Any]]
    protocol: dict[str, Any]
    measured: str
    step: int
    current_step: int | None = None

    @property
    def key(self) -> str:
        """What tells it from evaluations by another protocol."""
        fields = {name: value for name, value in self.protocol.items() if name not in IGNORED_FIELDS}
        return json.dumps(fields, sort_keys=True)

    @property
    def split(self) -> str:
        """The name of the evaluated split."""
        return str(self.protocol["split"])

    @property
    def description(self) -> str:
        """The protocol in words."""
        name, samples = self.protocol["data"]["name"], format_count(self.protocol["samples"], "sample")
        seed, day = self.protocol["seed"], self.measured[:10]
        weights = f"{self.weights} weights, " if self.weights != "final" else ""
        outdated = f"; outdated, the weights are of step {self.current_step:,} now" if self.is_outdated else ""
        return f"{name} {self.split}, {samples}, seed {seed}, {weights}at step {self.step:,}, measured {day}{outdated}"

    @property
    def weights(self) -> WeightsName:
        """The weights that were measured."""
        name: WeightsName = self.protocol.get("weights", "final")
        return name

    @property
    def is_outdated(self) -> bool:
        """Whether the run has gone on since, so that these are no metrics of the weights that it has now."""
        return self.current_step not in (None, self.step)

    def value(self, name: str) -> float | None:
        """Return the value of a metric; ``None`` if it was not measured, or is undefined or a list."""
        return finite_or_none(self.metrics.get(name, {}).get("value"))

    def rows(self) -> list[MetricRow]:
        """Return the metrics that have a value, as text; a list of values by the smallest and the largest."""
        rows = []
        for name, metric in self.metrics.items():
            values = metric["value"] if isinstance(metric["value"], list) else [metric["value"]]
            if not values or None in values:
                continue
            text = " to ".join(map(format_metric, sorted({min(values), max(values)})))
            error = metric.get("standard_error")
            error = "" if error is None else format_metric(error)
            rows.append(MetricRow(name.replace("_", " "), text, error, metric["unit"]))
        return rows


def keep_evaluation(run: Run, metrics: dict[str, dict[str, Any]], protocol: dict[str, Any]) -> None:
    """Write an evaluation into a run, in place of an elder one by the same protocol.

    Raises:
        ValueError: the file there is damaged.
        OSError: it cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new = KeptEvaluation(metrics, protocol, now, run.weights_step)
    _write(run, [new, *(elder for elder in read_evaluations(run.path) if elder.key != new.key)])


def copy_evaluations(run: Run, copy: Run) -> None:
    """Write what was measured of the selected weights of a run into a copy that has these weights alone, for others.

    The folders of paths are left out.

    Raises:
        ValueError: the file of the run is damaged.
        OSError: it cannot be written.
    """
    kept = [one for one in read_evaluations(run.path) if one.weights == run.weights_name and not one.is_outdated]
    if kept:
        protocols = [
            without_folders({**one.protocol, "model": str(copy), "weights": copy.weights_name}) for one in kept
        ]
        _write(copy, [replace(one, protocol=protocol) for one, protocol in zip(kept, protocols, strict=True)])


def _write(run: Run, evaluations: Sequence[KeptEvaluation]) -> None:
    entries = [asdict(evaluation) for evaluation in evaluations]
    for entry in entries:
        del entry["current_step"]
    text = json.dumps(nan_to_null(entries), indent=2, ensure_ascii=False)
    with atomic_path(run.path / FILE_NAME) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_evaluations(folder: Path) -> list[KeptEvaluation]:
    """Read the evaluations of the run in a folder, the newest first; none if nothing was measured.

    Raises:
        ValueError: the file is damaged or cannot be read.
    """
    file = folder / FILE_NAME
    try:
        content = json.loads(read_regular_file(file, MAX_FILE_BYTES))
        # A slice, for an object is no list of them.
        kept = [KeptEvaluation(**entry) for entry in content[:]]
        for evaluation in kept:
            # What is damaged is found here, not where it is shown.
            _ = evaluation.key, evaluation.description, evaluation.rows()
        steps = {weights: Run(folder, weights).weights_step for weights in {evaluation.weights for evaluation in kept}}
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ValueError(f"cannot read {file} ({error.strerror}): mend its permissions") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{file} is damaged: delete it, and evaluate the run again") from None
    return [replace(evaluation, current_step=steps[evaluation.weights]) for evaluation in kept]


def find_evaluations(folder: Path) -> tuple[list[KeptEvaluation], str]:
    """Read the evaluations for a page or a list, which a damaged file must not stop; why there are none, or nothing."""
    try:
        return read_evaluations(folder), ""
    except ValueError as error:
        return [], str(error)
