"""Reader of arrays that are said to hold series, in .npz and .npy: with gaps, and cut into windows."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import SPLIT_SUFFIXES, RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.numpy import open_memmap, standardize_keys
from elbowroom.data.readers.registry import reader
from elbowroom.data.series_encoding import SERIES_OPTIONS, Sequences, encode_series


def is_series_array(listing: Listing, options: ReadOptions) -> bool:
    """Return whether one file of arrays is listed, and is said to hold series."""
    return listing.is_file and (options.series is not None or options.window is not None)


@reader(
    "series-arrays",
    "a .npz or .npy of series (with --series wide or long)",
    (".npz", ".npy"),
    options=SERIES_OPTIONS,
    matches=is_series_array,
)
def read_series_arrays(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read arrays x and y, or those of each split, whose examples are series; NaN is a gap.

    ``series="wide"`` has channels before steps, (N, C, T) or (N, T) of one channel, or one series (C, T) with a window;
    ``"long"``, the default, steps before channels: (N, T, C), or one series (T, C) with a window.

    Raises:
        ValueError: arrays of another shape, unknown names, an infinite value.
    """
    path = listing.path
    splits = {}
    for suffix, split in SPLIT_SUFFIXES.items():
        arrays = _read_arrays(listing)
        if f"x{suffix}" in arrays and split not in splits:
            x, y = arrays[f"x{suffix}"], arrays.get(f"y{suffix}")
            splits[split] = Sequences(_split_series(x, options, f"x{suffix} of {path}"), _as_labels(y))
    if "train" not in splits:
        raise ValueError(f"{path} has no array x or x_train: name that of the series so")
    return encode_series(splits, options, str(path))


def _read_arrays(listing: Listing) -> dict[str, Any]:
    if listing.suffix == ".npy":
        return {"x": np.array(open_memmap(listing.path))}
    # read as a zip first: numpy takes anything it does not know for a pickle
    with io_errors(listing.path), zipfile.ZipFile(listing.path):
        pass
    with io_errors(listing.path), np.load(listing.path, allow_pickle=False) as stored:
        entries = {key: stored[key] for key in stored.files}
    return standardize_keys(entries, listing.path)


def _split_series(x: np.ndarray, options: ReadOptions, where: str) -> list[np.ndarray]:
    """Return the series of an array, (C, T) each."""
    if x.dtype.kind not in "buif" or not x.size or np.isinf(x).any():
        raise ValueError(f"{where} is empty, no array of numbers, or has infinite values: give numbers, NaN for gaps")
    if x.ndim == 1:
        x = x[None, None]
    elif x.ndim == 2 and options.window is not None:
        x = x[None]
    elif x.ndim == 2:
        return [row[None] for row in x]
    elif x.ndim != 3:
        raise ValueError(f"{where} has shape {x.shape}: expected series (N, T, C), or (N, C, T) with series='wide'")
    is_wide = options.series == "wide" or x.shape[:2] == (1, 1)
    return list(x if is_wide else x.swapaxes(1, 2))


def _as_labels(y: Any) -> list[Any]:
    return [] if y is None else np.asarray(y).tolist()
