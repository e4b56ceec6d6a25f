"""Sources and meanings for the test of what values mean: the right value of each, and how each source holds it."""

import io
import tarfile
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from tests.data.sources import encode, write_archive

N = 60
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Meaning:
    """Values as a source holds them, and what a model has to see.

    Attributes:
        values: (N, ...), of the type that is natural for them.
        expected: the same, channels first, as the model sees them.
        value_range: as it is recorded.
        is_binary: whether they are bits.
        is_said: whether loading warns of what was taken.
    """

    values: np.ndarray
    expected: np.ndarray
    value_range: list[int] | str
    is_binary: bool = False
    is_said: bool = False


def image_meaning(values, high, **details):
    values[0].flat[:2] = 0, high
    return Meaning(values, (values / high)[:, None], [0, high], **details)


SIZE = (N, 8, 6)
UNIT = RNG.random(SIZE).astype(np.float32)
SIGNED = (2 * RNG.random(SIZE) - 1).astype(np.float32)
COUNTS = RNG.integers(0, 30, (N, 7))
REALS = RNG.normal(size=(N, 7)).astype(np.float32)

MEANINGS = {
    "bits": image_meaning(RNG.integers(0, 2, SIZE).astype(np.uint8), 1, is_binary=True),
    "truth values": image_meaning(RNG.integers(0, 2, SIZE).astype(bool), 1, is_binary=True),
    "bits as int64": image_meaning(RNG.integers(0, 2, SIZE), 1, is_binary=True),
    "pixels": image_meaning(RNG.integers(0, 256, SIZE).astype(np.uint8), 255),
    "pixels as int64": image_meaning(RNG.integers(0, 256, SIZE), 255),
    "pixels as floats": image_meaning(RNG.integers(0, 256, SIZE).astype(np.float32), 255, is_said=True),
    "floats to 255": image_meaning((RNG.random(SIZE) * 255).astype(np.float32), 255, is_said=True),
    "pixels of 12 bits": image_meaning(RNG.integers(0, 4096, SIZE).astype(np.uint16), 4095),
    "floats to 1": Meaning(UNIT, UNIT[:, None], "as-is"),
    "floats of both signs": Meaning(SIGNED, SIGNED[:, None], "as-is"),
    "counts": Meaning(COUNTS, COUNTS, "as-is"),
    "real numbers": Meaning(REALS, REALS, "as-is"),
}
"""The right value of each meaning, whatever holds it."""


class Dicts(torch.utils.data.Dataset):
    """A data set whose items are dicts."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return {"image": self.values[index]}


def write_npz(folder, values):
    np.savez(folder / "a.npz", x=values)
    return folder / "a.npz"


def write_npy(folder, values):
    np.save(folder / "a.npy", values)
    return folder / "a.npy"


def write_npy_folder(folder, values):
    np.save(folder / "x.npy", values)
    return folder


def write_tar(folder, values):
    with tarfile.open(folder / "a.tar", "w") as archive:
        for index, example in enumerate(values):
            np.save(content := io.BytesIO(), example)
            member = tarfile.TarInfo(f"{index:03}.npy")
            member.size = len(content.getvalue())
            archive.addfile(member, io.BytesIO(content.getvalue()))
    return folder / "a.tar"


def write_parquet(folder, values):
    pq.write_table(pa.table({"x": values.tolist()}), folder / "a.parquet", row_group_size=9)
    return folder / "a.parquet"


def hugging_face(folder, values):
    import datasets

    return datasets.Dataset.from_dict({"x": values.tolist()})


def encode_images(values):
    """The files of images by name: PNG for bytes and 16 bits, TIFF for floats and larger whole numbers."""
    values = values.astype(np.int32) if values.dtype == np.int64 else values
    ending, kind = ("png", "PNG") if values.dtype in (bool, np.uint8, np.uint16) else ("tif", "TIFF")
    return {f"{index:03}.{ending}": encode(Image.fromarray(image), kind) for index, image in enumerate(values)}


def to_tensor(values):
    return torch.from_numpy(values.astype(np.int32) if values.dtype == np.uint16 else values)


SOURCES = {
    "array": lambda folder, values: values,
    "tensor": lambda folder, values: to_tensor(values),
    "dict": lambda folder, values: {"x": values},
    "dict of splits": lambda folder, values: {"train": values},
    "list": lambda folder, values: list(values),
    "batches": lambda folder, values: [(part, np.zeros(len(part))) for part in np.array_split(values, 4)],
    "TensorDataset": lambda folder, values: TensorDataset(to_tensor(values)),
    "dict items": lambda folder, values: Dicts(values),
    "loader": lambda folder, values: DataLoader(TensorDataset(to_tensor(values)), batch_size=16),
    "npz": write_npz,
    "npy": write_npy,
    "folder of npy": write_npy_folder,
    "tar": write_tar,
    "parquet": write_parquet,
    "Hugging Face": hugging_face,
    "images": lambda folder, values: write_archive(folder / "images", encode_images(values)),
    "zip of images": lambda folder, values: write_archive(folder / "a.zip", encode_images(values)),
    "tar of images": lambda folder, values: write_archive(folder / "a.tar", encode_images(values)),
}
"""How each kind of source holds an array of values, which it gives back in their order."""


def can_hold(source, values):
    """Whether a kind of source can hold these values: files of images hold those of images, and no truth values."""
    return "images" not in source or (values.ndim == 3 and values.dtype != bool)


CASES = [(source, name) for source in SOURCES for name, right in MEANINGS.items() if can_hold(source, right.values)]
"""Every kind of source with every meaning that it can hold."""
