"""How a source is to be read, as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, get_args

from elbowroom import errors
from elbowroom.data.image import Fit, Size
from elbowroom.data.readers.table_encoding import Column

BadPictures = Literal["refuse", "skip"]
FOR = {
    "resize": "pictures in files",
    "crop": "pictures in files",
    "bad_pictures": "folders, zips and tars of pictures",
    "buffer": "what is read in parts: .npy files, shards, folders and zips of pictures",
    "label": "tables, and for sets with attributes",
    "columns": "tables",
}
"""What each wish is for."""


@dataclass(frozen=True)
class Asked:
    """What was asked for of the reading of a source; each is for some kinds of source only.

    Raises:
        ValueError: sizes or numbers that are none.
    """

    resize: Size = None
    crop: Size = None
    bad_pictures: BadPictures = "refuse"
    buffer: int | None = None
    label: str | None = None
    columns: Any = None

    def __post_init__(self) -> None:
        if self.buffer is not None and not (isinstance(self.buffer, Integral) and self.buffer >= 1):
            raise ValueError(f"buffer={self.buffer!r}: expected a number of examples, at least 1")
        if self.bad_pictures not in get_args(BadPictures):
            raise errors.unknown("bad_pictures", str(self.bad_pictures), get_args(BadPictures))
        _ = self.fit

    @cached_property
    def fit(self) -> Fit:
        """What pictures are cropped and resized to."""
        return Fit.of(self.crop, self.resize)

    def must_suit(self, name: str, *suited: str) -> None:
        """Refuse wishes beside those that suit the source ``name``."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default and field.name not in suited:
                shown = str(value) if len(str(value)) < 40 else "..."
                raise ValueError(
                    f"{field.name}={shown} is for {FOR[field.name]}, and {name} is none of them: leave it out"
                )

    @property
    def record(self) -> dict[str, Any]:
        """The wishes as JSON has them."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}


def plain(value: Any) -> Any:
    """A value as JSON has it: tuples as lists, numpy's numbers as Python's, columns as their records."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Column):
        return value.record
    return int(value) if isinstance(value, Integral) else value
