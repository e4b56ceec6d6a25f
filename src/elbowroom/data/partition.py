"""Setting examples of train aside for the splits that are missing."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.raw import AnySplit, RawDataset, split_from_source
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.loader import LoaderSplit


def plan_partition(raw: RawDataset, validation: Any, test: Any) -> tuple[dict[str, AnySplit], dict[str, float | int]]:
    """The splits beside train that are there already, and how much of train to set aside for others."""
    ready: dict[str, AnySplit] = {}
    amounts: dict[str, float | int] = {}
    divisible = not isinstance(raw.train, LoaderSplit) or raw.train.can_subset
    for split, value, own, default in (
        ("validation", validation, raw.validation, raw.defaults[0]),
        ("test", test, raw.test, raw.defaults[1]),
    ):
        if value is not None and not isinstance(value, Real):
            ready[split] = require_same_shape(split_from_source(value, raw.classes, f"{split}="), raw, f"{split}=")
        elif value is not None:
            if own is not None and value != 0:
                raise ValueError(
                    f"{raw.name} comes with its own {split} split: leave {split}={value} out, "
                    f"or give {split}=0 to drop it"
                )
            amounts[split] = int(value) if isinstance(value, Integral) else float(value)
        elif own is not None:
            ready[split] = require_same_shape(own, raw, f"{split} in {raw.source or raw.name}")
        else:
            # whoever brings a validation split has divided the data already
            amounts[split] = 0 if split == "test" and ("validation" in ready or not divisible) else default
    return ready, amounts


def require_same_shape(split: AnySplit, raw: RawDataset, where: str) -> AnySplit:
    """A split, if its examples have the shape of those of train."""
    if split.shape != raw.train.shape:
        raise ValueError(
            f"the examples of {where} have shape {split.shape} and those of train {raw.train.shape}: "
            "expected the same; bring them to one shape"
        )
    return split


def partition(
    raw: RawDataset, existing: dict[str, AnySplit], amounts: dict[str, float | int], seed: int
) -> dict[str, AnySplit]:
    """All splits by name: those that are ready, and those set aside from train."""
    train = raw.train
    if any(amounts.values()):
        if isinstance(train, LoaderSplit) and not train.can_subset:
            raise ValueError(
                f"the examples of a {raw.name} cannot be picked one by one to set some aside: give the validation "
                "examples as validation=, or validation=0 and test=0 for none"
            )
        n = len(train)
        counts = {split: resolve_count(amounts.get(split, 0), n, split) for split in ("validation", "test")}
        if sum(counts.values()) >= n:
            raise ValueError(
                f"{counts['validation']} validation and {counts['test']} test examples leave nothing to train on, of "
                f"{n} in {raw.name}: give more examples, a smaller validation= or test=, or 0 for none"
            )
        generator = torch.Generator().manual_seed(seed)
        places = (block_indices if raw.is_video else random_indices)(n, counts["validation"], counts["test"], generator)
        if isinstance(train, BufferedSplit) and train.block_starts is not None:
            places = (places[0].sort().values, places[1].sort().values)  # in the order of reading
        kept = torch.ones(n, dtype=torch.bool)
        kept[torch.cat(places)] = False
        aside = {
            split: train.subset(index, training=False)
            for split, index in zip(counts, places, strict=True)
            if len(index)
        }
        existing, train = existing | aside, train.subset(kept.nonzero().flatten())
    return {"train": train, **{split: existing[split] for split in ("validation", "test") if split in existing}}


def resolve_count(amount: float | int, n: int, split: str) -> int:
    """A fraction or a number of ``n`` examples as a number; a fraction is of at least one example."""
    if isinstance(amount, int) and amount >= 0:
        return amount
    if 0 <= amount < 1:
        return max(1, round(amount * n)) if amount else 0
    raise ValueError(
        f"{split}={amount}: expected a fraction from 0 to below 1 of the training examples, or a number of them"
    )


def random_indices(n: int, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The positions of validation and test, at random."""
    order = torch.randperm(n, generator=generator)
    return order[:validation], order[validation : validation + test]


def block_indices(n: int, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The positions of validation and test as one block each, at random, with at least one other example between."""
    first, second = torch.randperm(n - validation - test + 1, generator=generator)[:2].sort().values.tolist()
    if torch.randint(2, (), generator=generator):
        return torch.arange(validation) + first, torch.arange(test) + second + validation
    return torch.arange(validation) + second + test, torch.arange(test) + first
