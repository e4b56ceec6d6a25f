"""Partition a source: set training examples aside for the splits that are missing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.class_subset import labels_of
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import AnySplit, EncodedDataset, RawDataset, RawSplit
from elbowroom.data.readers.table_encoding import Column
from elbowroom.data.sources.registry import read_object
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.loader import LoaderSplit
from elbowroom.data.stratify import has_classes, stratified_indices

MAX_NAMED_CLASSES = 10
"""Classes that a warning names."""


def plan_partition(raw: RawDataset, validation: Any, test: Any) -> tuple[dict[str, RawSplit], dict[str, float | int]]:
    """Return the splits beside train that exist already, and how much of train to set aside for others.

    Raises:
        ValueError: a split that comes with the source and is to be set aside as well, or of another shape than train.
    """
    existing: dict[str, RawSplit] = {}
    amounts: dict[str, float | int] = {}
    given: dict[str, Any] = {}
    is_divisible = not isinstance(raw.train, LoaderSplit) or raw.train.can_subset
    for name, value, own, default in (
        ("validation", validation, raw.validation, raw.defaults[0]),
        ("test", test, raw.test, raw.defaults[1]),
    ):
        if value is not None and not isinstance(value, Real):
            given[name] = value
        elif value is not None:
            if own is not None and value != 0:
                raise ValueError(
                    f"{raw.name} comes with its own {name} split: leave {name}={value} out, or give {name}=0 to drop it"
                )
            amounts[name] = int(value) if isinstance(value, Integral) else float(value)
        elif own is not None:
            existing[name] = own
        else:
            # with a validation split given, the data is divided already
            has_validation = "validation" in existing or "validation" in given
            amounts[name] = 0 if name == "test" and (has_validation or not is_divisible) else default
    options = ReadOptions(columns=count_rows(raw, amounts)) if given else ReadOptions()
    existing |= {name: read_object(value, options, raw.classes, f"{name}=").train for name, value in given.items()}
    return existing, amounts


def count_rows(raw: RawDataset, amounts: Mapping[str, float | int]) -> tuple[Column, ...] | None:
    """Return the columns of a table with the rows that are left to train on, by which an unseen category is scored."""
    if raw.columns is None:
        return None
    n = len(raw.train)
    rows = n - sum(resolve_count(amount, n, name) for name, amount in amounts.items())
    return tuple(replace(column, rows=max(rows, 1)) for column in raw.columns)


def resolve_stratified(raw: EncodedDataset, requested: bool | None) -> bool:
    """Return whether examples are set aside class by class: as requested, or where there are classes.

    Raises:
        ValueError: it is requested of data without classes, or of a video.
    """
    can_stratify = raw.classes is not None and not raw.is_video and has_classes(labels_of(raw.train))
    if requested and not can_stratify:
        raise ValueError(
            f"stratified=True sets examples aside class by class, and the examples of {raw.name} have no classes, or "
            "cannot be picked by them: leave it out"
        )
    return can_stratify and raw.is_stratified if requested is None else requested


def partition(
    raw: EncodedDataset, existing: dict[str, AnySplit], amounts: dict[str, float | int], seed: int, is_stratified: bool
) -> dict[str, AnySplit]:
    """Return all splits by name: train, the existing ones, and those set aside from train.

    Raises:
        ValueError: nothing left to train on, or a stream whose examples cannot be picked one by one.
    """
    train = raw.train
    if any(amounts.values()):
        train, set_aside = divide_train(raw, amounts, seed, is_stratified)
        existing = existing | set_aside
        if is_stratified:
            warn_of_absent_classes(raw, existing)
    return {"train": train, **{name: existing[name] for name in ("validation", "test") if name in existing}}


def warn_of_absent_classes(raw: EncodedDataset, held_out: dict[str, AnySplit]) -> None:
    """Warn of classes that no held-out split has an example of."""
    y, labels = labels_of(raw.train), [labels_of(split) for split in held_out.values()]
    known = [one for one in labels if one is not None]
    if y is None or raw.classes is None or len(known) < len(labels):
        return
    classes, counts = torch.unique(y, return_counts=True)
    is_absent = ~torch.isin(classes, torch.cat(known)) & (classes >= 0)
    absent = [f"{raw.classes[k]} ({n})" for k, n in zip(classes[is_absent], counts[is_absent].tolist(), strict=True)]
    if absent:
        more = f" and {len(absent) - MAX_NAMED_CLASSES} more" if len(absent) > MAX_NAMED_CLASSES else ""
        warnings.warn(
            f"{raw.name}: no example of {', '.join(absent[:MAX_NAMED_CLASSES])}{more} is in {' or '.join(held_out)}: "
            "give more of them, or more to validation= and test=",
            stacklevel=6,
        )


def divide_train(
    raw: EncodedDataset, amounts: dict[str, float | int], seed: int, is_stratified: bool
) -> tuple[AnySplit, dict[str, AnySplit]]:
    """Return what is left of train, and the examples set aside as validation and test."""
    train = raw.train
    if isinstance(train, LoaderSplit) and not train.can_subset:
        raise ValueError(
            f"the examples of a {raw.name} cannot be picked one by one to set some aside: give the validation "
            "examples as validation=, or validation=0 and test=0 for none"
        )
    n = len(train)
    counts = {name: resolve_count(amounts.get(name, 0), n, name) for name in ("validation", "test")}
    if sum(counts.values()) >= n:
        raise ValueError(
            f"{counts['validation']} validation and {counts['test']} test examples leave nothing to train on, of "
            f"{n} in {raw.name}: give more examples, a smaller validation= or test=, or 0 for none"
        )
    generator = torch.Generator().manual_seed(seed)
    y = labels_of(train) if is_stratified else None
    if y is not None:
        indices = stratified_indices(y, counts["validation"], counts["test"], generator)
    else:
        draw = block_indices if raw.is_video else random_indices
        indices = draw(n, counts["validation"], counts["test"], generator)
    indices = _drop_shared_windows(indices, 0 if raw.series is None else raw.series.overlap)
    if isinstance(train, BufferedSplit) and train.block_starts is not None:
        indices = (indices[0].sort().values, indices[1].sort().values)  # in the order of reading
    is_left = torch.ones(n, dtype=torch.bool)
    is_left[torch.cat(indices)] = False
    if raw.series is not None and raw.series.overlap:
        is_left &= ~_find_neighbors(indices, n, raw.series.overlap)
    set_aside: dict[str, AnySplit] = {
        name: train.subset(index, training=False) for name, index in zip(counts, indices, strict=True) if len(index)
    }
    return train.subset(is_left.nonzero().flatten()), set_aside


def _find_neighbors(indices: tuple[Tensor, Tensor], n: int, overlap: int) -> Tensor:
    """Return which of n positions are within ``overlap`` of those set aside: windows that share steps with them."""
    is_near = torch.zeros(n, dtype=torch.bool)
    for index in indices:
        if len(index):
            is_near[max(0, int(index.min()) - overlap) : int(index.max()) + overlap + 1] = True
    return is_near


def resolve_count(amount: float | int, n: int, split: str) -> int:
    """Return a fraction or a number of ``n`` examples as a number; a fraction above 0 is at least one example."""
    if isinstance(amount, int) and amount >= 0:
        return amount
    if 0 <= amount < 1:
        return max(1, round(amount * n)) if amount else 0
    raise ValueError(
        f"{split}={amount}: expected a fraction from 0 to below 1 of the training examples, or a number of them"
    )


def _drop_shared_windows(indices: tuple[Tensor, Tensor], overlap: int) -> tuple[Tensor, Tensor]:
    """Return the positions of validation without the windows that share steps with one of test."""
    validation, test = indices
    if not overlap or not len(test):
        return indices
    is_near = (validation >= int(test.min()) - overlap) & (validation <= int(test.max()) + overlap)
    return validation[~is_near], test


def random_indices(n: int, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return random positions of validation and test."""
    order = torch.randperm(n, generator=generator)
    return order[:validation], order[validation : validation + test]


def block_indices(n: int, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return positions of validation and test as one random block each, with at least one other example between."""
    first, second = torch.randperm(n - validation - test + 1, generator=generator)[:2].sort().values.tolist()
    if torch.randint(2, (), generator=generator):
        return torch.arange(validation) + first, torch.arange(test) + second + validation
    return torch.arange(validation) + second + test, torch.arange(test) + first
