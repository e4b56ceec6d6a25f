"""The named sets: a row of a table and a reader each."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np

from elbowroom import errors
from elbowroom.data.catalog.download import DatasetFile, fetch_contents, find_local, load_or_build
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, class_names, split_from_arrays

ReaderT = TypeVar("ReaderT", bound=Callable[..., RawDataset])
CATALOG: dict[str, CatalogEntry] = {}
DIGIT_CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class CatalogEntry:
    """A named set: what it is, how many examples it has as published, and where this machine has it."""

    name: str
    summary: str
    source: str
    license: str
    shape: tuple[int, ...]
    sizes: dict[str, int]
    read: Callable[..., RawDataset]
    files: tuple[DatasetFile, ...] = ()
    prepared_files: tuple[str, ...] = ()
    default_amounts: tuple[float | int, float | int] = (0.05, 0.0)
    options: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """The folder the set is found in, "embedded", "download" or "missing"."""
        places = [find_local(path) for path in self.prepared_files]
        if any(places) or not (self.files or self.prepared_files):
            return next((str(place.parent) for place in places if place), "embedded")
        if not self.files:
            return "missing"
        lying = [find_local(file.path) for file in self.files]
        if lying[0] and all(lying):
            return str(lying[0].parent)
        return "download" if all(file.urls for file in self.files) else "missing"


def dataset(
    name: str,
    *,
    summary: str,
    source: str,
    license: str,
    shape: tuple[int, ...] = (),
    sizes: dict[str, int] | None = None,
    files: tuple[DatasetFile, ...] = (),
    prepared_files: tuple[str, ...] = (),
    default_amounts: tuple[float | int, float | int] = (0.05, 0.0),
    options: tuple[str, ...] = (),
) -> Callable[[ReaderT], ReaderT]:
    """Register a reader, a function without arguments, as the named set ``name``.

    ``files`` are what it needs, ``prepared_files`` the paths (or patterns) of files that each stand for all of them,
    ``default_amounts`` the fractions of train to set aside for (validation, test) where the set has none. A reader that
    ``options`` some of what may be asked for is called with it.
    """

    def register(read: ReaderT) -> ReaderT:
        CATALOG[name] = CatalogEntry(
            name, summary, source, license, shape, sizes or {}, read, files, prepared_files, default_amounts, options
        )
        return read

    return register


def datasets() -> list[CatalogEntry]:
    """The rows of all named sets: name, summary, source, licence, shape, sizes and where the set is found.

    >>> [(row.name, row.shape, row.where) for row in datasets() if row.name == "digits"]
    [('digits', (1, 8, 8), 'embedded')]
    """
    return list(CATALOG.values())


def read_catalog_dataset(name: str, options: ReadOptions) -> RawDataset:
    """The named set's splits as published, ready for carving."""
    if name not in CATALOG:
        extra = "; or give the path of a .npy, .npz, .csv or .parquet file, or of a folder, .zip or .tar of pictures"
        raise errors.unknown_name("data set", name, CATALOG, extra)
    row = CATALOG[name]
    options.reject_unsupported(name, *row.options)
    return replace(
        row.read(options) if row.options else row.read(), name=name, source=name, defaults=row.default_amounts
    )


@dataset(
    "digits",
    summary="handwritten digits of 8x8 pixels; comes with scikit-learn",
    source="Alpaydin and Kaynak 1998, UCI Optical Recognition of Handwritten Digits, test part",
    license="CC BY 4.0",
    shape=(1, 8, 8),
    sizes={"train": 1797},
    default_amounts=(0.1, 0.2),
)
def digits() -> RawDataset:
    """1,797 handwritten digits of 8x8 pixels in 17 levels of grey, stored as uint8.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998; CC BY 4.0.
    """
    from sklearn.datasets import load_digits

    held = load_digits()
    pixels = np.round(held.images * 255 / 16).astype(np.uint8)
    words = "levels 0..16 rounded to pixels 0..255"
    return RawDataset(split_from_arrays(pixels, held.target), classes=DIGIT_CLASSES, preprocessing=words)


def idx_files(folder: str, mirrors: tuple[str, ...], hashes: dict[str, tuple[str, str]]) -> tuple[DatasetFile, ...]:
    """The files of a set in MNIST's layout, from the MD5s of each one's content and of its gzip file."""
    return tuple(
        DatasetFile(f"{folder}/{name}", f"md5:{content}", tuple(f"{m}{name}.gz" for m in mirrors), f"md5:{sent}")
        for name, (content, sent) in hashes.items()
    )


