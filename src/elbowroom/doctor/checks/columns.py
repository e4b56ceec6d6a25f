"""Diagnoses of the columns of a table, and of the classes of its examples."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from elbowroom.data import Batch, Split
from elbowroom.data.readers.table_encoding import Column
from elbowroom.doctor import advice
from elbowroom.doctor.evidence import Evidence, first_batch
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis

#: Rows of a split that are looked at.
MAX_ROWS = 20_000
#: Rows below which different values are no sign of an id.
MIN_ROWS = 30
#: Share of its rows that a category has to itself, from which it is an id.
ID_SHARE = 0.5
#: Names in one finding, at most.
MAX_NAMES = 5


@diagnosis(
    "columns that are ids", explains=("over-fitting", "over-fitting of the decoder", "over-fitting of the encoder")
)
def find_ids(evidence: Evidence) -> Iterator[Finding]:
    """Find columns that tell rows apart: a category for nearly every row, or whole numbers that count them."""
    columns, x = _columns(evidence), _rows(evidence.data.train)
    if len(x) < MIN_ROWS:
        raise NotApplicableError(f"{len(x)} rows are too few to tell an id by its values")
    ids = [column.name for i, column in enumerate(columns) if _is_id(x[:, i], column.n_categories, column.sd)]
    if not ids:
        return
    yield Finding(
        "columns that are ids",
        f"{_join(ids)}: nearly every row has a value of its own",
        "the model spends its latent on telling rows apart, and what it says of new rows is noise",
        advice.drop_columns(evidence, ids),
    )


def _is_id(values: Tensor, n_categories: int, sd: float) -> bool:
    """Whether the encoded cells of a column tell rows apart."""
    present = values[~values.isnan()]
    n_distinct = _count_distinct(present)
    if n_categories:
        return n_categories > MIN_ROWS and n_distinct > ID_SHARE * len(present)
    steps = (present * sd).sort().values.diff()
    # Rows of a random split are a part of those that a number counts, so that it has gaps.
    is_whole = bool(((steps - steps.round()).abs() < 0.02).all())
    return n_distinct == len(present) and is_whole and steps.sum().item() < 2.5 * len(present)


@diagnosis("constant columns", explains=("decoder variance running away",))
def find_constant_columns(evidence: Evidence) -> Iterator[Finding]:
    """Find columns with one value in every training row."""
    columns, x = _columns(evidence), _rows(evidence.data.train)
    present = [values[~values.isnan()] for values in x.unbind(1)]
    constant = [column.name for column, values in zip(columns, present, strict=True) if _count_distinct(values) <= 1]
    if not constant:
        return
    yield Finding(
        "constant columns",
        f"{_join(constant)}: one value, or none, in all of {len(x):,} training rows",
        "nothing can be learned of it, and the density of a column without spread has no bound",
        advice.drop_columns(evidence, constant),
    )


@diagnosis("classes missing in held-out splits")
def find_missing_classes(evidence: Evidence) -> Iterator[Finding]:
    """Find classes of the training split that a held-out split has no example of."""
    splits = {name: _labels(split) for name, split in evidence.data.splits.items()}
    if splits["train"] is None:
        raise NotApplicableError("the data has no class labels")
    for name, labels in splits.items():
        missing = sorted(set(splits["train"].tolist()) - set(() if labels is None else labels.tolist()) - {-1})
        if name == "train" or labels is None or not missing:
            continue
        names = evidence.data.classes or ()
        shown = [names[i] if i < len(names) else str(i) for i in missing]
        yield Finding(
            "classes missing in held-out splits",
            f"{_join(shown)}: in the training split, and in none of {len(labels):,} {name} examples",
            f"{name} metrics say nothing about these classes",
            f"set more examples aside, class by class: {advice.format_option(evidence, name, 0.3)}",
            "warning" if len(missing) > 1 or len(labels) >= MIN_ROWS else "note",
        )


def _count_distinct(values: Tensor) -> int:
    return len(torch.unique(values))


def _columns(evidence: Evidence) -> tuple[Column, ...]:
    if not evidence.data.columns:
        raise NotApplicableError("the data is no table")
    return evidence.data.columns


def _rows(split: Split) -> Tensor:
    return _first(split).x.flatten(1)


def _labels(split: Split) -> Tensor | None:
    """Return the class labels of a split's examples, (B,); ``None`` if it has none, or attributes."""
    y = _first(split).y
    return None if y is None or y.dim() > 1 or y.is_floating_point() else y


def _first(split: Split) -> Batch:
    return first_batch(split, MAX_ROWS, torch.nn.Identity())


def _join(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
