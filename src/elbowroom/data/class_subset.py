"""Some classes of a source alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch

from elbowroom import errors
from elbowroom.data.raw import Found, Whole
from elbowroom.data.splits.buffered import Stored
from elbowroom.data.splits.memory import Arrays


def picked(found: Found, ready: dict[str, Whole], only: Any) -> tuple[Found, dict[str, Whole]]:
    """The examples of some classes of every split; splits that have none of them are left out.

    Raises:
        ValueError: a source without classes or labels, a class it does not have, or of which train has no example.
    """
    if only is None:
        return found, ready
    asked = classes_asked(only, found)
    assert found.classes is not None
    names = tuple(found.classes[place] for place in asked)
    train = chosen(found.train, asked, len(found.classes))
    if train is None:
        raise ValueError(f"no training example of {found.name} is of the class {', '.join(names)}: name others")
    kept = {name: chosen(split, asked, len(found.classes)) for name, split in ready.items()}
    words = f"only the class{'es' * (len(names) > 1)} {', '.join(names)}"
    ready = {name: split for name, split in kept.items() if split is not None}
    return replace(
        found, train=train, classes=names, preprocessing="; ".join(filter(None, [found.preprocessing, words]))
    ), ready


def classes_asked(only: Any, found: Found) -> list[int]:
    """The classes that are asked for, by name or number: ``"0,1"``, ``("cat", "dog")``, ``3``.

    Raises:
        ValueError: a source without classes, or a class it does not have.
    """
    classes = found.classes
    if classes is None:
        raise ValueError(f"only={only!r} picks classes, and {found.name} has none: leave it out, or give labels")
    if isinstance(only, str):
        given: list[Any] = [only] if only in classes else [name.strip() for name in only.split(",")]
    else:
        given = list(only) if isinstance(only, Iterable) else [only]
    places = {name: place for place, name in reversed(list(enumerate(classes)))}
    asked = [places.get(str(name), place_of(name, len(classes))) for name in given]
    strange = [name for name, place in zip(given, asked, strict=True) if place is None]
    if strange or not asked:
        raise errors.unknown(f"class of {found.name}", str(strange[0] if strange else only), classes)
    return sorted({place for place in asked if place is not None})


def place_of(name: Any, count: int) -> int | None:
    """The number of a class that is given by its number."""
    number = int(name) if str(name).isdigit() else -1
    return number if 0 <= number < count else None


def chosen(split: Whole, asked: list[int], count: int) -> Whole | None:
    """The examples of some of ``count`` classes, which become the classes 0, 1, ...; None where there are none."""
    if not isinstance(split, Arrays | Stored):
        raise ValueError("only= needs arrays or files, and the source is a stream: pick the classes in the data set")
    if split.y is None:
        raise ValueError("only= needs labels in every split: give them, or leave it out")
    number = torch.full((count,), -1).index_put((torch.tensor(asked),), torch.arange(len(asked)))
    mine = split.y if isinstance(split, Arrays) or split.origin is None else split.y[split.origin]
    places = (number[mine] >= 0).nonzero().flatten()
    part = split.part(places)
    return part.but(y=number[part.y]) if len(places) else None
