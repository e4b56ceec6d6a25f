"""Coding of series: sequences of any lengths as windows or as rows of one length, what is missing as NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.series_source import SeriesSource
from elbowroom.data.splits.memory import InMemorySplit

SERIES_OPTIONS = ("series", "window", "stride", "select_channels", "interval", "length")
"""The options of reading that every reader of series takes."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of one split, each (C, T) with its own T, and NaN where a value is missing.

    Attributes:
        values: the sequences.
        labels: a class for each; empty where there are none.
        names: what each is called in the source.
    """

    values: Sequence[np.ndarray]
    labels: Sequence[Any] = ()
    names: Sequence[str] = ()


def encode_series(
    splits: Mapping[str, Sequences], options: ReadOptions, where: str, channels: Sequence[str] = ()
) -> RawDataset:
    """Return sequences as examples (C, T) of one length: windows of them, or padded with NaN after their ends.

    Args:
        splits: the sequences by the name of their split.
        options: ``window`` and ``stride``, or ``length``; ``select_channels``.
        where: the source, for errors.
        channels: their names; numbers from 0 if not given.

    Raises:
        ValueError: sequences of other channels, no window that fits, an unknown channel.

    >>> raw = encode_series({"train": Sequences([np.zeros((2, 5)), np.ones((2, 3))])}, ReadOptions(), "x")
    >>> raw.train.x.shape, raw.train.x[1, 0], raw.series.has_gaps
    (torch.Size([2, 2, 5]), tensor([1., 1., 1., nan, nan]), True)
    >>> options = ReadOptions(window=4, stride=2)
    >>> encode_series({"train": Sequences([np.arange(8.0)[None]])}, options, "x").train.x[:, 0, 0]
    tensor([0., 2., 4.])
    """
    names = tuple(channels) or tuple(map(str, range(len(splits["train"].values[0]))))
    kept = _select_channels(names, options.select_channels)
    _check_channels(splits, len(names), where)
    parts = {name: _cut(one, kept, options, where) for name, one in splits.items()}
    length = options.window or options.length or max(len(row.T) for one in parts.values() for row in one.values)
    classes = class_names([one.labels for one in parts.values()]) if splits["train"].labels else None
    encoded, offset = {}, 0
    for name, one in parts.items():
        y = encode_labels(one.labels, len(one.values), classes, where) if classes else None
        rows = torch.arange(offset, offset + len(one.values))
        encoded[name] = InMemorySplit(_pad(one.values, length), y, source_rows=rows)
        offset += len(one.values)
    has_gaps = any(bool(split.x.isnan().any()) for split in encoded.values())
    overlap = math.ceil(options.window / _stride(options)) - 1 if options.window else 0
    return RawDataset(
        encoded["train"],
        encoded.get("validation"),
        encoded.get("test"),
        classes,
        preprocessing=_describe(splits, parts, options, length),
        is_video=options.window is not None,
        row_names=tuple(name for one in parts.values() for name in one.names) or None,
        series=SeriesSource(tuple(names[i] for i in kept), has_gaps, overlap),
    )


def _stride(options: ReadOptions) -> int:
    """Return the steps from one window to the next: by default windows that do not overlap."""
    assert options.window is not None
    return options.stride or options.window


def _select_channels(names: Sequence[str], selected: Any) -> list[int]:
    """Return the positions of the channels that are kept, all if none are selected."""
    if selected is None:
        return list(range(len(names)))
    words = [str(word).strip() for word in (selected.split(",") if isinstance(selected, str) else selected)]
    for word in words:
        if word not in names and not (word.isdecimal() and int(word) < len(names)):
            raise errors.unknown_name("channel", word, names)
    return [names.index(word) if word in names else int(word) for word in words]


def _check_channels(splits: Mapping[str, Sequences], expected: int, where: str) -> None:
    for one in splits.values():
        for row, values in enumerate(one.values):
            if len(values) != expected or not values.shape[1]:
                raise ValueError(
                    f"series {row} of {where} has {len(values)} channels of {values.shape[1]} steps, and the first has "
                    f"{expected} channels: give each series the same channels, and a step at least"
                )


def _cut(one: Sequences, kept: Sequence[int], options: ReadOptions, where: str) -> Sequences:
    """Return the windows of sequences; without a window the sequences, cut to the length."""
    values: list[np.ndarray] = []
    rows: list[int] = []
    names: list[str] = []
    for row, (start, piece) in _iter_pieces([v[list(kept)] for v in one.values], options):
        values.append(piece)
        rows.append(row)
        name = one.names[row] if one.names else str(row)
        names.append(f"{name}@{start}" if options.window else name)
    if not any(np.isfinite(v[list(kept)]).any() for v in one.values):
        raise ValueError(f"the series of {where} have no values, only gaps: give numbers")
    if not values:
        longest = max(v.shape[1] for v in one.values)
        raise ValueError(
            f"window={options.window} is longer than all series of {where}, whose longest has {longest} steps: give a "
            "shorter one"
        )
    return Sequences(values, [one.labels[row] for row in rows] if one.labels else (), names)


def _iter_pieces(values: Sequence[np.ndarray], options: ReadOptions) -> Iterator[tuple[int, tuple[int, np.ndarray]]]:
    """Yield each piece with the row that it is from and its first step; windows of gaps alone are left out."""
    for row, sequence in enumerate(values):
        if options.window is None:
            yield row, (0, sequence[:, : options.length])
            continue
        for start in range(0, sequence.shape[1] - options.window + 1, _stride(options)):
            piece = sequence[:, start : start + options.window]
            if np.isfinite(piece).any():
                yield row, (start, piece)


def _pad(values: Sequence[np.ndarray], length: int) -> torch.Tensor:
    x = torch.full((len(values), len(values[0]), length), math.nan)
    for row, sequence in zip(x, values, strict=True):
        row[:, : sequence.shape[1]] = torch.from_numpy(np.ascontiguousarray(sequence, dtype=np.float32))
    return x


def _describe(
    splits: Mapping[str, Sequences], parts: Mapping[str, Sequences], options: ReadOptions, length: int
) -> str:
    lengths = [values.shape[1] for one in splits.values() for values in one.values]
    n_series, (shortest, longest) = len(lengths), (min(lengths), max(lengths))
    words = f"{n_series:,} series of {shortest}" + (f" to {longest} steps" if longest > shortest else " steps")
    if options.window:
        n_windows = sum(len(one.values) for one in parts.values())
        return f"{words}, as {n_windows:,} windows of {options.window} steps, {_stride(options)} apart"
    if shortest < min(length, longest):
        words += f", padded to {length} with nothing"
    return f"{words}, cut to {length}" if longest > length else words


def place_on_grid(times: np.ndarray, values: np.ndarray, interval: float | None, where: str) -> np.ndarray:
    """Return values (N, C) at irregular times (N,) as a sequence (C, T) of regular steps, NaN where there are none.

    Times are rounded to the nearest step; of several values at one the mean is taken.

    Args:
        times: in any order.
        values: NaN where missing.
        interval: between steps; by default the smallest difference of two times.
        where: the source, for errors.

    Raises:
        ValueError: steps that are too many.

    >>> place_on_grid(np.array([0.0, 3.0, 1.0]), np.array([[1.0], [4.0], [2.0]]), None, "x")
    array([[ 1.,  2., nan,  4.]])
    """
    differences = np.diff(np.unique(times))
    step = interval or (float(differences.min()) if len(differences) else 1.0)
    index = np.rint((times - times.min()) / step).astype(np.int64)
    if index.max() >= MAX_STEPS_PER_VALUE * len(times) + MAX_STEPS_PER_VALUE:
        raise ValueError(
            f"{where}: {len(times)} times make {index.max() + 1:,} steps of {step:g}: give a larger interval"
        )
    sums = np.zeros((values.shape[1], int(index.max()) + 1))
    counts = np.zeros_like(sums)
    for channel, column in enumerate(values.T):
        is_there = np.isfinite(column)
        np.add.at(sums[channel], index[is_there], column[is_there])
        np.add.at(counts[channel], index[is_there], 1)
    with np.errstate(invalid="ignore"):
        gridded: np.ndarray = np.where(counts > 0, sums / counts, np.nan)
    return gridded


MAX_STEPS_PER_VALUE = 1000
"""Steps of a grid for each time there is, above which the interval is far too small."""
