"""Registry of the kinds of Python objects that hold examples, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.data_frame import is_frame
from elbowroom.registry import Registry

Classes = tuple[str, ...] | None
"""The names of the classes, where they are known from other examples."""


@dataclass(frozen=True)
class ObjectReader:
    """A reader of Python objects of one kind.

    Attributes:
        read: from an object, the options, the names of the classes where they are known, and what it is called in
            errors, to the splits in it.
        name: of the kind.
        description: what it reads, with an article, for the error at an object that none reads.
        matches: whether an object is of this kind.
        options: fields of :class:`~elbowroom.data.options.ReadOptions` that it takes.
    """

    read: Callable[[Any, ReadOptions, Classes, str], RawDataset]
    name: str
    description: str
    _: KW_ONLY
    matches: Callable[[Any], bool]
    options: tuple[str, ...] = ()


OBJECT_READERS: Registry[ObjectReader] = Registry(
    "source",
    (
        "elbowroom.data.sources.array",
        ".sparse",
        ".annotated",
        ".split_mapping",
        ".hugging_face",
        ".views",
        ".frame",
        ".array_mapping",
        ".texts",
        ".sequence",
        ".dataset",
        ".loader",
        ".*",
    ),
)
"""The readers in the order in which they are asked; the first that matches reads an object."""

object_reader = OBJECT_READERS.decorator(ObjectReader, help=lambda reader: reader.description)


def read_object(source: Any, options: ReadOptions, classes: Classes = None, where: str = "x") -> RawDataset:
    """Read a Python object with the first reader that matches.

    Raises:
        ValueError: an object of another kind, an option that is not for it, or what its reader refuses.
    """
    reader = next((reader for reader in OBJECT_READERS.values() if reader.matches(source)), None)
    if reader is None:
        *others, last = [reader.description for reader in OBJECT_READERS.values()]
        raise ValueError(
            f"cannot load data from {describe_type(source)}: expected a data set's name, a path, {', '.join(others)}, "
            f"or {last}"
        )
    options.reject_unsupported(describe_type(source), *reader.options)
    raw = reader.read(source, options, classes, where)
    return replace(raw, name=type_name(source)) if raw.name == RawDataset.name else raw


def type_name(source: Any) -> str:
    """Return what an object is called in the record: its type, or ``array`` for all that become arrays."""
    is_array = isinstance(source, tuple) or (hasattr(source, "__array__") and not is_frame(source))
    return "array" if is_array else type(source).__name__


def describe_type(source: Any) -> str:
    """Return the type of an object with an article.

    >>> describe_type([]), describe_type((0, 1))
    ('a list', 'an array')
    """
    name = type_name(source)
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
