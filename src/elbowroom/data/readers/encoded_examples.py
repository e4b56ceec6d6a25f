"""Decode encoded images and .npy arrays, from bytes to examples of one shape and type, in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from elbowroom.data.file_io import READ_ERRORS
from elbowroom.data.image import NO_CROP_RESIZE, CropResize, UnsupportedImageError, decode_pages


class ArraySpec(NamedTuple):
    """The shape and type of one example as it is stored.

    >>> print(ArraySpec((28, 28), np.dtype("uint8")))
    28x28 of uint8
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape)) or 'a single number'} of {self.dtype}"

    def conform(self, example: np.ndarray) -> np.ndarray:
        """Return the example if it has this form, or repeated over three channels if it is grey and others colour."""
        shape, dtype = example.shape, example.dtype
        if dtype == self.dtype and shape == self.shape:
            return example
        if dtype == self.dtype and self.shape == (*shape, 3):
            return np.repeat(example[:, :, None], 3, axis=2)
        if dtype == self.dtype and shape == (*self.shape, 3):
            raise ValueError("is in colour, and those looked at first are grey: bring all of them to one")
        raise ValueError(
            f"is {ArraySpec(shape, dtype)}, and those looked at first are {self}: expected one form; bring images to "
            "one size with resize=28 or resize=(height, width), on the command line --resize 28"
        )


def infer_spec(contents: Sequence[bytes], crop_resize: CropResize, describe: Callable[[int], str]) -> ArraySpec:
    """Return the form that encoded examples share: that of the first, or of the first in colour if there is one."""
    decoded: dict[int, np.ndarray] = {}
    parallel_for(
        lambda index: decoded.update({index: decode_example(contents[index], crop_resize)}), len(contents), describe
    )
    examples = [decoded[index] for index in sorted(decoded)]
    first = next((e for e in examples if e.ndim == 3 and e.shape[2] == 3), examples[0])
    spec = ArraySpec(first.shape, first.dtype)
    parallel_for(lambda index: spec.conform(examples[index]), len(examples), describe)
    return spec


def decode_examples(
    contents: Sequence[bytes], spec: ArraySpec, crop_resize: CropResize, describe: Callable[[int], str]
) -> np.ndarray:
    """Return encoded examples as one array (N, *spec.shape); ``describe`` names the one that an error is about."""
    examples = np.empty((len(contents), *spec.shape), spec.dtype)

    def decode(index: int) -> None:
        examples[index] = spec.conform(decode_example(contents[index], crop_resize))

    parallel_for(decode, len(contents), describe)
    return examples


def decode_example(content: bytes, crop_resize: CropResize) -> np.ndarray:
    """Return the pixels of an encoded image, or the array of a .npy file."""
    try:
        if content[:6] != b"\x93NUMPY":
            pages = decode_pages(content, crop_resize)
            if len(pages) > 1:
                raise UnsupportedImageError(f"has {len(pages)} pages: expected one image; save each page as a file")
            return pages[0]
        if crop_resize != NO_CROP_RESIZE:
            raise ValueError(f"an array, and {crop_resize} is for images")
        return np.asarray(np.load(BytesIO(content), allow_pickle=False))
    except READ_ERRORS as error:
        raise ValueError(f"cannot be read ({error}): mend it or take it out") from error


def parallel_for(task: Callable[[int], object], count: int, describe: Callable[[int], str]) -> None:
    """Call ``task`` with every index from 0 to ``count`` in as many threads as there are cores.

    Decoding images releases Python's lock, so threads run side by side.

    Raises:
        ValueError: that of a task, beginning with what ``describe`` calls its index.
    """
    workers = min(count, os.cpu_count() or 1)

    def work(first: int) -> None:
        for index in range(first, count, workers):
            try:
                task(index)
            except ValueError as error:
                raise ValueError(f"{describe(index)} {error}") from error

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
