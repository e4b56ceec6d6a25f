"""Results of anomaly detection: scores, metrics and calibrated detectors, as table, JSON and columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elbowroom.evaluation.anomaly.conformal import Detector
from elbowroom.evaluation.anomaly.explanation import StrangeRows
from elbowroom.evaluation.anomaly.heatmap import Heatmaps
from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.metrics.roc import auprc, auroc
from elbowroom.formatting import format_fixed

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ScoreResult:
    """One score of normal and other examples, with the detector calibrated on half of the normal ones.

    Attributes:
        normal: scores of all normal examples, (N,).
        other: scores of the other examples, (M,); ``None`` without other data.
        calibration_index: the normal examples that the detector is calibrated on, (N // 2,).
        level: false-positive rate of the detector.
        unit: of the scores.
    """

    normal: Tensor
    other: Tensor | None
    calibration_index: Tensor
    level: float
    unit: str = "nats"

    @property
    def detector(self) -> Detector:
        """The detector calibrated on one half of the normal examples."""
        return Detector(self.normal[self.calibration_index])

    @property
    def held_out_scores(self) -> Tensor:
        """The scores of the other half of the normal examples."""
        held_out = torch.ones(len(self.normal), dtype=torch.bool)
        held_out[self.calibration_index] = False
        return self.normal[held_out]

    def metrics(self) -> dict[str, Metric]:
        """Measure threshold and false positives on normal examples; AUROC, AUPRC and share found on the others."""
        detector, held_out = self.detector, self.held_out_scores
        expected, std = detector.expected_rate(self.level, len(held_out))
        how = f"split conformal at level {self.level:g}"
        how_rate = f"of {len(held_out):,} normal examples it has not seen; expected {expected:.4f} ± {std:.4f}"
        calibrated = {
            "threshold": Metric(detector.threshold(self.level), self.unit, how, examples=len(detector)),
            "false_positives": _share_metric(detector.flags(held_out, self.level), how_rate),
        }
        if self.other is None:
            return calibrated
        ranking = {"auroc": auroc(self.normal, self.other), "auprc": auprc(self.normal, self.other)}
        return ranking | calibrated | {"found": _share_metric(detector.flags(self.other, self.level), "of the others")}


class Anomalies(Mapping[str, dict[str, Metric]]):
    """The metrics of each score, by the score's name.

    Attributes:
        results: the scores of every example, by the score's name.
        protocol: model, data, level, samples, seed, versions.
        heatmaps: of the most anomalous examples of each set (``normal``, ``other``); empty without ``maps``.
        files: the image files of the examples of each set that is from such files.
        strange: the most anomalous rows of each set, explained; empty without ``explain``.
    """

    def __init__(
        self,
        results: dict[str, ScoreResult],
        protocol: dict[str, Any],
        heatmaps: dict[str, Heatmaps] | None = None,
        files: dict[str, list[str]] | None = None,
        strange: dict[str, StrangeRows] | None = None,
    ) -> None:
        self.strange = strange or {}
        self.results, self.protocol, self.heatmaps, self.files = results, protocol, heatmaps or {}, files or {}
        self._metrics = {name: result.metrics() for name, result in results.items()}

    def __getitem__(self, name: str) -> dict[str, Metric]:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def json(self) -> str:
        """Return metrics and protocol as JSON, without the scores of the examples."""
        scores = {
            score: {name: {k: v for k, v in asdict(m).items() if v is not None} for name, m in metrics.items()}
            for score, metrics in self.items()
        }
        strange = {
            name: [
                {"index": index, "score": score, "why": why}
                for index, score, why in zip(
                    rows.index.tolist(), rows.scores.tolist(), rows.explanation.reasons(), strict=True
                )
            ]
            for name, rows in self.strange.items()
        }
        content = {"scores": scores, "protocol": self.protocol} | ({"strange": strange} if strange else {})
        return json.dumps(content, indent=2, ensure_ascii=False)

    def table(self) -> Table:
        """Return a table for the terminal, one line per score."""
        from rich.table import Table

        columns = [name for name in _COLUMN_TITLES if name in next(iter(self.values()))]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("score", no_wrap=True)
        for name in columns:
            table.add_column(_COLUMN_TITLES[name], justify="right", no_wrap=True)
        for score, metrics in self.items():
            table.add_row(score.replace("_", " "), *(_format_metric(metrics[name]) for name in columns))
        return table

    def to_columns(self) -> dict[str, list[Any]]:
        """Return one row per example as columns: ``set``, ``index``, and for each score its value and p-value (``_p``).

        Images from files have a column ``file``, which is empty for examples that are from none. Examples that the
        detectors are calibrated on have no p-value (NaN).
        """
        first = next(iter(self.results.values()))
        n, m = len(first.normal), 0 if first.other is None else len(first.other)
        sets = ["normal"] * n + ["other"] * m
        for i in first.calibration_index.tolist():
            sets[i] = "calibration"
        columns: dict[str, list[Any]] = {"set": sets, "index": [*range(n), *range(m)]}
        if self.files:
            columns["file"] = self.files.get("normal", [""] * n) + self.files.get("other", [""] * m)
        for name, result in self.results.items():
            values = result.normal if result.other is None else torch.cat([result.normal, result.other])
            p = result.detector.p_values(values)
            p[result.calibration_index] = math.nan
            columns |= {name: values.tolist(), f"{name}_p": p.tolist()}
        return columns

    def __repr__(self) -> str:
        return "\n".join(
            f"{score}: " + ", ".join(f"{name} {_format_metric(m)}" for name, m in metrics.items())
            for score, metrics in self.items()
        )


_COLUMN_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "threshold": "threshold",
    "false_positives": "false positives",
    "found": "found",
}


def _share_metric(flags: Tensor, estimator: str) -> Metric:
    """Return the share of true flags, with its binomial standard error."""
    n, share = len(flags), flags.double().mean().item()
    return Metric(share, "", estimator, math.sqrt(share * (1 - share) / n) if n else None, examples=n)


def _format_metric(m: Metric) -> str:
    if not isinstance(m.value, float):
        return "undefined"
    if "conformal" in m.estimator:  # a threshold
        return format_fixed(m.value) + (f" {m.unit}" if m.unit else "")
    return " ± ".join(format_fixed(part, 4) for part in (m.value, m.standard_error) if part is not None)
