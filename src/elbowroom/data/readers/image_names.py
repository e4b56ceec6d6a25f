"""What the folders of images say: the split and the class of each image, by its name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from elbowroom.data.class_subset import UNKNOWN_LABEL
from elbowroom.data.split_names import split_from_word, split_from_words

Folders = tuple[str, ...]
"""The folders that an image lies in, from the outermost."""


@dataclass(frozen=True)
class ImageLabels:
    """The split and the class of each image.

    Attributes:
        splits: the split of each, (N,); None where the folders are no splits.
        y: the class of each, (N,) int64, -1 in a split without classes; None where there are no classes.
        classes: the names of the classes.
        note: what was found, for the record.
    """

    splits: np.ndarray | None = None
    y: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    note: str = ""


def labels_from_names(names: list[str], path: Path) -> ImageLabels:
    """Return split and class of images from their names: folders called train, val, test are splits, others classes.

    The classes of all splits are numbered together. A split without folders of classes has no labels.

    Raises:
        ValueError: folders of splits with others beside them, or without one for training.

    >>> found = labels_from_names(["train/cat/1.png", "train/dog/1.png", "Test/2.png"], Path("animals"))
    >>> found.splits.tolist(), found.y.tolist(), found.classes
    (['train', 'train', 'test'], [0, 1, -1], ('cat', 'dog'))
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    read_split: Callable[[str], str | None] = split_from_word
    depth = find_split_depth(folders)
    if depth is None:
        read_split, depth = split_from_words, find_compound_depth(folders)
    if depth is None:
        found = label_by_class(folders, None)
        warn_of_split_words(found.classes, path)
        return found
    found_splits = [read_split(parts[depth]) if depth < len(parts) else None for parts in folders]
    other = next((name for name, split in zip(names, found_splits, strict=True) if split is None), None)
    words = sorted({parts[depth] for parts, split in zip(folders, found_splits, strict=True) if split is not None})
    splits = list(map(str, found_splits))
    if other is not None:
        raise ValueError(
            f"{path} holds folders of splits ({', '.join(words)}) and {other} outside of them: move it into one of "
            "them, or elsewhere"
        )
    if "train" not in splits:
        raise ValueError(
            f"{path} holds the splits {', '.join(words)} and none called train: add it, or name one of them, "
            f"{path / words[0]}"
        )
    found = label_by_class([parts[:depth] + parts[depth + 1 :] for parts in folders], np.array(splits))
    notes = [f"the folders {', '.join(words)} are the splits", *describe_classes_outside_train(found)]
    return ImageLabels(found.splits, found.y, found.classes, "; ".join(notes))


def split_at(parts: Folders, depth: int) -> str | None:
    """Return the split that the folder at a depth stands for, if it is one."""
    return split_from_word(parts[depth]) if depth < len(parts) else None


def find_split_depth(folders: list[Folders]) -> int | None:
    """Return the depth at which folders are called by at least two splits, all of them or one of them train's.

    >>> find_split_depth([("a", "train"), ("a", "val")]), find_split_depth([("train",), ("bus",)])
    (1, None)
    """
    for depth in range(max(map(len, folders))):
        splits = {split_at(parts, depth) for parts in folders}
        if len(splits - {None}) > 1 and ("train" in splits or None not in splits):
            return depth
    return None


def find_compound_depth(folders: list[Folders]) -> int | None:
    """Return the depth at which every folder has the word for another split in its name, one of them train's.

    >>> find_compound_depth([("seg_train", "sea"), ("seg_test", "sea")]), find_compound_depth([("train a",), ("b",)])
    (0, None)
    """
    for depth in range(min(map(len, folders))):
        splits = [split_from_words(name) for name in {parts[depth] for parts in folders}]
        if len(splits) == len(set(splits)) > 1 and "train" in splits and None not in splits:
            return depth
    return None


def warn_of_split_words(classes: tuple[str, ...] | None, path: Path) -> None:
    """Warn of classes that are called as a held-out split is; a train is a thing as well."""
    words = [name for name in classes or () if split_from_word(name) in ("validation", "test")]
    if words:
        warnings.warn(
            f"{path}: the folder {words[0]} is taken for a class, as those beside it are: if it is a split, put the "
            "others into a folder train",
            stacklevel=2,
        )


def label_by_class(folders: list[Folders], splits: np.ndarray | None) -> ImageLabels:
    """Return the class of each image: the first folder by which they differ, in the splits that have such folders."""
    indices = np.arange(len(folders))
    groups = [indices] if splits is None else [indices[splits == split] for split in np.unique(splits)]
    labeled = np.concatenate([group for group in groups if all(folders[i] for i in group)] or [indices[:0]])
    labels = folder_labels([folders[index] for index in labeled])
    if labels is None:
        return ImageLabels(splits)
    classes, numbers = np.unique(labels, return_inverse=True)
    y = np.full(len(folders), UNKNOWN_LABEL)
    y[labeled] = numbers
    return ImageLabels(splits, y, tuple(map(str, classes)))


def folder_labels(folders: list[Folders]) -> np.ndarray | None:
    """Return the first folder of each as its label, or None where all lie in one; a folder around all is skipped.

    >>> folder_labels([("faces", "ann"), ("faces", "bob")]), folder_labels([("faces",), ("faces",)])
    (array(['ann', 'bob'], dtype='<U3'), None)
    """
    shortest = min(map(len, folders), default=0)
    depth = next((d for d in range(shortest) if len({parts[d] for parts in folders}) > 1), shortest)
    if any(len(parts) <= depth for parts in folders) or not folders:
        return None
    return np.array([parts[depth] for parts in folders])


def describe_classes_outside_train(found: ImageLabels) -> list[str]:
    """Return which classes train has no image of, for the record; nothing where it has some of all."""
    if found.y is None or found.splits is None or found.classes is None:
        return []
    known = set(found.y[found.splits == "train"].tolist())
    missing = [name for index, name in enumerate(found.classes) if index not in known]
    return [f"no training example of {', '.join(missing)}"] if missing and known != {UNKNOWN_LABEL} else []
