"""Digits, which come with scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

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
    spec = importlib.util.find_spec("sklearn")  # its file alone: to import it takes longer than a small training
    assert spec is not None
    table = np.loadtxt(Path(str(spec.origin)).parent / "datasets/data/digits.csv.gz", delimiter=",")
    pixels = np.round(table[:, :-1].reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    return RawDataset(
        split_from_arrays(pixels, table[:, -1].astype(np.int64)),
        classes=DIGIT_CLASSES,
        preprocessing="levels 0..16 rounded to pixels 0..255",
    )
