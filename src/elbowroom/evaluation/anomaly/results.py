"""What scores say of normal examples and of others, and a detector calibrated on half of the normal ones."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elbowroom.evaluation.anomaly.conformal import Detector
from elbowroom.evaluation.anomaly.heatmap import Heatmaps
from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.metrics.roc import auprc, auroc

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ScoreResult:
    """One score of normal examples and of others, and the detector calibrated on half of the normal ones.

    Attributes:
        normal: (N,), of all normal examples.
        other: (M,), of the others; none where there are none.
        calibration_index: (N // 2,), which of the normal ones the detector is calibrated on.
        level: its false-positive rate.
    """

    normal: Tensor
    other: Tensor | None
    calibration_index: Tensor
    level: float

    @property
    def detector(self) -> Detector:
        """Calibrated on its half of the normal examples."""
        return Detector(self.normal[self.calibration_index])

    @property
    def held_out_scores(self) -> Tensor:
        """The scores of the other half."""
        kept = torch.ones(len(self.normal), dtype=torch.bool)
        kept[self.calibration_index] = False
        return self.normal[kept]

    def metrics(self) -> dict[str, Metric]:
        """``auroc auprc found`` against the others, ``threshold false_positives`` among the normal."""
        detector, held_out = self.detector, self.held_out_scores
        expected, spread = detector.expected_rate(self.level, len(held_out))
        promise = f"of {len(held_out):,} normal examples it has not seen; expected {expected:.4f} ± {spread:.4f}"
        found = {
            "threshold": Metric(
                detector.threshold(self.level),
                "nats",
                f"split conformal at level {self.level:g}",
                examples=len(detector),
            ),
            "false_positives": _share_metric(detector.flags(held_out, self.level), promise),
        }
        if self.other is None:
            return found
        against = {"auroc": auroc(self.normal, self.other), "auprc": auprc(self.normal, self.other)}
        return against | found | {"found": _share_metric(detector.flags(self.other, self.level), "of the others")}


class Anomalies(Mapping[str, dict[str, Metric]]):
    """Scores by name, each with its figures.

    Attributes:
        results: the scores themselves, by name.
        protocol: model, data, level, samples, seed, versions.
        heatmaps: of the strangest examples of each set, if asked for.
    """

    def __init__(
        self, results: dict[str, ScoreResult], protocol: dict[str, Any], heatmaps: dict[str, Heatmaps] | None = None
    ) -> None:
        self.results, self.protocol, self.heatmaps = results, protocol, heatmaps or {}
        self._metrics = {name: one.metrics() for name, one in results.items()}

    def __getitem__(self, name: str) -> dict[str, Metric]:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def json(self) -> str:
        """Everything but the scores themselves, as JSON."""
        plain = {
            score: {name: {k: v for k, v in asdict(m).items() if v is not None} for name, m in figures.items()}
            for score, figures in self.items()
        }
        return json.dumps({"scores": plain, "protocol": self.protocol}, indent=2, ensure_ascii=False)

    def table(self) -> Table:
        """A line for each score, the raw ELBO's always among them."""
        from rich.table import Table

        columns = [name for name in _COLUMN_TITLES if name in next(iter(self.values()))]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("score", no_wrap=True)
        for name in columns:
            table.add_column(_COLUMN_TITLES[name], justify="right", no_wrap=True)
        for score, figures in self.items():
            table.add_row(score.replace("_", " "), *(_format_metric(figures[name]) for name in columns))
        return table

    def to_columns(self) -> dict[str, list[Any]]:
        """Every example: its set, its place in it, and under each score's name the score and, as ``…_p``, its p-value.

        Those that the detectors were calibrated on have no p-value (NaN).
        """
        first = next(iter(self.results.values()))
        n, m = len(first.normal), 0 if first.other is None else len(first.other)
        sets = ["normal"] * n + ["other"] * m
        for i in first.calibration_index.tolist():
            sets[i] = "calibration"
        found: dict[str, list[Any]] = {"set": sets, "index": [*range(n), *range(m)]}
        for name, one in self.results.items():
            values = one.normal if one.other is None else torch.cat([one.normal, one.other])
            p = one.detector.p_values(values)
            p[one.calibration_index] = math.nan
            found |= {name: values.tolist(), f"{name}_p": p.tolist()}
        return found

    def __repr__(self) -> str:
        return "\n".join(
            f"{score}: " + ", ".join(f"{name} {_format_metric(m)}" for name, m in figures.items())
            for score, figures in self.items()
        )


_COLUMN_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "threshold": "threshold, nats",
    "false_positives": "false positives",
    "found": "found",
}


def _share_metric(flags: Tensor, description: str) -> Metric:
    n, share = len(flags), flags.double().mean().item()
    return Metric(share, "", description, math.sqrt(share * (1 - share) / n) if n else None, examples=n)


def _format_metric(m: Metric) -> str:
    if not isinstance(m.value, float):
        return "undefined"
    if m.unit == "nats":
        return f"{m.value:.2f}"
    return f"{m.value:.4f}" + ("" if m.standard_error is None else f" ± {m.standard_error:.4f}")
