"""CelebA, as its owners lay it out."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.catalog.download import cache_dir, describe_user_data_dir, user_data_dir
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.file_io import io_errors
from elbowroom.data.image import decode_image
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.image_archive import open_image_archive
from elbowroom.data.readers.image_folder import build_raw_dataset, load_images
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit

CELEBA_FOLDER, IMAGES_FOLDER = "CelebA", "img_align_celeba"
ATTRIBUTES_FILE, PARTITION_FILE = "list_attr_celeba.txt", "list_eval_partition.txt"
HOME_URL = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
CROP_FRACTION, IMAGE_SIDE_PX = 148 / 178, 64
"""The side of the square in the middle of a picture, of its width; and the side that it is resized to."""
LAST_IMAGE_NUMBERS = (162_770, 182_637)
"""The numbers of the last picture of train and of validation, where no file tells."""


class CelebAFiles(NamedTuple):
    """Where the pictures are, and the lines about each, none where there is no such file."""

    images_path: Path
    attribute_lines: list[str]
    partition_lines: list[str]


@dataset(
    "celeba",
    summary="faces of celebrities in colour, the middle of the aligned pictures at 64x64; 40 attributes",
    source="Liu, Luo, Wang and Tang 2015, arXiv:1411.7766",
    license="non-commercial research only",
    shape=(3, 64, 64),
    sizes={"train": 162_770, "validation": 19_867, "test": 19_962},
    prepared_files=(f"{CELEBA_FOLDER}/{ATTRIBUTES_FILE}", f"{CELEBA_FOLDER}/*.zip"),
    default_amounts=(0.1, 0.1),
    options=("resize", "crop", "bad_pictures", "buffer", "label"),
)
def celeba(options: ReadOptions) -> RawDataset:
    """202,599 aligned faces of 178x218 pixels, or some of them, or smaller ones; the labels are 40 attributes, 0 or 1.

    From the middle of each the square of 148/178 of its width is cut, and resized to 64x64, unless other sizes are
    asked for. ``label`` picks attributes: one makes two classes, several (``"Smiling,Male"``) are labels of their own.
    The splits are the official ones; pictures that are all of one split are divided at random.

    Source: Z. Liu, P. Luo, X. Wang and X. Tang, Deep Learning Face Attributes in the Wild, ICCV 2015,
    arXiv:1411.7766; for non-commercial research only.
    """
    faces = find_celeba_files()
    names = faces.attribute_lines[1].split() if faces.attribute_lines else []
    picked = attribute_indices(options.label, names)
    options = with_default_sizes(options, faces.images_path)
    held = load_images(faces.images_path, options)
    own = [PurePosixPath(name).name for name in held.metadata.names]
    y, classes = build_attribute_labels(own, faces, names, picked) if picked else (None, None)
    found = build_raw_dataset(held, y, classes, CELEBA_FOLDER, options)
    found.attributes = tuple(names[place] for place in picked) if picked and classes is None else None
    return partition_by_split(found, assign_splits(own, faces.partition_lines))


def find_celeba_files() -> CelebAFiles:
    """What of the set is on this machine: a folder of pictures or a zip, and the texts beside it or in it."""
    for root in filter(None, (user_data_dir(), cache_dir())):
        folder = root / CELEBA_FOLDER
        zips = sorted(folder.glob("*.zip"), key=lambda zip: (zip.stem != IMAGES_FOLDER, zip.name))
        found = next((place for place in (folder / IMAGES_FOLDER, *zips) if place.exists()), None)
        if found is not None:
            return CelebAFiles(
                found, *(read_text_lines(name, folder, found) for name in (ATTRIBUTES_FILE, PARTITION_FILE))
            )
    raise ValueError(
        f"data set 'celeba' is not on this machine: ELBOWROOM_DATA {describe_user_data_dir()} and the cache {cache_dir()} lacks it. Its "
        "owners give it out by Google Drive for non-commercial research, so it has to be fetched by hand: get "
        f"{IMAGES_FOLDER}.zip, {ATTRIBUTES_FILE} and {PARTITION_FILE} from {HOME_URL}, put them into FOLDER/{CELEBA_FOLDER} (the zip as it is, "
        "or unpacked) and set ELBOWROOM_DATA=FOLDER"
    )


def read_text_lines(name: str, folder: Path, images_path: Path) -> list[str]:
    """The lines of a text, beside the pictures, in one of the official folders, or in the zip."""
    for place in (folder / name, folder / "Anno" / name, folder / "Eval" / name):
        if place.is_file():
            with io_errors(place):
                return place.read_text(encoding="utf-8").splitlines()
    if images_path.suffix.lower() == ".zip":
        with io_errors(images_path), zipfile.ZipFile(images_path) as archive:
            inside = next((member for member in archive.namelist() if PurePosixPath(member).name == name), None)
            if inside is not None:
                return archive.read(inside).decode().splitlines()
    return []


def with_default_sizes(options: ReadOptions, images_path: Path) -> ReadOptions:
    """The sizes that are asked for, or else the usual ones."""
    crop = options.crop
    if crop is None:
        held = open_image_archive(images_path)
        place = next(iter(held.list_members().values()))
        crop = max(1, round(CROP_FRACTION * decode_image(held.read(place)).shape[1]))
    return replace(options, crop=crop, resize=options.resize or IMAGE_SIDE_PX)


def attribute_indices(label: str | None, attribute_names: list[str]) -> list[int]:
    """The places of the attributes that are asked for, or of all."""
    if label is None:
        return list(range(len(attribute_names)))
    picked = [name.strip() for name in label.split(",") if name.strip()]
    unknown = next((name for name in picked if name not in attribute_names), None)
    if unknown is not None and not attribute_names:
        raise ValueError(
            f"label='{label}' picks attributes of celeba, and {ATTRIBUTES_FILE} is not there: put it beside"
        )
    if unknown is not None:
        raise errors.unknown_name("attribute of celeba", unknown, attribute_names)
    return [attribute_names.index(name) for name in picked]


def build_attribute_labels(
    file_names: list[str], files: CelebAFiles, attribute_names: list[str], indices: list[int]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The attributes of pictures (N, A), or where only one is picked its classes (N,) and their names."""
    lines = {line.split(maxsplit=1)[0]: line for line in files.attribute_lines[2:] if line.strip()}
    lacking = next((name for name in file_names if name not in lines), None)
    if lacking is not None:
        raise ValueError(
            f"{lacking} of {files.images_path} is not in {ATTRIBUTES_FILE}: take it out, or fetch the file again"
        )
    y = np.array(
        [[words[1 + place] == "1" for place in indices] for words in (lines[name].split() for name in file_names)]
    )
    if len(indices) == 1 and len(attribute_names) > 1:
        return y[:, 0].astype(np.int64), (f"not {attribute_names[indices[0]]}", attribute_names[indices[0]])
    return y.astype(np.float32), None


def assign_splits(file_names: list[str], partition_lines: list[str]) -> np.ndarray:
    """The number of each picture's split: as the official file says, or by the number of the picture."""
    said = dict(line.split() for line in partition_lines if line.strip())
    known = {name: int(split) for name, split in said.items()}
    numbers = [int("".join(filter(str.isdigit, name)) or 0) for name in file_names]
    return np.array(
        [
            known.get(name, sum(n > last for last in LAST_IMAGE_NUMBERS))
            for name, n in zip(file_names, numbers, strict=True)
        ]
    )


def partition_by_split(raw: RawDataset, split_numbers: np.ndarray) -> RawDataset:
    """The splits that pictures belong to; all is train where they belong to one."""
    whole = raw.train
    assert isinstance(whole, InMemorySplit | BufferedSplit)
    if not (split_numbers == 0).any() or (split_numbers == 0).all():
        return raw
    parts = [whole.subset(torch.from_numpy(np.flatnonzero(split_numbers == number))) for number in range(3)]
    train, validation, test = (part if len(part) else None for part in parts)
    return replace(raw, train=train or whole, validation=validation, test=test)
