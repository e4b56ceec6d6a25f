"""Digits, which come with scikit-learn."""

from __future__ import annotations

import numpy as np

from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawDataset, split_from_arrays

DIGIT_CLASSES = tuple("0123456789")


@dataset(
    "digits",
    summary="handwritten digits of 8x8 pixels; comes with scikit-learn",
    source="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, test part, UCI repository, 1998",
    license="CC BY 4.0",
    shape=(1, 8, 8),
    sizes={"train": 1797},
    default_amounts=(0.1, 0.2),
)
def digits() -> RawDataset:
    """1,797 handwritten digits of 8x8 pixels in 17 levels of grey, stored as uint8."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * 255 / 16).astype(np.uint8)
    return RawDataset(
        split_from_arrays(pixels, bunch.target),
        classes=DIGIT_CLASSES,
        preprocessing="levels 0..16 rounded to pixels 0..255",
    )
