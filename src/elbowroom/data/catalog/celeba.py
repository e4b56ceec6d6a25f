"""CelebA, in the layout of its publishers."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from elbowroom import errors
from elbowroom.data.cache import cache_dir
from elbowroom.data.catalog.download import describe_user_data_dir, user_data_dir
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.file_io import io_errors
from elbowroom.data.image import decode_image
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.image_archive import open_image_archive
from elbowroom.data.readers.image_folder import build_raw_dataset, divide_by_split, load_images

CELEBA_FOLDER = "CelebA"
IMAGES_FOLDER = "img_align_celeba"
ATTRIBUTES_FILE = "list_attr_celeba.txt"
PARTITION_FILE = "list_eval_partition.txt"
HOME_URL = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
CROP_FRACTION = 148 / 178
"""Side of the square that is cut from the centre of an image, as a fraction of its width."""
IMAGE_SIDE_PX = 64
LAST_IMAGE_NUMBERS = (162_770, 182_637)
"""The numbers of the last image of train and of validation, where there is no partition file."""
SPLITS = ("train", "validation", "test")
"""The splits by their numbers in the partition file."""


class CelebAFiles(NamedTuple):
    """The path of the images, and the lines of the text files about them; no lines where there is no such file."""

    images_path: Path
    attribute_lines: list[str]
    partition_lines: list[str]


@dataset(
    "celeba",
    summary="faces of celebrities in colour, the middle of the aligned images at 64x64; 40 attributes",
    source="Z. Liu, P. Luo, X. Wang and X. Tang, Deep Learning Face Attributes in the Wild, ICCV 2015, arXiv:1411.7766",
    license="non-commercial research only",
    shape=(3, 64, 64),
    sizes={"train": 162_770, "validation": 19_867, "test": 19_962},
    prepared_files=(f"{CELEBA_FOLDER}/{ATTRIBUTES_FILE}", f"{CELEBA_FOLDER}/*.zip"),
    default_amounts=(0.1, 0.1),
    options=("resize", "crop", "bad_images", "buffer", "label"),
)
def celeba(options: ReadOptions) -> RawDataset:
    """202,599 aligned faces of 178x218 pixels, or some of them, or smaller ones; the labels are 40 attributes, 0 or 1.

    From the middle of each the square of 148/178 of its width is cut, and resized to 64x64, unless other sizes are
    given. ``label`` selects attributes: one makes two classes, several (``"Smiling,Male"``) are labels of their own.
    The splits are the official ones; images that are all of one split are divided at random.
    """
    files = find_celeba_files()
    attribute_names = files.attribute_lines[1].split() if files.attribute_lines else []
    indices = attribute_indices(options.label, attribute_names)
    options = with_default_sizes(options, files.images_path)
    images = load_images(files.images_path, options)
    names = [PurePosixPath(name).name for name in images.metadata.names]
    y, classes = build_attribute_labels(names, files, attribute_names, indices) if indices else (None, None)
    raw = build_raw_dataset(images, y, classes, CELEBA_FOLDER, options)
    raw.attributes = tuple(attribute_names[index] for index in indices) if indices and classes is None else None
    splits = assign_splits(names, files.partition_lines)
    return divide_by_split(raw, splits) if {"train"} < set(splits) else raw


def find_celeba_files() -> CelebAFiles:
    """Find CelebA on this machine: a folder or zip of images, and the text files beside it or in it.

    Raises:
        ValueError: it is neither in ELBOWROOM_DATA nor in the cache.
    """
    for root in filter(None, (user_data_dir(), cache_dir())):
        folder = root / CELEBA_FOLDER
        zips = sorted(folder.glob("*.zip"), key=lambda zip: (zip.stem != IMAGES_FOLDER, zip.name))
        images = next((path for path in (folder / IMAGES_FOLDER, *zips) if path.exists()), None)
        if images is not None:
            return CelebAFiles(
                images, *(read_text_lines(name, folder, images) for name in (ATTRIBUTES_FILE, PARTITION_FILE))
            )
    raise ValueError(
        f"data set 'celeba' is not on this machine: ELBOWROOM_DATA {describe_user_data_dir()} and the cache "
        f"{cache_dir()} lacks it. Its owners give it out by Google Drive for non-commercial research, so it has to be "
        f"fetched by hand: get {IMAGES_FOLDER}.zip, {ATTRIBUTES_FILE} and {PARTITION_FILE} from {HOME_URL}, put them "
        f"into FOLDER/{CELEBA_FOLDER} (the zip as it is, or unpacked) and set ELBOWROOM_DATA=FOLDER"
    )


def read_text_lines(name: str, folder: Path, images_path: Path) -> list[str]:
    """Read the lines of a text file beside the images, in one of the official folders, or in the zip."""
    for path in (folder / name, folder / "Anno" / name, folder / "Eval" / name):
        if path.is_file():
            with io_errors(path):
                return path.read_text(encoding="utf-8").splitlines()
    if images_path.suffix.lower() == ".zip":
        with io_errors(images_path), zipfile.ZipFile(images_path) as archive:
            member = next((path for path in archive.namelist() if PurePosixPath(path).name == name), None)
            if member is not None:
                return archive.read(member).decode().splitlines()
    return []


def with_default_sizes(options: ReadOptions, images_path: Path) -> ReadOptions:
    """Return the options with the default crop and size where none are given."""
    crop = options.crop
    if crop is None:
        archive = open_image_archive(images_path)
        first = next(iter(archive.list_members().values()))
        crop = max(1, round(CROP_FRACTION * decode_image(archive.read(first)).shape[1]))
    return replace(options, crop=crop, resize=options.resize or IMAGE_SIDE_PX)


def attribute_indices(label: str | None, attribute_names: list[str]) -> list[int]:
    """Return the indices of the attributes that ``label`` names, or of all."""
    if label is None:
        return list(range(len(attribute_names)))
    selected = [name.strip() for name in label.split(",") if name.strip()]
    unknown = next((name for name in selected if name not in attribute_names), None)
    if unknown is not None and not attribute_names:
        raise ValueError(
            f"label='{label}' selects attributes of celeba, and {ATTRIBUTES_FILE} is not there: put it beside"
        )
    if unknown is not None:
        raise errors.unknown_name("attribute of celeba", unknown, attribute_names)
    return [attribute_names.index(name) for name in selected]


def build_attribute_labels(
    file_names: list[str], files: CelebAFiles, attribute_names: list[str], indices: list[int]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return the attributes of images (N, A), or of a single one of several its classes (N,) and their names."""
    lines = {line.split(maxsplit=1)[0]: line for line in files.attribute_lines[2:] if line.strip()}
    missing = next((name for name in file_names if name not in lines), None)
    if missing is not None:
        raise ValueError(
            f"{missing} of {files.images_path} is not in {ATTRIBUTES_FILE}: take it out, or fetch the file again"
        )
    y = np.array(
        [[cells[1 + index] == "1" for index in indices] for cells in (lines[name].split() for name in file_names)]
    )
    if len(indices) == 1 and len(attribute_names) > 1:
        return y[:, 0].astype(np.int64), (f"not {attribute_names[indices[0]]}", attribute_names[indices[0]])
    return y.astype(np.float32), None


def assign_splits(file_names: list[str], partition_lines: list[str]) -> np.ndarray:
    """Return the split of each image, from the official file or the image's number."""
    listed = dict(line.split() for line in partition_lines if line.strip())
    numbers = [int("".join(filter(str.isdigit, name)) or 0) for name in file_names]
    return np.array(
        [
            SPLITS[int(listed.get(name, sum(n > last for last in LAST_IMAGE_NUMBERS)))]
            for name, n in zip(file_names, numbers, strict=True)
        ]
    )
