"""Layout of examples: which axis of an array holds channels, and whether examples are images, series or rows."""

from __future__ import annotations

import math

import numpy as np

from elbowroom.data.value_options import Layout

COLOR_CHANNELS = (1, 3, 4)
"""Numbers of channels of images in grey, in colour, and in colour with transparency."""
MIN_SERIES_RATIO = 8
"""Ratio of the axes of a two-dimensional example from which it is no image but a series."""
MAX_SERIES_CHANNELS = 8
"""Channels below which such an example is a series without being asked about."""
MIN_BAND_RATIO = 4
"""How much shorter than height and width the last axis has to be, to hold the bands of an image without a doubt."""


def resolve_layout(shape: tuple[int, ...], requested: Layout, is_bytes: bool) -> Layout:
    """Return the layout of examples of this stored shape: the one asked for, or by their axes.

    ``series`` takes the shorter axis for the channels: (L, C) resolves to ``channels-last``.

    Raises:
        ValueError: a shape that is none of examples, or not of the layout asked for.

    >>> resolve_layout((28, 28), "auto", False), resolve_layout((6, 100), "auto", False)
    ('image', 'series')
    >>> resolve_layout((64, 64, 8), "auto", False), resolve_layout((100, 6), "series", False)
    ('channels-last', 'channels-last')
    """
    if not 1 <= len(shape) <= 3:
        raise ValueError(
            f"examples of shape {shape}: expected (D,), (H, W), (H, W, C) or (C, H, W), or (C, L) or (L, C) with "
            "layout='series'; reshape them"
        )
    if requested == "rows" or (requested == "auto" and len(shape) == 1):
        return "rows"
    if len(shape) == 1 or (requested == "series" and len(shape) == 3):
        expected = "(C, L) or (L, C)" if requested == "series" else "(H, W), (H, W, C) or (C, H, W)"
        raise ValueError(f"layout='{requested}' for examples of shape {shape}: expected {expected}; leave it out")
    if requested == "series":
        return "series" if shape[0] <= shape[1] else "channels-last"
    if requested != "auto":
        return requested
    return _guess_matrix_layout(shape, is_bytes) if len(shape) == 2 else _guess_image_layout(shape)


def _guess_matrix_layout(shape: tuple[int, ...], is_bytes: bool) -> Layout:
    """Return image, or series for one that is far longer than wide; bytes are images whatever their size."""
    short, long = sorted(shape)
    if is_bytes or short >= MAX_SERIES_CHANNELS or long < MIN_SERIES_RATIO * short:
        return "image"
    return "series" if shape[0] == short else "channels-last"


def _guess_image_layout(shape: tuple[int, ...]) -> Layout:
    """Return channels last where the last axis holds 1, 3 or 4 channels, or is far shorter than height and width."""
    first, middle, last = shape
    is_color = last in COLOR_CHANNELS and first not in COLOR_CHANNELS
    has_bands = first not in COLOR_CHANNELS and last * MIN_BAND_RATIO <= min(first, middle)
    return "channels-last" if is_color or has_bands else "image"


def is_surprising_layout(shape: tuple[int, ...], layout: Layout) -> bool:
    """Return whether a guess of this layout is to be said: a series, channels last that are no colours, or
    channels first where there are fewer of the last axis.

    >>> is_surprising_layout((6, 100), "series"), is_surprising_layout((28, 28, 3), "channels-last")
    (True, False)
    """
    if layout == "channels-last":
        return len(shape) == 2 or shape[-1] not in COLOR_CHANNELS
    may_be_last = len(shape) == 3 and shape[0] not in COLOR_CHANNELS and shape[-1] < shape[0]
    return layout == "series" or (layout == "image" and may_be_last)


def arrange(values: np.ndarray, layout: Layout) -> np.ndarray:
    """Return examples (N, ...) with channels first: images (N, C, H, W), series (N, C, L), rows (N, D).

    >>> arrange(np.zeros((2, 8, 6, 3)), "channels-last").shape, arrange(np.zeros((2, 8, 6)), "image").shape
    ((2, 3, 8, 6), (2, 1, 8, 6))
    """
    if layout == "rows":
        return values.reshape(len(values), math.prod(values.shape[1:]))
    if layout == "channels-last":
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))
    return values[:, None] if layout == "image" and values.ndim == 3 else values


def describe_layout(shape: tuple[int, ...], layout: Layout) -> str:
    """Return the axes that were taken, in words for the record; nothing for rows, and for colours in their own order.

    >>> describe_layout((100, 6), "channels-last"), describe_layout((1, 28, 28), "image")
    ('taken as series (N, L, C): 6 channels of length 100', '')
    """
    sizes = "x".join(map(str, shape))
    if len(shape) == 2 and layout in ("series", "channels-last"):
        channels, length = shape if layout == "series" else shape[::-1]
        axes = "C, L" if layout == "series" else "L, C"
        return f"taken as series (N, {axes}): {channels} channel{'s' * (channels != 1)} of length {length}"
    if layout == "rows":
        return f"each example of {sizes} taken as one row" if len(shape) > 1 else ""
    if layout == "channels-last":
        return f"taken as images (N, H, W, C) of {sizes}"
    if len(shape) == 2:
        return f"taken as grey images (N, H, W) of {sizes}"
    return "" if shape[0] in COLOR_CHANNELS else f"taken as images (N, C, H, W) of {sizes}"
