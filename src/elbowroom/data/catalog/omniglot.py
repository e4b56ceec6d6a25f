"""Omniglot: handwritten characters of fifty alphabets."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np

from elbowroom.data.cache import load_or_build
from elbowroom.data.catalog.download import DatasetFile, fetch_contents, find_local
from elbowroom.data.catalog.mnist import unpack_bitmaps
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.labels import class_names
from elbowroom.data.raw import RawDataset, split_from_arrays

DRAWINGS_FILE = DatasetFile(
    "Omniglot/omniglot_28x28.npz", "sha256:bcbd7e8ef23641c1aa162bd413d5762a2d4c60216c901aaf792059614af5339b"
)
DRAWINGS_CACHE = "Omniglot/omniglot_28x28_converted.npz"
OMNIGLOT_URLS = (
    "https://github.com/brendenlake/omniglot/raw/master/python/",
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
)
OMNIGLOT_FILES = tuple(
    DatasetFile(f"Omniglot/{name}", f"md5:{md5}", tuple(url + name for url in OMNIGLOT_URLS), f"md5:{md5}")
    for name, md5 in {
        "images_background.zip": "68d2efa1b9178cc56df9314c21c6e718",
        "images_evaluation.zip": "6b91aef0f799c5bb55b94e3f2daec811",
    }.items()
)


@dataset(
    "omniglot",
    summary="handwritten characters of 50 alphabets, black and white; the classes are the alphabets",
    source="B. Lake, R. Salakhutdinov and J. Tenenbaum, Human-level concept learning through probabilistic program "
    "induction, Science 350:1332, 2015",
    license="MIT",
    shape=(1, 28, 28),
    sizes={"train": 19_280, "test": 13_180},
    files=OMNIGLOT_FILES,
    prepared_files=(DRAWINGS_FILE.path, DRAWINGS_CACHE),
)
def omniglot() -> RawDataset:
    """32,460 drawings of 1,623 characters by 20 people each, 28x28 pixels, ink 1; the evaluation alphabets are test.

    Each is the official drawing of 105x105 pixels at the 28 rows and columns nearest to an even spacing. These are
    not the 28x28 drawings that the likelihoods of Burda et al. 2015 are about: do not compare with those.
    """
    if find_local(DRAWINGS_FILE.path):
        with np.load(BytesIO(fetch_contents("omniglot", [DRAWINGS_FILE])[0]), allow_pickle=False) as stored:
            arrays = dict(stored)
    else:
        arrays = load_or_build(DRAWINGS_CACHE, lambda: resize_drawings(*fetch_contents("omniglot", OMNIGLOT_FILES)))
    x, y = unpack_bitmaps(arrays["images"]), arrays["alphabet"]
    test = arrays["evaluation"].astype(bool)
    return RawDataset(
        split_from_arrays(x[~test], y[~test]),
        test=split_from_arrays(x[test], y[test]),
        classes=tuple(map(str, arrays["alphabet_names"])),
        preprocessing="28 of the 105 official rows and columns, those nearest to an even spacing",
    )


def resize_drawings(*zips: bytes) -> dict[str, np.ndarray]:
    """Read the drawings of the background and the evaluation zip at 28x28 pixels, sorted by alphabet and character."""
    from PIL import Image

    nearest = ((np.arange(28) + 0.5) * 105 / 28).astype(int)
    rows: list[tuple[str, str, str, int, np.ndarray]] = []
    for evaluation, data in enumerate(zips):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for name in archive.namelist():
                if name.endswith(".png"):
                    ink = ~np.asarray(Image.open(archive.open(name)).convert("1"))
                    bits = np.packbits(ink[np.ix_(nearest, nearest)])
                    alphabet, character, drawing = PurePosixPath(name).parts[-3:]
                    rows.append((alphabet, character, drawing, evaluation, bits))
    rows.sort(key=lambda row: row[:3])
    names = class_names([np.array([row[0] for row in rows])]) or ()
    return {
        "images": np.stack([row[-1] for row in rows]),
        "alphabet": np.array([names.index(row[0]) for row in rows], dtype=np.uint8),
        "alphabet_names": np.array(names),
        "evaluation": np.array([row[-2] for row in rows], dtype=np.uint8),
    }
