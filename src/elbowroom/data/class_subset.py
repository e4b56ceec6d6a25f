"""Some classes of a source alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

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
