"""Your own files: .npy and .npz arrays, folders and zips of pictures."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from elbowroom.data.found import Found, arrays, class_names
from elbowroom.data.pixels import picture_pixels, plain

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pbm"}
SPLITS = {"": "train", "_train": "train", "_validation": "validation", "_valid": "validation", "_val": "validation"}
SPLITS |= {"_test": "test"}
DAMAGE = (OSError, EOFError, ValueError, SyntaxError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)

Entry = tuple[str, Callable[[], bytes]]
"""A picture's name, with forward slashes, and how to read it."""


def read_path(path: Path, resize: int | tuple[int, int] | None = None) -> Found:
    """The contents of a .npy or .npz file, or the pictures of a folder or zip.

    Raises:
        ValueError: nothing there, nothing readable in it, no permission, another kind of file.
    """
    if not path.exists():
        raise ValueError(f"no such file or folder: {path} (looked for {path.absolute()}): check the path")
    if holds_pictures(path):
        found = read_pictures(path, resize)
    elif resize is not None:
        raise ValueError(f"resize is for folders and zips of pictures, and {path.name} is neither: leave it out")
    elif path.suffix.lower() in (".npy", ".npz"):
        found = read_npy(path) if path.suffix.lower() == ".npy" else read_npz(path)
    else:
        raise ValueError(f"cannot read {path}: expected a .npy or .npz file, a picture, or a folder or .zip of them")
    found.name, found.source = path.stem, str(path.absolute())
    return found


def holds_pictures(path: Path) -> bool:
    """Whether a path is a picture, or a folder or zip of them: what can be resized."""
    return path.is_dir() or path.suffix.lower() in (".zip", *PICTURES)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Errors of reading ``path`` in one line that names it."""
    try:
        yield
    except PermissionError as error:
        raise ValueError(
            f"no permission to read {error.filename or path}: change its permissions or copy it"
        ) from error
    except DAMAGE as error:
        if "allow_pickle" in str(error):
            raise ValueError(
                f"{path} holds Python objects, which are never unpickled: save it again as an array of numbers"
            ) from error
        why = str(error).splitlines()[0] if str(error) else "empty"
        raise ValueError(
            f"{path} is not a whole {path.suffix.lower()} file ({why}): it is damaged or cut short; fetch it again"
        ) from error


def read_npy(path: Path) -> Found:
    """One array of examples."""
    with readable(path):
        with open(path, "rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it does not begin as one")
        x = np.load(path, allow_pickle=False)
    return Found(arrays(x, where=path.name))


def read_npz(path: Path) -> Found:
    """Arrays x and y, or those of each split: x_train, y_train, x_validation, x_test and so on."""
    with readable(path):
        # read as a zip first: numpy takes anything it does not know for a pickle
        with zipfile.ZipFile(path):
            pass
        with np.load(path, allow_pickle=False) as stored:
            held = {key: stored[key] for key in stored.files}
    accepted = [f"{letter}{split}" for split in SPLITS for letter in "xy"]
    strange = sorted(set(held) - set(accepted))
    if strange or not held.keys() & {"x", "x_train"}:
        what = f"the unknown key '{strange[0]}'" if strange else "no array x or x_train"
        raise ValueError(
            f"{path} has {what}: expected x (and y), or some of {', '.join(accepted[2:])}; rename the keys"
        )
    classes = class_names(held[key] for key in held if key[0] == "y")
    splits = {}
    for suffix, split in SPLITS.items():
        if f"x{suffix}" in held and split in splits:
            raise ValueError(f"{path} has more than one array for its {split} split: keep one of them")
        if f"x{suffix}" in held:
            where = f"x{suffix} of {path.name}"
            splits[split] = arrays(held[f"x{suffix}"], held.get(f"y{suffix}"), classes, where)
        elif f"y{suffix}" in held:
            raise ValueError(f"{path} has y{suffix} but no x{suffix}: expected both; add it or remove the labels")
    return Found(splits["train"], splits.get("validation"), splits.get("test"), classes)


def read_pictures(path: Path, resize: int | tuple[int, int] | None) -> Found:
    """Every picture of a folder or zip; labelled by subfolder where there are at least two of them."""
    with readable(path):
        inside = in_folder(path) if path.is_dir() else in_zip(path) if path.suffix.lower() == ".zip" else [single(path)]
        entries = sorted(inside, key=lambda entry: entry[0])
    if not entries:
        raise ValueError(
            f"no pictures in {path}: expected {', '.join(sorted(PICTURES))} files, in it or in its subfolders"
        )
    pixels = same_size([name for name, _ in entries], decoded(entries, resize, path), path)
    if any(p.ndim == 3 for p in pixels):
        pixels = [p if p.ndim == 3 else np.repeat(p[:, :, None], 3, axis=2) for p in pixels]
    names = folder_names([name for name, _ in entries])
    classes = None if names is None else class_names([names])
    x = np.stack(pixels)
    words = "" if resize is None else f"cropped at the centre and resized to {x.shape[1]}x{x.shape[2]}"
    return Found(arrays(x, names, classes, f"the pictures of {path.name}"), classes=classes, preprocessing=words)


def is_picture(name: str) -> bool:
    """Whether a name is a picture's; hidden files and what a Mac adds to a zip are not."""
    parts = PurePosixPath(name).parts
    return PurePosixPath(name).suffix.lower() in PICTURES and not any(p.startswith((".", "__MACOSX")) for p in parts)


