"""A figure and how it was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Metric:
    """A figure with its protocol.

    Attributes:
        value: a number, a list of them, or ``None`` where it is undefined for this model (``note`` says why).
        unit: of the value.
        estimator: how it was computed, in words.
        standard_error: of the value as an estimate for fresh examples, from the spread over the split's.
        samples: posterior samples per example.
        examples: how many were used, each once.
        split: which ones.
        suite: which it was measured with.
        note: what a reader must know.
    """

    value: float | list[float] | None
    unit: str
    estimator: str
    standard_error: float | None = None
    samples: int | None = None
    examples: int | None = None
    split: str | None = None
    suite: str | None = None
    note: str | None = None


def mean_metric(values: Tensor, unit: str, estimator: str, **protocol: Any) -> Metric:
    """The mean of one value per example, with its standard error."""
    values = values.double()
    error = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else None
    return Metric(values.mean().item(), unit, estimator, error, examples=len(values), **protocol)


class Evaluation(Mapping[str, Metric]):
    """The figures of one evaluation by name, with the protocol they share.

    Attributes:
        protocol: model, data, preprocessing, seed, batch size, versions.
    """

    def __init__(self, metrics: dict[str, Metric], protocol: dict[str, Any]) -> None:
        self._metrics, self.protocol = metrics, protocol

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def json(self) -> str:
        """Everything, as JSON; a figure that is undefined has the value null and a note that says why."""
        metrics = {
            name: {field: v for field, v in asdict(m).items() if v is not None or field == "value"}
            for name, m in self.items()
        }
        return json.dumps({"metrics": metrics, "protocol": self.protocol}, indent=2, ensure_ascii=False)

    def table(self) -> Table:
        """Everything, for people: suite by suite, each figure with how many examples (n) it is taken over."""
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        for column in ("figure", "value", "±", "unit", "n", "how"):
            right = column in ("value", "±", "n")
            table.add_column(column, justify="right" if right else "left", no_wrap=column != "how")
        last = None
        for name, m in self.items():
            if last not in (None, m.suite):
                table.add_row()
            last = m.suite
            error = "" if m.standard_error is None else f"{m.standard_error:.2g}"
            n = "" if m.examples is None else f"{m.examples:,}"
            of = f"smallest to largest of {len(m.value)}" if isinstance(m.value, list) else None
            how = "; ".join(filter(None, (of, m.estimator, m.note)))
            table.add_row(name.replace("_", " "), _format_value(m.value), error, m.unit, n, escape(how))
        return table

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {_format_value(m.value)} {m.unit}" for name, m in self.items())


def _format_value(value: float | list[float] | None) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, list):
        return f"{min(value):.2f} to {max(value):.2f}"
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
