"""Pictures of one size as a split, labelled by the folders they lie in."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from elbowroom.data.image import Fit
from elbowroom.data.options import Asked
from elbowroom.data.raw import Found, arrays, class_names, labels
from elbowroom.data.readers.image_archive import album, are_alone, folder_names
from elbowroom.data.readers.image_cache import Decoded, once, place_of
from elbowroom.data.readers.image_decode import listed, unreadable
from elbowroom.data.readers.mapped import Mapped
from elbowroom.data.readers.numpy import LARGE, in_file
from elbowroom.data.splits.buffered import Stored

NAMED = 20
"""How many pictures a warning names."""


def read_pictures(path: Path, asked: Asked) -> Found:
    """Every picture of a folder, zip or tar; labelled by subfolder where there are at least two of them.

    Raises:
        ValueError: no pictures, several sizes, or pictures that cannot be read, unless they are to be skipped.
    """
    held = pictures(path, asked)
    y = folder_names(held.about.names)
    return as_found(held, y, None if y is None else class_names([y]), f"the pictures of {path.name}", asked)


def is_album(tar: Path, fit: Fit) -> bool:
    """Whether a tar is to be decoded once, as a zip is; one that has been needs no second look."""
    return place_of(album(tar), fit).exists() or are_alone(tar)


def pictures(path: Path, asked: Asked) -> Decoded:
    """The decoded pictures; those that cannot be read are refused, or told of in a warning."""
    held = once(album(path), asked.fit)
    bad, count = held.about.bad, len(held.about.names) + len(held.about.bad)
    if bad and asked.bad_pictures == "refuse":
        raise unreadable(path, bad, count)
    if bad:
        told = f"{len(bad)} of {count} pictures in {path} cannot be read and are left out: {listed(bad, NAMED)}"
        warnings.warn(told, stacklevel=2)
    return held


def as_found(held: Decoded, y: Any, classes: tuple[str, ...] | None, where: str, asked: Asked) -> Found:
    """Decoded pictures: in memory where they are small beside it and no buffer is asked for, mapped otherwise."""
    if held.file is not None:
        train = in_file(held.file, y, classes, where, asked.buffer)
    elif asked.buffer is None:
        train = arrays(held.pixels, y, classes, where)
    else:
        source = Mapped(held.pixels, where)
        given = None if y is None else labels(y, len(source), classes, where)
        train = Stored(source, given, buffer=asked.buffer)
    return Found(
        train,
        classes=classes,
        preprocessing=asked.fit.words,
        identity=held.about.digest if held.pixels.nbytes > LARGE else None,
        left_out=tuple(held.about.bad),
    )