def single(path: Path) -> Entry:
    """One picture."""
    return path.name, path.read_bytes


def in_folder(path: Path) -> Iterator[Entry]:
    """The pictures of a folder and its subfolders."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, _, files in os.walk(path, onerror=refuse, followlinks=True):
        for file in files:
            inside = Path(folder, file)
            if is_picture(name := inside.relative_to(path).as_posix()):
                yield name, inside.read_bytes


def in_zip(path: Path) -> Iterator[Entry]:
    """The pictures of a zip file."""
    archive = zipfile.ZipFile(path)
    for info in archive.infolist():
        if not info.is_dir() and is_picture(info.filename):
            yield info.filename, lambda info=info: archive.read(info)  # type: ignore[misc]


def decoded(entries: list[Entry], resize: int | tuple[int, int] | None, path: Path) -> list[np.ndarray]:
    """The pixels of every picture, or one error that counts those that cannot be read."""
    from PIL import Image, ImageOps

    size = (resize, resize) if isinstance(resize, int) else resize
    pixels, bad = [], []
    for name, read in entries:
        try:
            with Image.open(BytesIO(content := read())) as opened:
                picture = ImageOps.exif_transpose(opened)
                if size is not None:
                    picture = ImageOps.fit(plain(picture), (size[1], size[0]))
                pixels.append(picture_pixels(picture))
        except PermissionError:
            bad.append(f"{name} (no permission)")
        except (*DAMAGE, Image.DecompressionBombError) as error:
            if isinstance(error, Image.UnidentifiedImageError):
                why = "not a picture" if content else "empty"
            else:
                why = "cut short" if "truncated" in str(error).lower() else "damaged"
            bad.append(f"{name} ({why})")
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise ValueError(
            f"{len(bad)} of {len(entries)} pictures in {path} cannot be read: {', '.join(bad[:3])}{more}; "
            "mend them or take them out"
        )
    return pixels


def same_size(names: list[str], pixels: list[np.ndarray], path: Path) -> list[np.ndarray]:
    """The same pixels, if all are of one size."""
    sizes = [p.shape[:2] for p in pixels]
    counts = Counter(sizes).most_common()
    if len(counts) > 1:
        shown = [f"{h}x{w} ({n}, such as {names[sizes.index((h, w))]})" for (h, w), n in counts[:3]]
        more = f" and {len(counts) - 3} more" if len(counts) > 3 else ""
        raise ValueError(
            f"the {len(names)} pictures in {path} have {len(counts)} sizes (height x width): {', '.join(shown)}{more}; "
            "expected one: give resize=28 or resize=(height, width), on the command line --resize 28"
        )
    return pixels


def folder_names(names: list[str]) -> np.ndarray | None:
    """The first folder of each name as its label, or None where there are not two; folders around all are skipped."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    shortest = min(map(len, folders))
    depth = next((d for d in range(shortest) if len({parts[d] for parts in folders}) > 1), shortest)
    if any(len(parts) <= depth for parts in folders):
        return None
    return np.array([parts[depth] for parts in folders])
