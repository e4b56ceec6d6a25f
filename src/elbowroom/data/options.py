"""Options of reading a source: sizes of images, buffer, columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, get_args

from elbowroom import errors
from elbowroom.data.image import CropResize, ImageSize
from elbowroom.data.readers.table_encoding import Column

BadImages = Literal["refuse", "skip"]
OPTION_SCOPES = {
    "resize": "images in files",
    "crop": "images in files",
    "bad_images": "folders, zips and tars of images",
    "buffer": "what is read in parts: .npy files, shards, folders and zips of images",
    "label": "tables, and for sets with attributes",
    "columns": "tables",
}
"""The sources that each option is for, in words; which reader takes it is in the reader's row."""


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading a source, each for some kinds of source only: see the arguments of ``load_data``.

    Raises:
        ValueError: a size or a buffer that is no positive number, or an unknown ``bad_images``.
    """

    resize: ImageSize = None
    crop: ImageSize = None
    bad_images: BadImages = "refuse"
    buffer: int | None = None
    label: str | None = None
    columns: Any = None

    def __post_init__(self) -> None:
        if self.buffer is not None and not (isinstance(self.buffer, Integral) and self.buffer >= 1):
            raise ValueError(f"buffer={self.buffer!r}: expected a number of examples, at least 1")
        if self.bad_images not in get_args(BadImages):
            raise errors.unknown_name("bad_images", str(self.bad_images), get_args(BadImages))
        _ = self.crop_resize

    @cached_property
    def crop_resize(self) -> CropResize:
        """The sizes that images are cropped and resized to."""
        return CropResize.from_sizes(self.crop, self.resize)

    def reject_unsupported(self, name: str, *supported: str) -> None:
        """Refuse options other than those that the source ``name`` supports."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default and field.name not in supported:
                shown = str(value) if len(str(value)) < 40 else "..."
                raise ValueError(
                    f"{field.name}={shown} is for {OPTION_SCOPES[field.name]}, and {name} is none of them: leave it out"
                )

    @property
    def record(self) -> dict[str, Any]:
        """The options as JSON."""
        return {field.name: to_json(getattr(self, field.name)) for field in fields(self)}


def to_json(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, numpy's integers as Python's, columns as their records."""
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, Column):
        return value.record
    return int(value) if isinstance(value, Integral) else value
