"""CelebA, as its owners lay it out."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.catalog.download import cache, looked, own_folder
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.file_io import readable
from elbowroom.data.image import decoded
from elbowroom.data.options import Asked
from elbowroom.data.raw import Found
from elbowroom.data.readers.image_archive import album
from elbowroom.data.readers.image_folder import as_found, pictures
from elbowroom.data.splits.buffered import Stored
from elbowroom.data.splits.memory import Arrays

FOLDER, PICTURES = "CelebA", "img_align_celeba"
ATTRIBUTES, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
HOME = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
SQUARE, SIDE = 148 / 178, 64
"""The side of the square in the middle of a picture, of its width; and the side that it is resized to."""
LAST = (162_770, 182_637)
"""The numbers of the last picture of train and of validation, where no file tells."""


class Faces(NamedTuple):
    """Where the pictures are, and the lines about each, none where there is no such file."""

    pictures: Path
    attributes: list[str]
    partition: list[str]


@dataset(
    "celeba",
    summary="faces of celebrities in colour, the middle of the aligned pictures at 64x64; 40 attributes",
    source="Liu, Luo, Wang and Tang 2015, arXiv:1411.7766",
    licence="non-commercial research only",
    shape=(3, 64, 64),
    sizes={"train": 162_770, "validation": 19_867, "test": 19_962},
    ready=(f"{FOLDER}/{ATTRIBUTES}", f"{FOLDER}/*.zip"),
    defaults=(0.1, 0.1),
    takes=("resize", "crop", "bad_pictures", "buffer", "label"),
)
def celeba(asked: Asked) -> Found:
    """202,599 aligned faces of 178x218 pixels, or some of them, or smaller ones; the labels are 40 attributes, 0 or 1.

    From the middle of each the square of 148/178 of its width is cut, and resized to 64x64, unless other sizes are
    asked for. ``label`` picks attributes: one makes two classes, several (``"Smiling,Male"``) are labels of their own.
    The splits are the official ones; pictures that are all of one split are divided at random.

    Source: Z. Liu, P. Luo, X. Wang and X. Tang, Deep Learning Face Attributes in the Wild, ICCV 2015,
    arXiv:1411.7766; for non-commercial research only.
    """
    faces = found_faces()
    names = faces.attributes[1].split() if faces.attributes else []
    picked = places_of(asked.label, names)
    asked = fitted(asked, faces.pictures)
    held = pictures(faces.pictures, asked)
    own = [PurePosixPath(name).name for name in held.about.names]
    y, classes = labels_of(own, faces, names, picked) if picked else (None, None)
    found = as_found(held, y, classes, FOLDER, asked)
    found.attributes = tuple(names[place] for place in picked) if picked and classes is None else None
    return in_splits(found, split_of(own, faces.partition))


def found_faces() -> Faces:
    """What of the set is on this machine: a folder of pictures or a zip, and the texts beside it or in it."""
    for root in filter(None, (own_folder(), cache())):
        folder = root / FOLDER
        zips = sorted(folder.glob("*.zip"), key=lambda zip: (zip.stem != PICTURES, zip.name))
        found = next((place for place in (folder / PICTURES, *zips) if place.exists()), None)
        if found is not None:
            return Faces(found, *(lines_of(name, folder, found) for name in (ATTRIBUTES, PARTITION)))
    raise ValueError(
        f"data set 'celeba' is not on this machine: ELBOWROOM_DATA {looked()} and the cache {cache()} lacks it. Its "
        "owners give it out by Google Drive for non-commercial research, so it has to be fetched by hand: get "
        f"{PICTURES}.zip, {ATTRIBUTES} and {PARTITION} from {HOME}, put them into FOLDER/{FOLDER} (the zip as it is, "
        "or unpacked) and set ELBOWROOM_DATA=FOLDER"
    )


def lines_of(name: str, folder: Path, pictures: Path) -> list[str]:
    """The lines of a text, beside the pictures, in one of the official folders, or in the zip."""
    for place in (folder / name, folder / "Anno" / name, folder / "Eval" / name):
        if place.is_file():
            with readable(place):
                return place.read_text(encoding="utf-8").splitlines()
    if pictures.suffix.lower() == ".zip":
        with readable(pictures), zipfile.ZipFile(pictures) as archive:
            inside = next((member for member in archive.namelist() if PurePosixPath(member).name == name), None)
            if inside is not None:
                return archive.read(inside).decode().splitlines()
    return []


def fitted(asked: Asked, pictures: Path) -> Asked:
    """The sizes that are asked for, or else the usual ones."""
    crop = asked.crop
    if crop is None:
        held = album(pictures)
        place = next(iter(held.places().values()))
        crop = max(1, round(SQUARE * decoded(held.read(place)).shape[1]))
    return replace(asked, crop=crop, resize=asked.resize or SIDE)


def places_of(label: str | None, names: list[str]) -> list[int]:
    """The places of the attributes that are asked for, or of all."""
    if label is None:
        return list(range(len(names)))
    picked = [name.strip() for name in label.split(",") if name.strip()]
    unknown = next((name for name in picked if name not in names), None)
    if unknown is not None and not names:
        raise ValueError(f"label='{label}' picks attributes of celeba, and {ATTRIBUTES} is not there: put it beside")
    if unknown is not None:
        raise errors.unknown("attribute of celeba", unknown, names)
    return [names.index(name) for name in picked]


def labels_of(
    own: list[str], faces: Faces, names: list[str], picked: list[int]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The attributes of pictures (N, A), or where only one is picked its classes (N,) and their names."""
    lines = {line.split(maxsplit=1)[0]: line for line in faces.attributes[2:] if line.strip()}
    lacking = next((name for name in own if name not in lines), None)
    if lacking is not None:
        raise ValueError(f"{lacking} of {faces.pictures} is not in {ATTRIBUTES}: take it out, or fetch the file again")
    y = np.array([[words[1 + place] == "1" for place in picked] for words in (lines[name].split() for name in own)])
    if len(picked) == 1 and len(names) > 1:
        return y[:, 0].astype(np.int64), (f"not {names[picked[0]]}", names[picked[0]])
    return y.astype(np.float32), None


def split_of(own: list[str], partition: list[str]) -> np.ndarray:
    """The number of each picture's split: as the official file says, or by the number of the picture."""
    said = dict(line.split() for line in partition if line.strip())
    known = {name: int(split) for name, split in said.items()}
    numbers = [int("".join(filter(str.isdigit, name)) or 0) for name in own]
    return np.array([known.get(name, sum(n > last for last in LAST)) for name, n in zip(own, numbers, strict=True)])


def in_splits(found: Found, split: np.ndarray) -> Found:
    """The splits that pictures belong to; all is train where they belong to one."""
    whole = found.train
    assert isinstance(whole, Arrays | Stored)
    if not (split == 0).any() or (split == 0).all():
        return found
    parts = [whole.part(torch.from_numpy(np.flatnonzero(split == number))) for number in range(3)]
    train, validation, test = (part if len(part) else None for part in parts)
    return replace(found, train=train or whole, validation=validation, test=test)
