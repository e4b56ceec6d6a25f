"""Coding of other examples by the record of data: arguments, classes, and the check that data is coded alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from elbowroom import errors
from elbowroom.data.catalog.registry import CATALOG
from elbowroom.data.color import color_of
from elbowroom.data.raw import AnySplit
from elbowroom.data.readers.data_frame import is_table_source
from elbowroom.data.readers.registry import is_image_source
from elbowroom.data.readers.table_encoding import Column, format_names, parse_column_kinds, parse_columns
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.data.transforms import Transformable
from elbowroom.data.value_options import Color

if TYPE_CHECKING:
    from elbowroom.data.load import Data

Protocol = Mapping[str, Any]
"""The record of data: ``Data.protocol``, or the field ``data`` of a run's record."""

NATURAL_RANGES = ((0, 1), (0, 255))
"""Ranges of bits and of pixels, which are the whole scale: what is coded by one is like what is coded by another."""


def coding_arguments(source: Any, protocol: Protocol) -> dict[str, Any]:
    """Return the arguments of ``load_data`` that make the examples of a source as those of recorded data."""
    recorded = protocol.get("arguments") or {}
    arguments = {name: recorded[name] for name in ("binarize", "dequantize") if recorded.get(name)}
    if "views" in protocol:
        return arguments
    if "vocabulary" in protocol:
        (length,) = protocol["shape"]
        return arguments | {"vocabulary": protocol["vocabulary"], "tokens": protocol["tokens"], "length": length}
    if "series" in protocol:
        return arguments | _series_arguments(source, protocol)
    if "columns" in protocol:
        arguments |= {"columns": protocol["columns"], "label": recorded.get("label")}
        return arguments
    if is_table_source(source):
        raise ValueError(
            "a table was given, and the model was trained on arrays or images: give its values, as frame.to_numpy()"
        )
    arguments |= value_arguments(protocol)
    arguments |= {"color": color} if (color := recorded_color(protocol)) else {}
    if isinstance(source, str | Path) and source not in CATALOG and is_image_source(Path(source)):
        arguments |= {name: recorded.get(name) for name in ("crop", "resize")}
        arguments.pop("layout", None)
    return arguments


def _series_arguments(source: Any, protocol: Protocol) -> dict[str, Any]:
    """Return the arguments that make other series as recorded ones: in files cut alike, and scaled by its numbers."""
    recorded = protocol.get("arguments") or {}
    scaling = protocol.get("scaling")
    requested = {"scaling": "none" if scaling is None else (scaling["center"], scaling["scale"])}
    if not isinstance(source, str | Path):
        return requested | {"layout": "series"}
    names = ("series", "window", "stride", "select_channels", "interval")
    return requested | {name: recorded.get(name) for name in names} | {"length": protocol["shape"][1]}


def recorded_color(protocol: Protocol) -> Color | None:
    """Return whether recorded data is of images in gray or in color; None for all others, and where it is not known."""
    return (protocol.get("arguments") or {}).get("color") or color_of(tuple(protocol.get("shape") or ()))


def value_arguments(protocol: Protocol) -> dict[str, Any]:
    """Return the value range and the layout of recorded data, as arguments of ``load_data`` for other examples.

    Bits are known by their values, and so is a layout that was; data from before there was a record has none.

    >>> value_arguments({"arguments": {"value_range": [0, 4095], "layout": "image"}, "inferred": ["layout"]})
    {'value_range': [0, 4095]}
    """
    recorded = {name: (protocol.get("arguments") or {}).get(name) for name in ("value_range", "layout")}
    is_bits = recorded["value_range"] in (None, [0, 1], (0, 1))
    is_known = "layout" in protocol.get("inferred", ["layout"])
    if is_known and len(protocol.get("shape", ())) == 2:
        recorded["layout"], is_known = "series", False  # whichever of its axes holds the channels
    left_out = {"value_range": is_bits, "layout": is_known}
    return {name: value for name, value in recorded.items() if not left_out[name]}


def recorded_arguments(protocol: Protocol) -> dict[str, Any]:
    """Return the arguments of ``load_data`` that load recorded data again; JSON's lists become tuples.

    Raises:
        ValueError: a split was given beside the source, so that no argument makes it.
    """
    arguments = protocol.get("arguments") or {}
    given = [name for name in ("validation", "test") if arguments.get(name) == "given"]
    if given:
        raise errors.MissingArgumentError(
            f"the {given[0]} split was given in Python: load the data with it by load_data, and pass it as", "data"
        )
    return {name: _to_tuples(value) for name, value in arguments.items()} | _pinned_columns(protocol)


def _pinned_columns(protocol: Protocol) -> dict[str, Any]:
    """Return the argument that states the kinds of all columns of a table: by themselves others may be inferred."""
    if "columns" not in protocol:
        return {}
    asked = parse_column_kinds((protocol.get("arguments") or {}).get("columns"))
    columns = [column for column in parse_columns(protocol["columns"]) or () if not column.part]
    recorded = {column.name: column.categories or column.kind for column in columns}
    return {"columns": asked | recorded | {name: kind for name, kind in asked.items() if kind == "cyclic"}}


def is_recorded_source(source: Any, protocol: Protocol) -> bool:
    """Return whether a source is the named set, or the path, that recorded data was loaded from."""
    recorded = protocol.get("source")
    if recorded is None or not isinstance(source, str | Path):
        return False
    return str(source) == recorded or (source not in CATALOG and Path(source).absolute() == Path(recorded).absolute())


def has_source_gone(source: str) -> bool:
    """Return whether recorded data was of a file or folder that is no longer there; a pattern of files is not asked."""
    is_path = Path(source).is_absolute() and not any(mark in source for mark in "*?[{")
    return is_path and not Path(source).exists()


