"""CIFAR-10 and SVHN: small images in colour."""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np

from elbowroom.data.catalog.digits import DIGIT_CLASSES
from elbowroom.data.catalog.download import DatasetFile, fetch_contents
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawArrays, RawDataset, split_from_arrays

CIFAR_FILE = DatasetFile(
    "CIFAR10/cifar-10-binary.tar.gz",
    "md5:c32a1d4ab5d03f1284b67883e8d87530",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    "md5:c32a1d4ab5d03f1284b67883e8d87530",
    decode=bytes,  # as it is, packed or not
)
BATCH_NAMES = ("data_batch", "test_batch")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataset(
    "cifar10",
    summary="photographs of ten kinds of animals and vehicles, in colour",
    source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    license="none stated",
    shape=(3, 32, 32),
    sizes={"train": 50_000, "test": 10_000},
    files=(CIFAR_FILE,),
    default_amounts=(1000, 0),
)
def cifar10() -> RawDataset:
    """50,000 and 10,000 photographs of 32x32 pixels in colour."""
    with tarfile.open(fileobj=BytesIO(fetch_contents("cifar10", [CIFAR_FILE])[0]), mode="r:gz") as archive:
        batches = {
            PurePosixPath(member.name).stem: np.frombuffer(file.read(), np.uint8).reshape(-1, 3073)
            for member in archive
            if member.name.endswith(".bin") and (file := archive.extractfile(member))
        }
    train, test = (np.concatenate([batches[name] for name in sorted(batches) if word in name]) for word in BATCH_NAMES)
    return RawDataset(parse_cifar_rows(train), test=parse_cifar_rows(test), classes=CIFAR_CLASSES)


def parse_cifar_rows(rows: np.ndarray) -> RawArrays:
    """Parse rows of a class number, then the pixels in red, green and blue."""
    return split_from_arrays(rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0])


SVHN_FILES = tuple(
    DatasetFile(f"SVHN/{name}", f"md5:{md5}", (f"http://ufldl.stanford.edu/housenumbers/{name}",), f"md5:{md5}")
    for name, md5 in {
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    }.items()
)


@dataset(
    "svhn",
    summary="digits of house numbers in photographs of streets, in colour",
    source="Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu and A. Ng, Reading Digits in Natural Images with "
    "Unsupervised Feature Learning, NIPS workshop 2011",
    license="non-commercial use only",
    shape=(3, 32, 32),
    sizes={"train": 73_257, "test": 26_032},
    files=SVHN_FILES,
    default_amounts=(1000, 0),
)
def svhn() -> RawDataset:
    """73,257 and 26,032 digits of 32x32 pixels in colour, each in the middle of its image."""
    train, test = map(parse_svhn, fetch_contents("svhn", SVHN_FILES))
    return RawDataset(train, test=test, classes=DIGIT_CLASSES)


def parse_svhn(content: bytes) -> RawArrays:
    """Parse the images (32, 32, 3, N) and classes of a MATLAB file, in which the class of digit 0 is 10."""
    from scipy.io import loadmat

    arrays = loadmat(BytesIO(content))
    return split_from_arrays(np.ascontiguousarray(arrays["X"].transpose(3, 2, 0, 1)), arrays["y"].ravel() % 10)