def parse_idx(content: bytes) -> np.ndarray:
    """The uint8 array of an IDX file: two zeros, the type, the number of dimensions, the dimensions, the values."""
    ndim = content[3]
    shape = np.frombuffer(content, ">u4", count=ndim, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def read_idx_dataset(name: str, files: tuple[DatasetFile, ...], classes: tuple[str, ...]) -> RawDataset:
    """Train and test of a set in MNIST's layout."""
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
    source="LeCun, Cortes and Burges 1998",
    license="none stated; usually given as CC BY-SA 3.0",
    shape=(1, 28, 28),
    sizes={"train": 60_000, "test": 10_000},
    default_amounts=(1000, 0),
    files=MNIST_FILES,
)
def mnist() -> RawDataset:
    """60,000 and 10,000 handwritten digits of 28x28 pixels.

    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998; no licence stated.
    """
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
    summary="pictures of garments, grey, in MNIST's form",
    source="Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747",
    license="MIT",
    shape=(1, 28, 28),
    sizes={"train": 60_000, "test": 10_000},
    default_amounts=(1000, 0),
    files=FASHION_FILES,
)
def fashion_mnist() -> RawDataset:
    """60,000 and 10,000 garments of 28x28 pixels.

    Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747; MIT, Zalando SE.
    """
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
    source="Larochelle and Murray 2011, after Salakhutdinov and Murray 2008",
    license="as MNIST",
    shape=(1, 28, 28),
    sizes={"train": 50_000, "validation": 10_000, "test": 10_000},
    files=BINARIZED_FILES,
    prepared_files=(BINARIZED_CACHE,),
)
def binarized_mnist() -> RawDataset:
    """MNIST with each pixel drawn once; rows are in another order than MNIST's, the test rows sorted by class.

    Source: H. Larochelle and I. Murray, The Neural Autoregressive Distribution Estimator, AISTATS 2011, after
    R. Salakhutdinov and I. Murray, On the quantitative analysis of deep belief networks, ICML 2008; as MNIST.
    """

    def parsed() -> dict[str, np.ndarray]:
        texts = fetch_contents("binarized-mnist", BINARIZED_FILES)
        return {split: np.packbits(parse_bits(text), axis=1) for split, text in zip(splits, texts, strict=True)}

    splits = ("train", "validation", "test")
    held = load_or_build(BINARIZED_CACHE, parsed)
    train, validation, test = (split_from_arrays(unpack_bitmaps(held[split])) for split in splits)
    return RawDataset(train, validation, test, preprocessing="binarised by its authors")


def parse_bits(text: bytes) -> np.ndarray:
    """The rows (N, 784) of a text of noughts and ones."""
    characters = np.frombuffer(text, np.uint8)
    return (characters[characters >= ord("0")] - ord("0")).reshape(-1, 784)


def unpack_bitmaps(packed: np.ndarray) -> np.ndarray:
    """Pictures (N, 28, 28) of bits from rows (N, 98) of eight pixels a byte."""
    return np.unpackbits(packed, axis=1).reshape(-1, 28, 28).astype(bool)


def decode_frames(data: bytes) -> bytes:
    """The pixels of a MATLAB file's frames, one frame after the other."""
    from scipy.io import loadmat

    return np.ascontiguousarray(loadmat(BytesIO(data))["ff"].T).tobytes()


FREY_FILE = DatasetFile(
    "FreyFaces/frey_rawface.mat",
    "sha256:2438ba4f0d2a6bd8bac43de756141eaa33c8d248dd613d464bdb1210d9b7af78",
    ("https://cs.nyu.edu/~roweis/data/frey_rawface.mat", "http://www.cs.nyu.edu/~roweis/data/frey_rawface.mat"),
    decode=decode_frames,
)


@dataset(
    "frey-faces",
    summary="one man's face in the frames of a video, grey; validation and test are blocks of the video",
    source="B. Frey and S. Roweis",
    license="none stated",
    shape=(1, 28, 20),
    sizes={"train": 1965},
    files=(FREY_FILE,),
    default_amounts=(0.1, 0.1),
)
def frey_faces() -> RawDataset:
    """1,965 frames of 28x20 pixels, in the order of the video.

    Source: B. Frey and S. Roweis; used in S. Roweis, L. Saul and G. Hinton, Global coordination of local linear
    models, NIPS 2001; no licence stated.
    """
    pixels = np.frombuffer(fetch_contents("frey-faces", [FREY_FILE])[0], np.uint8)
    return RawDataset(split_from_arrays(pixels.reshape(-1, 28, 20)), is_video=True)


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
    source="Lake, Salakhutdinov and Tenenbaum 2015, Science 350:1332",
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

    Source: B. Lake, R. Salakhutdinov and J. Tenenbaum, Human-level concept learning through probabilistic program
    induction, Science, 2015; MIT.
    """
    if find_local(DRAWINGS_FILE.path):
        with np.load(BytesIO(fetch_contents("omniglot", [DRAWINGS_FILE])[0]), allow_pickle=False) as stored:
            held = dict(stored)
    else:
        held = load_or_build(DRAWINGS_CACHE, lambda: resize_drawings(*fetch_contents("omniglot", OMNIGLOT_FILES)))
    x, classes = unpack_bitmaps(held["images"]), tuple(map(str, held["alphabet_names"]))
    test = held["evaluation"].astype(bool)
    return RawDataset(
        split_from_arrays(x[~test], held["alphabet"][~test]),
        test=split_from_arrays(x[test], held["alphabet"][test]),
        classes=classes,
        preprocessing="28 of the 105 official rows and columns, those nearest to an even spacing",
    )


def resize_drawings(*zips: bytes) -> dict[str, np.ndarray]:
    """The official drawings of the background and the evaluation zip at 28x28 pixels, by alphabet and character."""
    from PIL import Image

    near = ((np.arange(28) + 0.5) * 105 / 28).astype(int)
    rows: list[tuple[str, str, str, int, np.ndarray]] = []
    for evaluation, data in enumerate(zips):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for name in archive.namelist():
                if name.endswith(".png"):
                    ink = ~np.asarray(Image.open(archive.open(name)).convert("1"))
                    bits = np.packbits(ink[np.ix_(near, near)])
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
