"""MNIST, Fashion-MNIST and binarized MNIST."""

from __future__ import annotations

import numpy as np

from elbowroom.data.cache import load_or_build
from elbowroom.data.catalog.digits import DIGIT_CLASSES
from elbowroom.data.catalog.download import DatasetFile, fetch_contents
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawDataset, split_from_arrays


def idx_files(folder: str, mirrors: tuple[str, ...], hashes: dict[str, tuple[str, str]]) -> tuple[DatasetFile, ...]:
    """Return the files of a data set in MNIST's layout, from the MD5s of each one's content and of its gzip file."""
    return tuple(
        DatasetFile(f"{folder}/{name}", f"md5:{content}", tuple(f"{m}{name}.gz" for m in mirrors), f"md5:{packed}")
        for name, (content, packed) in hashes.items()
    )


def parse_idx(content: bytes) -> np.ndarray:
    """Parse the uint8 array of an IDX file: two zeros, the type, the number of dimensions, the sizes, the values."""
    ndim = content[3]
    shape = np.frombuffer(content, ">u4", count=ndim, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def read_idx_dataset(name: str, files: tuple[DatasetFile, ...], classes: tuple[str, ...]) -> RawDataset:
    """Read train and test of a data set in MNIST's layout."""
    x_train, y_train, x_test, y_test = map(parse_idx, fetch_contents(name, files))
    return RawDataset(split_from_arrays(x_train, y_train), test=split_from_arrays(x_test, y_test), classes=classes)


MNIST_FILES = idx_files(
    "MNIST/raw",
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    {
        "train-images-idx3-ubyte": ("6bbc9ace898e44ae57da46a324031adb", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        "train-labels-idx1-ubyte": ("a25bea736e30d166cdddb491f175f624", "d53e105ee54ea40749a09fcbcd1e9432"),
        "t10k-images-idx3-ubyte": ("2646ac647ad5339dbf082846283269ea", "9fb629c4189551a2d022fa330f9573f3"),
        "t10k-labels-idx1-ubyte": ("27ae3e4e09519cfbb04c329615203637", "ec29112dd5afa0611ce80d1b7f02629c"),
    },
)


@dataset(
    "mnist",
    summary="handwritten digits, grey, with their classes",
    source="Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998",
    license="none stated; usually given as CC BY-SA 3.0",
    shape=(1, 28, 28),
    sizes={"train": 60_000, "test": 10_000},
    default_amounts=(1000, 0),
    files=MNIST_FILES,
)
def mnist() -> RawDataset:
    """60,000 and 10,000 handwritten digits of 28x28 pixels."""
    return read_idx_dataset("mnist", MNIST_FILES, DIGIT_CLASSES)


FASHION_FILES = idx_files(
    "FashionMNIST/raw",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    {
        "train-images-idx3-ubyte": ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        "train-labels-idx1-ubyte": ("9018921c3c673c538a1fc5bad174d6f9", "25c81989df183df01b3e8a0aad5dffbe"),
        "t10k-images-idx3-ubyte": ("8181f5470baa50b63fa0f6fddb340f0a", "bef4ecab320f06d8554ea6380940ec79"),
        "t10k-labels-idx1-ubyte": ("15d484375f8d13e6eb1aabb0c3f46965", "bb300cfdad3c16e7a12a480ee83cd310"),
    },
)
GARMENT_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataset(
    "fashion-mnist",
    summary="images of garments, grey, in MNIST's form",
    source="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747",
    license="MIT, Zalando SE",
    shape=(1, 28, 28),
    sizes={"train": 60_000, "test": 10_000},
    default_amounts=(1000, 0),
    files=FASHION_FILES,
)
def fashion_mnist() -> RawDataset:
    """60,000 and 10,000 garments of 28x28 pixels."""
    return read_idx_dataset("fashion-mnist", FASHION_FILES, GARMENT_CLASSES)


BINARIZED_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
BINARIZED_FILES = tuple(
    DatasetFile(f"BinarizedMNIST/{name}", f"sha256:{sha256}", (BINARIZED_URL + name,), f"sha256:{sha256}")
    for name, sha256 in {
        "binarized_mnist_train.amat": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
        "binarized_mnist_valid.amat": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
        "binarized_mnist_test.amat": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
    }.items()
)
BINARIZED_CACHE = "BinarizedMNIST/binarized_mnist.npz"


@dataset(
    "binarized-mnist",
    summary="MNIST binarised once and for all, the fixed benchmark of likelihoods; no classes",
    source="H. Larochelle and I. Murray, The Neural Autoregressive Distribution Estimator, AISTATS 2011, after "
    "R. Salakhutdinov and I. Murray, On the quantitative analysis of deep belief networks, ICML 2008",
    license="as MNIST",
    shape=(1, 28, 28),
    sizes={"train": 50_000, "validation": 10_000, "test": 10_000},
    files=BINARIZED_FILES,
    prepared_files=(BINARIZED_CACHE,),
)
def binarized_mnist() -> RawDataset:
    """MNIST with each pixel sampled once; rows are in another order than MNIST's, the test rows sorted by class."""
    splits = ("train", "validation", "test")

    def build() -> dict[str, np.ndarray]:
        texts = fetch_contents("binarized-mnist", BINARIZED_FILES)
        return {split: np.packbits(parse_bits(text), axis=1) for split, text in zip(splits, texts, strict=True)}

    bitmaps = load_or_build(BINARIZED_CACHE, build)
    train, validation, test = (split_from_arrays(unpack_bitmaps(bitmaps[split])) for split in splits)
    return RawDataset(train, validation, test, preprocessing="binarised by its authors")


def parse_bits(text: bytes) -> np.ndarray:
    """Parse the rows (N, 784) of a text of zeros and ones, in any spacing."""
    characters = np.frombuffer(text, np.uint8)
    return (characters[characters >= ord("0")] - ord("0")).reshape(-1, 784)


def unpack_bitmaps(packed: np.ndarray) -> np.ndarray:
    """Unpack rows (N, 98) of eight pixels a byte to images (N, 28, 28) of bits."""
    return np.unpackbits(packed, axis=1).reshape(-1, 28, 28).astype(bool)
