"""Coding of values: how the numbers of a source become those that a model sees (bits, pixels, scaled, or as they are).

One coding is inferred from a look at all splits of a source together, recorded, and used again for every example.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.color import CHANNELS, convert_color
from elbowroom.data.layout import arrange, describe_layout, is_surprising_layout, resolve_layout
from elbowroom.data.value_options import AS_IS, Color, Layout, ValueRange

ValueKind = Literal["bits", "pixels", "numbers"]
BIT_RANGE: ValueRange = (0.0, 1.0)
BYTE_RANGE: ValueRange = (0.0, 255.0)
MIN_SCALED_FLOAT = 128.0
"""Largest value from which images of floats between 0 and 255 are taken to be on the scale of bytes."""


@dataclass(frozen=True)
class ValueSummary:
    """What a look at values found.

    Attributes:
        shape: of one example, as it is stored.
        is_bool: truth values.
        is_bytes: unsigned integers of 8 bits.
        is_whole: whole numbers, by their type, or by a look at all of them.
        is_float: by type.
        is_finite: no NaN and no infinite value.
        low: the smallest finite value.
        high: the largest finite value.
    """

    shape: tuple[int, ...]
    is_bool: bool
    is_bytes: bool
    is_whole: bool
    is_float: bool
    is_finite: bool
    low: float
    high: float

    def merge(self, other: ValueSummary) -> ValueSummary:
        """Return what was found in both; whether they are floats is decided by this one."""
        return replace(
            self,
            is_bool=self.is_bool and other.is_bool,
            is_bytes=self.is_bytes and other.is_bytes,
            is_whole=self.is_whole and other.is_whole,
            is_finite=self.is_finite and other.is_finite,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )


def summarize(values: np.ndarray, is_complete: bool = True) -> ValueSummary:
    """Summarize examples (N, ...); where others follow that are not looked at, floats are not called whole.

    >>> summarize(np.array([[[0.0, 200.0]]])).is_whole, summarize(np.array([[0, 3]])).high
    (True, 3.0)
    """
    is_float = values.dtype.kind == "f"
    low, high = float(values.min()), float(values.max())
    is_finite = bool(np.isfinite([low, high]).all())
    if not is_finite:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    may_be_bytes = is_complete and low >= 0 and high <= BYTE_RANGE[1]
    return ValueSummary(
        shape=values.shape[1:],
        is_bool=values.dtype == bool,
        is_bytes=values.dtype == np.uint8,
        is_whole=bool((values == np.rint(values)).all()) if is_float and may_be_bytes else not is_float,
        is_float=is_float,
        is_finite=is_finite,
        low=low,
        high=high,
    )


@dataclass(frozen=True)
class ValueCoding:
    """How the numbers of a source become what a model sees.

    Attributes:
        kind: bits and pixels are stored as bytes, numbers as float32.
        value_range: the values of the source that become 0 and 1; None for numbers as they are.
        layout: the axes of the source.
        color: that images are converted to.

    >>> coding = ValueCoding("numbers", (0, 4095), "image")
    >>> coding.encode(np.array([[[0, 4095]]], dtype=np.uint16))[0]
    tensor([[[[0., 1.]]]])
    """

    kind: ValueKind
    value_range: ValueRange | None
    layout: Layout
    color: Color | None = None

    def encode(self, values: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Return examples, channels first, as uint8 or float32; and the indices of those that are not of this coding.

        What needs no conversion is not copied.
        """
        invalid = self._invalid_rows(values)
        converted = self._convert(values)
        if not self.has_pixels and not len(invalid):
            # a float64 too large for float32 becomes infinite
            invalid = np.flatnonzero(~rows_where_all(np.isfinite(converted)))
        x = torch.from_numpy(np.ascontiguousarray(arrange(converted, self.layout)))
        return x if self.color is None else convert_color(x, self.color), invalid

    def shape_of(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that an example of this stored shape becomes.

        >>> ValueCoding("pixels", (0, 255), "channels-last").shape_of((28, 20, 3))
        (3, 28, 20)
        """
        shape = arrange(np.empty((1, *stored), np.uint8), self.layout).shape[1:]
        return shape if self.color is None else (CHANNELS[self.color], *shape[1:])

    def suited_to(self, found: ValueSummary) -> ValueCoding:
        """Return the coding for one of several splits: floats that are between 0 and 1 already are not scaled again."""
        is_scaled = self.value_range is not None and is_scaled_already(found, self.value_range)
        return replace(self, kind="numbers", value_range=None) if is_scaled else self

    @property
    def has_pixels(self) -> bool:
        """Whether the values are stored as bytes that stand for value / 255."""
        return self.kind != "numbers"

    def _convert(self, values: np.ndarray) -> np.ndarray:
        """Return bits and pixels as uint8, the bits 0 and 255; numbers as float32, scaled by the range."""
        if self.has_pixels:
            with np.errstate(invalid="ignore"):  # values that are refused are converted as well
                pixels = np.require(values, np.uint8, ["C", "W"])
            return pixels * np.uint8(255) if self.kind == "bits" else pixels
        with np.errstate(over="ignore", invalid="ignore"):
            if self.value_range in (None, BIT_RANGE):
                return np.require(values, np.float32, ["C", "W"])
            assert self.value_range is not None
            low, high = self.value_range
            scaled = np.empty(values.shape, np.float32)
            np.subtract(values, low, out=scaled, dtype=np.float64, casting="same_kind")
            scaled /= np.float32(high - low)
            return scaled

    def _invalid_rows(self, values: np.ndarray) -> np.ndarray:
        """Return the indices of the examples with values outside the range, or not whole where they are levels."""
        is_any_byte_valid = self.value_range == BYTE_RANGE and values.dtype == np.uint8
        if self.value_range is None or values.dtype == bool or is_any_byte_valid:
            return np.empty(0, dtype=np.int64)
        low, high = self.value_range
        valid = (values >= low) & (values <= high)
        if self.has_pixels and values.dtype.kind == "f":
            valid &= values == np.rint(values)
        return np.flatnonzero(~rows_where_all(valid))

    def describe_invalid(self, example: np.ndarray) -> str:
        """Return what is wrong with an example that is not of this coding, and what to do about it."""
        with np.errstate(over="ignore"):
            is_finite = np.isfinite(example.astype(np.float32)).all()
        if not is_finite:
            return "has NaN or infinite values: expected finite numbers; remove or fill them"
        assert self.value_range is not None
        low, high = self.value_range
        outside = example[(example < low) | (example > high)]
        if not outside.size:
            return f"has values that are not whole, and the others are whole from 0 to {high:g}: save all of them alike"
        return (
            f"has the value {outside[0]:g}, and the values are to be from {low:g} to {high:g}: bring all to these "
            "limits, or train with others, by value_range=(low, high), on the command line --value-range LOW,HIGH"
        )

    @property
    def record(self) -> dict[str, Any]:
        """The options of load_data that stand for it, as JSON."""
        limits = [int(limit) if limit == int(limit) else limit for limit in self.value_range or ()]
        return {"layout": self.layout, "value_range": limits or AS_IS}


def rows_where_all(valid: np.ndarray) -> np.ndarray:
    """Return which rows (N, ...) are true throughout."""
    return np.asarray(valid.all(axis=tuple(range(1, valid.ndim))))


def infer_coding(
    summaries: Sequence[ValueSummary], layout: Layout = "auto", value_range: ValueRange | str | None = None
) -> ValueCoding:
    """Return the coding of all splits of a source together; layout and range as they are asked for, or by the values.

    Whole numbers of images (and bytes) that are all 0 or 1 are bits, those up to 255 pixels, and those of more bits are
    scaled by the largest of all. Images of floats that reach from 0 to above 127 are on the scale of bytes. Other
    numbers stay as they are.

    Raises:
        ValueError: a layout that does not suit the shape.

    >>> infer_coding([summarize(np.array([[[0, 4095]]]))])
    ValueCoding(kind='numbers', value_range=(0.0, 4095.0), layout='image', color=None)
    """
    found = merge_summaries(summaries)
    resolved = resolve_layout(found.shape, layout, found.is_bytes)
    if isinstance(value_range, tuple) and not found.is_bool and not is_scaled_already(found, value_range):
        return ValueCoding(storage_kind(found, value_range), value_range, resolved)
    is_image = resolved in ("image", "channels-last") and (len(found.shape) == 3 or resolved == "image")
    natural = natural_range(found, is_image, may_scale=value_range != AS_IS)
    return ValueCoding("numbers" if natural is None else storage_kind(found, natural), natural, resolved)


def merge_summaries(summaries: Iterable[ValueSummary]) -> ValueSummary:
    """Return what was found in all of them."""
    return reduce(ValueSummary.merge, summaries)


def natural_range(found: ValueSummary, is_image: bool, may_scale: bool = True) -> ValueRange | None:
    """Return the range that values have by their type and size; None for numbers as they are."""
    if found.is_bool:
        return BIT_RANGE
    if found.low < 0 or not (found.is_bytes or (is_image and may_scale)):
        return None
    if found.is_float:
        return BYTE_RANGE if MIN_SCALED_FLOAT <= found.high <= BYTE_RANGE[1] else None
    if found.high <= BYTE_RANGE[1]:
        return BIT_RANGE if found.high <= 1 else BYTE_RANGE
    return (0.0, found.high)


def is_scaled_already(found: ValueSummary, value_range: ValueRange) -> bool:
    """Return whether floats lie between 0 and 1, while the range is that of bytes or of deeper images.

    So a model of bytes takes arrays that somebody has divided by 255.
    """
    is_of_images = value_range[0] == 0 and value_range[1] >= MIN_SCALED_FLOAT
    return is_of_images and found.is_float and found.low >= 0 and found.high <= 1


def storage_kind(found: ValueSummary, value_range: ValueRange) -> ValueKind:
    """Return how values of a range are stored: whole numbers as bits or pixels where the range is theirs."""
    if not found.is_whole:
        return "numbers"
    return "bits" if value_range == BIT_RANGE else "pixels" if value_range == BYTE_RANGE else "numbers"


def refuse_different_scales(summaries: Sequence[ValueSummary]) -> None:
    """Refuse splits of which one holds bits and another pixels; floats up to 1 are on the scale of divided pixels."""
    if any(0 < one.high <= 1 and not one.is_float for one in summaries):
        high = max(BYTE_RANGE[1], *(one.high for one in summaries))
        raise ValueError(
            f"one split holds values from 0 to 1 and another from 0 to {high:g}: bring them to one scale, or give "
            f"value_range=(0, {high:g}), on the command line --value-range 0,{high:g}, if both are pixels"
        )


def describe_coding(found: ValueSummary, coding: ValueCoding, known_layout: Layout = "auto") -> list[str]:
    """Return layout (unless it is known), range and color in words; pixels of bytes and bits are said elsewhere."""
    is_said = coding.layout != known_layout and is_worth_saying(found, coding)
    words = [describe_layout(found.shape, coding.layout) if is_said else ""]
    if coding.value_range not in (None, BIT_RANGE) and not coding.has_pixels:
        assert coding.value_range is not None
        low, high = coding.value_range
        words.append(f"values from {low:g} to {high:g} brought to [0, 1]")
    if coding.color is not None:
        words.append("converted to gray by luminance" if coding.color == "gray" else "gray repeated in three channels")
    return [word for word in words if word]


def is_worth_saying(found: ValueSummary, coding: ValueCoding) -> bool:
    """Return whether the layout is to be said: it was no matter of course for what looks like this."""
    is_plain = coding.layout == "image" and coding.has_pixels
    return is_surprising_layout(found.shape, coding.layout) or not (is_plain or found.is_bytes)


def is_nearly_black(found: ValueSummary, value_range: ValueRange) -> bool:
    """Return whether whole numbers are all 0 or 1, and not all 0, of a range of bytes or more."""
    return value_range[1] >= BYTE_RANGE[1] and found.low == 0 and found.high == 1


def describe_surprise(
    found: ValueSummary, coding: ValueCoding, layout: Layout, value_range: ValueRange | str | None
) -> str:
    """Return a line on what was guessed and may be meant otherwise, with the option that says so; or nothing."""
    lines = []
    if layout == "auto" and is_surprising_layout(found.shape, coding.layout):
        other = "channels-last" if coding.layout == "image" else "image"
        lines.append(f"{describe_layout(found.shape, coding.layout)} (layout='{other}', 'rows', … if they are not)")
    if isinstance(value_range, tuple) and coding.value_range == value_range and is_nearly_black(found, value_range):
        lines.append(
            f"values from 0 to {found.high:g} of a range to {value_range[1]:g} are nearly black; "
            f"if they are bits, multiply them by {value_range[1]:g}, or leave value_range out where it was given"
        )
    elif found.is_bytes and isinstance(value_range, tuple) and value_range[1] > BYTE_RANGE[1]:
        lines.append(
            f"bytes reach at most {BYTE_RANGE[1] / value_range[1]:.0%} of a range to {value_range[1]:g}; "
            f"if they are such images with fewer levels, multiply them by {value_range[1] / BYTE_RANGE[1]:g}, or leave "
            "value_range out where it was given"
        )
    if value_range is None and found.is_float and coding.value_range == BYTE_RANGE:
        lines.append("floats from 0 to 255 divided by 255 (value_range='as-is' leaves them)")
    return "; ".join(lines)
