"""Kinds of values (bits, pixels, numbers): inference, conversion and limits."""

from __future__ import annotations

from typing import Literal

import numpy as np

ValueKind = Literal["bits", "pixels", "numbers"]
MAX_VALUE: dict[ValueKind, int] = {"bits": 1, "pixels": 255}


def infer_value_kind(values: np.ndarray) -> ValueKind:
    """Return bits or pixels for integers (of an image, or uint8) in 0..1 or 0..255; numbers otherwise.

    >>> infer_value_kind(np.array([[0, 1]], dtype=np.uint8)), infer_value_kind(np.array([[0, 1]]))
    ('bits', 'numbers')
    >>> infer_value_kind(np.array([[[0, 9]]]))
    'pixels'
    """
    if values.dtype == bool:
        return "bits"
    if values.dtype.kind in "ui" and (values.ndim > 2 or values.dtype == np.uint8):
        low, high = values.min(), values.max()
        if low >= 0 and high <= 255:
            return "bits" if high <= 1 else "pixels"
    return "numbers"


def convert_to_kind(values: np.ndarray, kind: ValueKind) -> np.ndarray:
    """Return bits and pixels as uint8, the bits 0 and 255, and numbers as float32; copied only to be converted."""
    if kind == "numbers":
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite
            return np.require(values, np.float32, ["C", "W"])
    pixels = np.require(values, np.uint8, ["C", "W"])
    return pixels * np.uint8(255) if kind == "bits" else pixels


def invalid_rows(values: np.ndarray, kind: ValueKind) -> np.ndarray:
    """Return the indices of the examples with values that are not of the kind: out of range, or not finite."""
    if values.dtype == bool or (kind != "bits" and values.dtype == np.uint8):
        return np.empty(0, dtype=np.int64)
    valid = np.isfinite(values) if kind == "numbers" else (values >= 0) & (values <= MAX_VALUE[kind])
    return np.flatnonzero(~valid.reshape(len(values), -1).all(axis=1))