def align_classes(data: Data, protocol: Protocol) -> Data:
    """Number the classes of data as recorded data has them, by their names; further classes follow.

    Numbers that stand for names without any, as in an array of labels, are those of the record.
    """
    known = tuple(protocol.get("classes") or ())
    if not known or data.classes is None or data.classes == known[: len(data.classes)] or _are_numbers_of(data, known):
        return data if not known or data.classes is None else _rename_classes(data, known)
    names = (*known, *(name for name in data.classes if name not in known))
    new_label = torch.tensor([names.index(name) for name in data.classes])
    splits = {name: _relabel(split, new_label) for name, split in data.splits.items()}
    return _rename_classes(replace(data, **splits), names)


def _are_numbers_of(data: Data, known: tuple[str, ...]) -> bool:
    """Whether the classes are numbers, while those of the record have names."""
    classes = data.classes or ()
    return classes == tuple(map(str, range(len(classes)))) and not all(name.isdigit() for name in known)


def _rename_classes(data: Data, names: tuple[str, ...]) -> Data:
    names = (*names, *(data.classes or ())[len(names) :])
    return replace(data, classes=names, protocol=data.protocol | {"classes": list(names)})


def _relabel(split: Any, new_label: torch.Tensor) -> Any:
    """Return a split with its classes numbered anew; unknown labels stay so, and those of a stream as they are."""
    if not isinstance(split, InMemorySplit | BufferedSplit) or split.y is None or split.y.dim() != 1:
        return split
    labels = split.y
    return split.replace(y=torch.where(labels < 0, labels, new_label[labels.clamp_min(0)]))


def record_coding(splits: dict[str, AnySplit], protocol: Protocol) -> dict[str, AnySplit]:
    """Let splits know the record of their data, which is asked for where a split comes without the data."""
    return {
        name: split.replace(protocol=protocol) if isinstance(split, InMemorySplit | BufferedSplit) else split
        for name, split in splits.items()
    }


def check_coded_alike(own: Protocol | None, recorded: Protocol, name: str) -> None:
    """Check that data is coded as recorded data; of data whose record is not known nothing is checked.

    Raises:
        ValueError: other columns of a table, other values of 0 and 1, bits in place of grey values.
    """
    if own is None or own.get("fingerprint") == recorded.get("fingerprint") is not None:
        return
    difference = _find_difference(own, recorded)
    if difference:
        raise ValueError(
            f"{name} is coded otherwise than what the model was trained on: {difference}; give its path or table "
            "itself, which is coded by the run's record, or load it by load_like(..., run.record['data'])"
        )


def check_split_coded_alike(split: Any, recorded: Protocol | None) -> None:
    """Check that a split comes from data that is coded as recorded data; one of a stream knows of no coding.

    Raises:
        ValueError: as for :func:`check_coded_alike`.
    """
    if recorded is not None and isinstance(split, Transformable):
        check_coded_alike(split.protocol, recorded, "the split")


def _find_difference(own: Protocol, recorded: Protocol) -> str:
    """Return in what the coding of data differs from that of recorded data, in words; empty where in nothing."""
    if own.get("vocabulary") != recorded.get("vocabulary"):
        return "its vocabulary has other tokens"
    if "columns" in own and "columns" in recorded:
        return _find_column_difference(*(parse_columns(one["columns"]) or () for one in (own, recorded)))
    mine, theirs = own.get("arguments") or {}, recorded.get("arguments") or {}
    for option in ("dequantize", "binarize"):
        values = [arguments.get(option) not in (None, False, "none") for arguments in (mine, theirs)]
        if values[0] != values[1] and not (option == "binarize" and are_bits(mine, theirs)):
            return f"{option} is {mine.get(option, 'none')}, and was {theirs.get(option, 'none')}"
    pairs = [arguments.get("value_range") for arguments in (mine, theirs)]
    ranges = [tuple(pair) for pair in pairs if isinstance(pair, tuple | list)]
    if len(set(ranges)) == 2 and not all(pair in NATURAL_RANGES for pair in ranges):
        return "0 and 1 are the values {} and {}, and were {} and {}".format(*ranges[0], *ranges[1])
    return ""


def are_bits(*arguments: Mapping[str, Any]) -> bool:
    """Return whether recorded arguments are those of bits: made binary, or bits by their own values."""
    return all(
        one.get("binarize") not in (None, "none") or one.get("value_range") in ((0, 1), [0, 1]) for one in arguments
    )


def _find_column_difference(own: tuple[Column, ...], recorded: tuple[Column, ...]) -> str:
    """Return in what the columns of a table differ, in words."""
    names = [[column.name for column in columns] for columns in (own, recorded)]
    if names[0] != names[1]:
        return f"its columns are {format_names(names[0])}, and were {format_names(names[1])}"
    for mine, theirs in zip(own, recorded, strict=True):
        if mine.kind != theirs.kind:
            return f"the column '{mine.name}' is one of {_describe(mine)}, and was of {_describe(theirs)}"
        if mine.categories != theirs.categories:
            return (
                f"the column '{mine.name}' has the categories {format_names(mine.categories)}, and had "
                f"{format_names(theirs.categories)}"
            )
        if (mine.mean, mine.sd) != (theirs.mean, theirs.sd):
            return (
                f"the column '{mine.name}' is standardised by mean {mine.mean:.4g} and deviation {mine.sd:.4g}, and "
                f"was by {theirs.mean:.4g} and {theirs.sd:.4g}"
            )
    return ""


def _describe(column: Column) -> str:
    return "categories" if column.n_categories else "numbers"


def _to_tuples(value: Any) -> Any:
    """Return a value of JSON with tuples in place of lists, as arguments have them."""
    return tuple(_to_tuples(item) for item in value) if isinstance(value, list) else value
