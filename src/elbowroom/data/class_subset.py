"""Some classes of a source alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.data.raw import AnySplit, RawDataset
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit


def select_classes(raw: RawDataset, existing: dict[str, AnySplit], only: Any) -> tuple[RawDataset, dict[str, AnySplit]]:
    """The examples of some classes of every split; splits that have none of them are left out.

    Raises:
        ValueError: a source without classes or labels, a class it does not have, or of which train has no example.
    """
    if only is None:
        return raw, existing
    asked = parse_classes(only, raw)
    assert raw.classes is not None
    names = tuple(raw.classes[place] for place in asked)
    train = filter_classes(raw.train, asked, len(raw.classes))
    if train is None:
        raise ValueError(f"no training example of {raw.name} is of the class {', '.join(names)}: name others")
    kept = {name: filter_classes(split, asked, len(raw.classes)) for name, split in existing.items()}
    words = f"only the class{'es' * (len(names) > 1)} {', '.join(names)}"
    existing = {name: split for name, split in kept.items() if split is not None}
    return replace(
        raw, train=train, classes=names, preprocessing="; ".join(filter(None, [raw.preprocessing, words]))
    ), existing


def parse_classes(only: Any, raw: RawDataset) -> list[int]:
    """The classes that are asked for, by name or number: ``"0,1"``, ``("cat", "dog")``, ``3``.

    Raises:
        ValueError: a source without classes, or a class it does not have.
    """
    classes = raw.classes
    if classes is None:
        raise ValueError(f"only={only!r} picks classes, and {raw.name} has none: leave it out, or give labels")
    if isinstance(only, str):
        given: list[Any] = [only] if only in classes else [name.strip() for name in only.split(",")]
    else:
        given = list(only) if isinstance(only, Iterable) else [only]
    places = {name: place for place, name in reversed(list(enumerate(classes)))}
    asked = [places.get(str(name), parse_class_index(name, len(classes))) for name in given]
    strange = [name for name, place in zip(given, asked, strict=True) if place is None]
    if strange or not asked:
        raise errors.unknown_name(f"class of {raw.name}", str(strange[0] if strange else only), classes)
    return sorted({place for place in asked if place is not None})


def parse_class_index(name: Any, num_classes: int) -> int | None:
    """The number of a class that is given by its number."""
    number = int(name) if str(name).isdigit() else -1
    return number if 0 <= number < num_classes else None


def filter_classes(split: AnySplit, class_indices: list[int], num_classes: int) -> AnySplit | None:
    """The examples of some of ``num_classes`` classes, which become the classes 0, 1, ...; None where there are none."""
    if not isinstance(split, InMemorySplit | BufferedSplit):
        raise ValueError("only= needs arrays or files, and the source is a stream: pick the classes in the data set")
    if split.y is None:
        raise ValueError("only= needs labels in every split: give them, or leave it out")
    number = torch.full((num_classes,), -1).index_put((torch.tensor(class_indices),), torch.arange(len(class_indices)))
    mine = split.y if isinstance(split, InMemorySplit) or split.source_rows is None else split.y[split.source_rows]
    places = (number[mine] >= 0).nonzero().flatten()
    part = split.subset(places)
    return part.replace(y=number[part.y]) if len(places) else None


UNKNOWN_LABEL = -1
"""The label of an example whose class is not known."""


def subsample_labels(
    raw: RawDataset, splits: dict[str, AnySplit], count: Any, seed: int
) -> tuple[dict[str, AnySplit], str]:
    """Training examples of which ``count`` keep their label, of each class as many, and what was done in words.

    Raises:
        ValueError: no number, no classes, a stream, or too few labels for the classes or of one of them.
    """
    if count is None:
        return splits, ""
    wish, train = f"labelled={count}", splits["train"]
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
        raise ValueError(f"labelled={count!r}: expected a number of training examples to keep the labels of")
    if not isinstance(train, InMemorySplit):
        raise ValueError(
            f"{wish} needs examples in memory, and those of {raw.name} are read as they come: leave it out"
        )
    if train.y is None or raw.classes is None or train.y.dim() != 1:
        raise ValueError(f"{wish} is for data with classes, and {raw.name} has none: leave it out, or give labels")
    if count == len(train):
        return splits, ""
    kept = sample_per_class(train.y, int(count), seed, raw)
    y = torch.full_like(train.y, UNKNOWN_LABEL)
    y[kept] = train.y[kept]
    words = (
        f"labels of {len(kept):,} of {len(train):,} training examples kept, as many of each class; "
        "they are half of every epoch's examples"
    )
    return splits | {"train": train.replace(y=y, oversampled=kept)}, words


def sample_per_class(y: Tensor, count: int, seed: int, raw: RawDataset) -> Tensor:
    """The places of ``count`` labels at random, of each class as many; what is left over goes to classes at random."""
    classes = y.unique()
    if not len(classes) <= count <= len(y):
        raise ValueError(
            f"labelled={count} of {len(y):,} training examples of {len(classes)} classes: expected at least one of "
            f"each class and no more than there are, {len(classes)} to {len(y)}"
        )
    generator = torch.Generator().manual_seed(seed)
    shares = torch.full((len(classes),), count // len(classes))
    shares[torch.randperm(len(classes), generator=generator)[: count % len(classes)]] += 1
    kept = []
    for label, share in zip(classes.tolist(), shares.tolist(), strict=True):
        mine = (y == label).nonzero().flatten()
        if len(mine) < share:
            assert raw.classes is not None
            raise ValueError(
                f"labelled={count} wants {share} labels of each class, and '{raw.classes[label]}' has {len(mine)}: "
                "give a smaller number"
            )
        kept.append(mine[torch.randperm(len(mine), generator=generator)[:share]])
    return torch.cat(kept).sort().values
