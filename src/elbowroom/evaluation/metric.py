"""A metric with its estimator and standard error, and the result of an evaluation."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elbowroom.display import Displayed
from elbowroom.formatting import format_count, format_fixed, format_number

if TYPE_CHECKING:
    from rich.table import Table

#: Examples below which a score that is fitted or counted has a note: one of 100 moves a share by a hundredth.
MIN_SCORED_EXAMPLES = 100


@dataclass(frozen=True)
class Metric:
    """A measured value with its protocol.

    Attributes:
        value: a number, a list of numbers, or ``None`` where it is undefined for this model (``note`` says why).
        unit: of the value.
        estimator: how it was computed, in words.
        standard_error: of the value as an estimate for other examples, from the spread over those of the split.
        samples: posterior samples per example.
        examples: number of examples used, each once.
        split: name of the split they are from.
        suite: name of the suite it belongs to.
        note: a caveat, or why there is no value.
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
    """Return the mean of one value per example, (N,), with its standard error."""
    values = values.double()
    error = values.std().item() / math.sqrt(len(values)) if len(values) > 1 else None
    return Metric(values.mean().item(), unit, estimator, error, examples=len(values), **protocol)


def note_few_examples(metric: Metric, n: int) -> Metric:
    """Return the metric with a note where it has a value and rests on few examples.

    >>> note_few_examples(Metric(1.0, "share", "of a classifier"), 6).note
    'of 6 examples alone, so that chance may be most of it: evaluate 100 or more'
    """
    if metric.value is None or n >= MIN_SCORED_EXAMPLES:
        return metric
    few = f"of {format_count(n, 'example')} alone, so that chance may be most of it"
    note = f"{few}: evaluate {MIN_SCORED_EXAMPLES} or more"
    return replace(metric, note="; ".join(filter(None, (metric.note, note))))


class Evaluation(Displayed, Mapping[str, Metric]):
    """The metrics of one evaluation by name, with the protocol they share.

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
        """Return metrics and protocol as JSON; an undefined metric has the value null and a note that says why."""
        content = {"metrics": self.metric_fields(), "protocol": self.protocol}
        return json.dumps(content, indent=2, ensure_ascii=False)

    def metric_fields(self) -> dict[str, dict[str, Any]]:
        """Return the fields of each metric that are known, by its name; the value always."""
        return {
            name: {field: v for field, v in asdict(m).items() if v is not None or field == "value"}
            for name, m in self.items()
        }

    def table(self) -> Table:
        """Return a table for the terminal: suite by suite, each metric with its number of examples (n)."""
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        for column in ("metric", "value", "±", "unit", "n", "how"):
            right = column in ("value", "±", "n")
            table.add_column(column, justify="right" if right else "left", no_wrap=column != "how")
        previous = None
        for suite, row in self.rows():
            if previous not in (None, suite):
                table.add_row()
            previous = suite
            table.add_row(*map(escape, row))
        return table

    def rows(self) -> Iterator[tuple[str | None, tuple[str, ...]]]:
        """Yield for each metric its suite, and as text its name, value, standard error, unit, examples, estimator."""
        for name, m in self.items():
            error = "" if m.standard_error is None else format_number(m.standard_error, 2)
            n = "" if m.examples is None else f"{m.examples:,}"
            extent = f"smallest to largest of {len(m.value)}" if isinstance(m.value, list) else None
            how = "; ".join(filter(None, (extent, m.estimator, m.note)))
            yield m.suite, (name.replace("_", " "), _format_value(m.value), error, m.unit, n, how)

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {_describe_value(m)}" for name, m in self.items())


def _describe_value(metric: Metric) -> str:
    """Return a value with its standard error and unit."""
    error = "" if metric.standard_error is None else f" ± {format_number(metric.standard_error, 2)}"
    return f"{_format_value(metric.value)}{error} {metric.unit}".rstrip()


def _format_value(value: float | list[float] | None) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, list):
        return f"{format_fixed(min(value))} to {format_fixed(max(value))}"
    return format_number(value) if abs(value) < 1 else format_fixed(value)
