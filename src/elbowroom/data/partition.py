"""Setting examples of train aside for the splits that are missing."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.raw import Found, Whole, split_of
from elbowroom.data.splits.buffered import Stored
from elbowroom.data.splits.loader import Loader


def wanted(found: Found, validation: Any, test: Any) -> tuple[dict[str, Whole], dict[str, float | int]]:
    """The splits beside train that are there already, and how much of train to set aside for others."""
    ready: dict[str, Whole] = {}
    amounts: dict[str, float | int] = {}
    divisible = not isinstance(found.train, Loader) or found.train.divisible
    for split, value, own, default in (
        ("validation", validation, found.validation, found.defaults[0]),
        ("test", test, found.test, found.defaults[1]),
    ):
        if value is not None and not isinstance(value, Real):
            ready[split] = of_one_shape(split_of(value, found.classes, f"{split}="), found, f"{split}=")
        elif value is not None:
            if own is not None and value != 0:
                raise ValueError(
                    f"{found.name} comes with its own {split} split: leave {split}={value} out, "
                    f"or give {split}=0 to drop it"
                )
            amounts[split] = int(value) if isinstance(value, Integral) else float(value)
        elif own is not None:
            ready[split] = of_one_shape(own, found, f"{split} in {found.source or found.name}")
        else:
            # whoever brings a validation split has divided the data already
            amounts[split] = 0 if split == "test" and ("validation" in ready or not divisible) else default
    return ready, amounts


def of_one_shape(split: Whole, found: Found, where: str) -> Whole:
    """A split, if its examples have the shape of those of train."""
    if split.shape != found.train.shape:
        raise ValueError(
            f"the examples of {where} have shape {split.shape} and those of train {found.train.shape}: "
            "expected the same; bring them to one shape"
        )
    return split


def divided(found: Found, ready: dict[str, Whole], amounts: dict[str, float | int], seed: int) -> dict[str, Whole]:
    """All splits by name: those that are ready, and those set aside from train."""
    train = found.train
    if any(amounts.values()):
        if isinstance(train, Loader) and not train.divisible:
            raise ValueError(
                f"the examples of a {found.name} cannot be picked one by one to set some aside: give the validation "
                "examples as validation=, or validation=0 and test=0 for none"
            )
        n = len(train)
        counts = {split: counted(amounts.get(split, 0), n, split) for split in ("validation", "test")}
        if sum(counts.values()) >= n:
            raise ValueError(
                f"{counts['validation']} validation and {counts['test']} test examples leave nothing to train on, of "
                f"{n} in {found.name}: give more examples, a smaller validation= or test=, or 0 for none"
            )
        generator = torch.Generator().manual_seed(seed)
        places = (blocks if found.video else scattered)(n, counts["validation"], counts["test"], generator)
        if isinstance(train, Stored) and train.blocks is not None:
            places = (places[0].sort().values, places[1].sort().values)  # in the order of reading
        kept = torch.ones(n, dtype=torch.bool)
        kept[torch.cat(places)] = False
        aside = {
            split: train.part(index, training=False) for split, index in zip(counts, places, strict=True) if len(index)
        }
        ready, train = ready | aside, train.part(kept.nonzero().flatten())
    return {"train": train, **{split: ready[split] for split in ("validation", "test") if split in ready}}


def counted(amount: float | int, n: int, split: str) -> int:
    """A fraction or a number of ``n`` examples as a number; a fraction is of at least one example."""
    if isinstance(amount, int) and amount >= 0:
        return amount
    if 0 <= amount < 1:
        return max(1, round(amount * n)) if amount else 0
    raise ValueError(
        f"{split}={amount}: expected a fraction from 0 to below 1 of the training examples, or a number of them"
    )


def scattered(n: int, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The positions of validation and test, at random."""
    order = torch.randperm(n, generator=generator)
    return order[:validation], order[validation : validation + test]


def blocks(n: int, validation: int, test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The positions of validation and test as one block each, at random, with at least one other example between."""
    first, second = torch.randperm(n - validation - test + 1, generator=generator)[:2].sort().values.tolist()
    if torch.randint(2, (), generator=generator):
        return torch.arange(validation) + first, torch.arange(test) + second + validation
    return torch.arange(validation) + second + test, torch.arange(test) + first
