"""Lists of texts."""

from __future__ import annotations

from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.text import TEXT_OPTIONS
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.text_encoding import encode_texts, is_texts


@object_reader("texts", "a list of texts", matches=is_texts, options=TEXT_OPTIONS)
def read_texts(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read texts, as the lines of a file."""
    return encode_texts(source, options, where)
