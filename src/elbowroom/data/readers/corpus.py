"""Reader of a corpus as bags of words: a .tsv of texts, with a file of its vocabulary beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.sparse import SparseRowSource

SPLIT_NAMES = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
"""What the second cell of a line says, and the split it is."""


def find_vocabulary(path: Path) -> Path | None:
    """Return the vocabulary of a corpus: NAME_vocabulary.txt beside NAME.tsv, or vocabulary.txt beside corpus.tsv."""
    names = [f"{path.stem}_vocabulary.txt", *(["vocabulary.txt"] if path.stem == "corpus" else [])]
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def is_corpus(listing: Listing, options: ReadOptions) -> bool:
    """Return whether what is listed is one .tsv with a vocabulary beside it."""
    return listing.is_file and find_vocabulary(listing.path) is not None


@reader("corpus", "a .tsv of texts beside its vocabulary (_vocabulary.txt)", (".tsv",), ("buffer",), is_corpus)
def read_corpus(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read lines of text, split and class between tabs, as counts of the words of the vocabulary, kept sparse.

    It is the format of OCTIS: the split (train, val, test) and the class may be missing from all lines. Words that the
    vocabulary lacks are left out.

    Raises:
        ValueError: an empty file or vocabulary, a line of another number of cells, an unknown split.
    """
    vocabulary_path = find_vocabulary(listing.path)
    assert vocabulary_path is not None
    with io_errors(listing.path):
        words = vocabulary_path.read_text(encoding="utf-8").split()
        lines = [line.split("\t") for line in listing.path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines or not words:
        raise ValueError(f"{listing.path if words else vocabulary_path} is empty: expected texts, and words beside")
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]) or len(line) > 3 or (len(line) > 1 and line[1] not in SPLIT_NAMES):
            raise ValueError(
                f"line {number} of {listing.path}: expected a text, or a text, its split and its class between tabs, "
                f"as in all lines; splits are {', '.join(SPLIT_NAMES)}"
            )
    classes = class_names([[line[2] for line in lines]]) if len(lines[0]) == 3 else None
    parts = {name: [line for line in lines if _split_of(line) == name] for name in ("train", "validation", "test")}
    if not parts["train"]:
        raise ValueError(f"{listing.path} has no line of the split train: expected some to train on")
    splits = {
        name: _read_split(part, words, classes, str(listing.path), options) for name, part in parts.items() if part
    }
    held_out = (splits.get("validation"), splits.get("test"))
    return RawDataset(splits["train"], *held_out, classes=classes, items=tuple(words))


def _split_of(line: list[str]) -> str:
    return SPLIT_NAMES[line[1]] if len(line) > 1 else "train"


def _read_split(
    lines: list[list[str]], words: list[str], classes: tuple[str, ...] | None, where: str, options: ReadOptions
) -> BufferedSplit:
    import scipy.sparse

    index_of = {word: index for index, word in enumerate(words)}
    counts = [Counter(index_of[word] for word in line[0].split() if word in index_of) for line in lines]
    starts = np.cumsum([0, *map(len, counts)])
    numbers = np.array([n for one in counts for n in one.values()], dtype=np.float32)
    columns = np.array([index for one in counts for index in one], dtype=np.int32)
    matrix = scipy.sparse.csr_matrix((numbers, columns, starts), shape=(len(lines), len(words)))
    labels = None if classes is None else encode_labels([line[2] for line in lines], len(lines), classes, where)
    return BufferedSplit(SparseRowSource(matrix, where), labels, buffer=options.buffer)
