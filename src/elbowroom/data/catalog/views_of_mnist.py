"""MNIST with a second view of each example: its class, or a garment of Fashion-MNIST."""

from __future__ import annotations

import numpy as np

from elbowroom.data.catalog.digits import DIGIT_CLASSES
from elbowroom.data.catalog.download import fetch_contents
from elbowroom.data.catalog.mnist import FASHION_FILES, MNIST_FILES, parse_idx
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawDataset
from elbowroom.data.view_arrays import read_view_arrays

PAIRING_SEED = 0
"""Seed of the choice of a garment for each digit."""


@dataset(
    "mnist-classes",
    summary="MNIST with two views of each example, the image and its class",
    source="as mnist",
    license="as mnist",
    shape=(785,),
    sizes={"train": 60_000, "test": 10_000},
    default_amounts=(1000, 0),
    files=MNIST_FILES,
)
def mnist_classes() -> RawDataset:
    """60,000 and 10,000 digits of 28x28 pixels, each with its class as a second view."""
    x_train, y_train, x_test, y_test = map(parse_idx, fetch_contents("mnist", MNIST_FILES))
    views = {"image_train": x_train, "class_train": y_train, "image_test": x_test, "class_test": y_test}
    return read_view_arrays(views, "mnist-classes")


@dataset(
    "mnist-fashion",
    summary="MNIST with two views of each example, a digit and a garment of Fashion-MNIST of the same class",
    source="as mnist and fashion-mnist; a garment of class k for each digit k, drawn with a fixed seed",
    license="as mnist and fashion-mnist",
    shape=(1568,),
    sizes={"train": 60_000, "test": 10_000},
    default_amounts=(1000, 0),
    files=(*MNIST_FILES, *FASHION_FILES),
)
def mnist_fashion() -> RawDataset:
    """60,000 and 10,000 digits, each with a garment of the same class, in images of 28x28 pixels."""
    digits = [parse_idx(content) for content in fetch_contents("mnist", MNIST_FILES)]
    garments = [parse_idx(content) for content in fetch_contents("fashion-mnist", FASHION_FILES)]
    views: dict[str, np.ndarray] = {}
    for i, split in ((0, "train"), (2, "test")):
        garment = garments[i][pair_by_class(digits[i + 1], garments[i + 1])]
        views |= {f"digit_{split}": digits[i], f"garment_{split}": garment, f"y_{split}": digits[i + 1]}
    raw = read_view_arrays(views, "mnist-fashion")
    raw.classes = DIGIT_CLASSES
    return raw


def pair_by_class(y: np.ndarray, other_y: np.ndarray) -> np.ndarray:
    """Return an index into others for each of y, of the same class: each in turn, in a random order.

    >>> other_y = np.array([0, 1, 1, 0])
    >>> other_y[pair_by_class(np.array([1, 1, 1, 0]), other_y)]
    array([1, 1, 1, 0])
    """
    rng, index = np.random.default_rng(PAIRING_SEED), np.zeros(len(y), np.int64)
    for k in np.unique(y):
        rows, others = np.flatnonzero(y == k), np.flatnonzero(other_y == k)
        index[rows] = np.resize(rng.permutation(others), len(rows))
    return index
