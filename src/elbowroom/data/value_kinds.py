"""What numbers stand for, and what form examples that come one by one have."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Literal, NamedTuple

import numpy as np

from elbowroom.data.file_io import READ_ERRORS
from elbowroom.data.image import NO_CROP_RESIZE, CropResize, decode_image

ValueKind = Literal["bits", "pixels", "numbers"]
MAX_VALUE: dict[ValueKind, int] = {"bits": 1, "pixels": 255}


def infer_value_kind(values: np.ndarray) -> ValueKind:
    """Bits or pixels, for integers (of a picture, or uint8) in 0..1 or 0..255; numbers otherwise.

    >>> infer_value_kind(np.array([[0, 1]], dtype=np.uint8)), infer_value_kind(np.array([[0, 1]])), infer_value_kind(np.array([[[0, 9]]]))
    ('bits', 'numbers', 'pixels')
    """
    if values.dtype == bool:
        return "bits"
    if values.dtype.kind in "ui" and (values.ndim > 2 or values.dtype == np.uint8):
        low, high = values.min(), values.max()
        if low >= 0 and high <= 255:
            return "bits" if high <= 1 else "pixels"
    return "numbers"


def convert_to_kind(values: np.ndarray, kind: ValueKind) -> np.ndarray:
    """Bits and pixels as uint8, the bits 0 and 255; numbers as float32. What needs no conversion is not copied."""
    if kind == "numbers":
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite
            return np.require(values, np.float32, ["C", "W"])
    pixels = np.require(values, np.uint8, ["C", "W"])
    return pixels * np.uint8(255) if kind == "bits" else pixels


def invalid_rows(values: np.ndarray, kind: ValueKind) -> np.ndarray:
    """The places of the examples with values that are not of the kind: beyond it, or for numbers not finite."""
    if values.dtype == bool or (kind != "bits" and values.dtype == np.uint8):
        return np.empty(0, dtype=np.int64)
    good = np.isfinite(values) if kind == "numbers" else (values >= 0) & (values <= MAX_VALUE[kind])
    return np.flatnonzero(~good.reshape(len(values), -1).all(axis=1))


class ArraySpec(NamedTuple):
    """The shape and type of one example, as it is stored."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape)) or 'a single number'} of {self.dtype}"

    def conform(self, example: np.ndarray) -> np.ndarray:
        """The example, if it has this form or is grey where the others are in colour."""
        shape, dtype = example.shape, example.dtype
        if dtype == self.dtype and shape == self.shape:
            return example
        if dtype == self.dtype and self.shape == (*shape, 3):
            return np.repeat(example[:, :, None], 3, axis=2)
        if dtype == self.dtype and shape == (*self.shape, 3):
            raise ValueError("is in colour, and those looked at first are grey: bring all of them to one")
        raise ValueError(
            f"is {ArraySpec(shape, dtype)}, and those looked at first are {self}: expected one form; bring pictures to one "
            "size with resize=28 or resize=(height, width), on the command line --resize 28"
        )


def infer_spec(contents: Sequence[bytes], crop_resize: CropResize, describe: Callable[[int], str]) -> ArraySpec:
    """The form that encoded examples share: that of the first, or of the first in colour where there is one."""
    held: dict[int, np.ndarray] = {}
    parallel_for(
        lambda place: held.update({place: decode_example(contents[place], crop_resize)}), len(contents), describe
    )
    some = [held[place] for place in sorted(held)]
    first = next((e for e in some if e.ndim == 3 and e.shape[2] == 3), some[0])
    form = ArraySpec(first.shape, first.dtype)
    parallel_for(lambda place: form.conform(some[place]), len(some), describe)
    return form


def decode_examples(
    contents: Sequence[bytes], spec: ArraySpec, crop_resize: CropResize, describe: Callable[[int], str]
) -> np.ndarray:
    """Encoded examples as one array; ``describe`` tells which of them an error is about."""
    made = np.empty((len(contents), *spec.shape), spec.dtype)

    def put(place: int) -> None:
        made[place] = spec.conform(decode_example(contents[place], crop_resize))

    parallel_for(put, len(contents), describe)
    return made


def decode_example(content: bytes, crop_resize: CropResize) -> np.ndarray:
    """An encoded picture, or an array as .npy has it."""
    try:
        if content[:6] != b"\x93NUMPY":
            return decode_image(content, crop_resize)
        if crop_resize != NO_CROP_RESIZE:
            raise ValueError(f"an array, and {crop_resize} is for pictures")
        return np.load(BytesIO(content), allow_pickle=False)
    except READ_ERRORS as error:
        raise ValueError(f"cannot be read ({error}): mend it or take it out") from error


def parallel_for(task: Callable[[int], object], count: int, describe: Callable[[int], str]) -> None:
    """Do something about every place from 0, in as many threads as there are cores; decoding pictures lets them run."""
    workers = min(count, os.cpu_count() or 1)

    def work(first: int) -> None:
        for place in range(first, count, workers):
            try:
                task(place)
            except ValueError as error:
                raise ValueError(f"{describe(place)} {error}") from error

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
