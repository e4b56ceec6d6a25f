"""From a source to named splits: load_data, and the record of how it was done."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any, get_args

import numpy as np
from torch import Tensor

from elbowroom import advice
from elbowroom.data.carve import divided, wanted
from elbowroom.data.files import read_path
from elbowroom.data.found import Found, Whole, class_names, split_of
from elbowroom.data.named import TABLE, read_named
from elbowroom.data.split import Arrays, Split
from elbowroom.data.stored import Stored
from elbowroom.data.stream import Loader
from elbowroom.data.values import Binarise, binarised, fingerprint, is_binary, judged, outside


@dataclass
class Data:
    """Named splits of examples of one ``shape``, and how they came about.

    ``classes`` are the names of the labels 0, 1, ..., ``binary`` says that all values are 0 or 1, ``discrete`` that
    they lie on the grid of pixels (256 levels, or the 2 of binary data). ``protocol`` is ready for JSON: the source
    and the arguments that load the same data again, the sizes of the splits, the preprocessing in words and a
    fingerprint of the values (of a part of them in files above 1 GiB and in shards; None for data sets and loaders,
    which may give others every time).

    >>> data = load_data("digits")
    >>> data.shape, len(data.train), data.protocol["sizes"]
    ((1, 8, 8), 1258, {'train': 1258, 'validation': 180, 'test': 359})
    """

    name: str
    train: Split
    validation: Split | None
    test: Split | None
    shape: tuple[int, ...]
    classes: tuple[str, ...] | None = None
    binary: bool = False
    discrete: bool = False
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def first_outside(self, low: float, high: float, integer: bool = False) -> tuple[str, int, float] | None:
        """The first value outside [low, high] (or not whole, with ``integer``): its split, its row and the value.

        The row is that in the source, as its owner counts it, also where the split was carved from a larger one.
        For a likelihood to refuse what it gives no density to. Arrays are scanned, pixels only where the bounds cut
        into [0, 1]; of a data set or a loader only the first batch is looked at, and of what is read in parts
        about a thousand examples; ``protocol["preprocessing"]`` says of how many.

        >>> load_data(np.array([[0.5], [2.0], [0.1]]), validation=0, test=0).first_outside(0, 1)
        ('train', 1, 2.0)
        """
        found = ((name, outside(split, low, high, integer)) for name, split in self.splits.items())
        return next(((name, *first) for name, first in found if first is not None), None)


def load_data(
    source: Any,
    *,
    binarise: Binarise = "none",
    validation: Any = None,
    test: Any = None,
    seed: int = 0,
    resize: int | tuple[int, int] | None = None,
    buffer: int | None = None,
) -> Data:
    """Load a source of examples as train, validation and test splits.

    ``source`` is a named set (see ``datasets``), the path of a .npy or .npz file or of a folder or zip of pictures,
    an array or tensor, a pair (x, y) of them, a data set, a ``DataLoader`` or another list of batches. Or what may be
    larger than memory: a .npy file, a folder of them named as the arrays of a .npz, or shards of .tar or .parquet, as
    a file, a folder or a pattern (``"faces-*.tar"``, ``"faces-{000..099}.tar"``).

    ``binarise`` makes the values 0 or 1: by ``"threshold"`` at one half, or ``"dynamic"``: drawn anew as Bernoulli
    at every use in training, while validation and test are drawn once, with ``seed``.

    ``validation`` and ``test`` are a fraction or a number of the training examples to set aside, 0 for none, or
    examples of the same kind as the source. A split that comes with the source is kept; for a missing one the
    default is 0.1 of train at random (named sets have their own; no test is set aside where you give a validation).
    ``seed`` decides which examples. ``resize`` crops pictures in files at the centre and resizes them.

    Shards, and a .npy file that is large beside the memory or where a ``buffer`` is given, are read in parts: at most
    ``buffer`` examples are held (by default 256 MiB of them), and as many more that are read meanwhile. The order is
    shuffled in blocks and within the buffer; that of a .npy file without a ``buffer`` wholly, as in memory.

    Raises:
        ValueError: a source that is unknown, not there, empty, damaged or not numbers; splits that leave nothing to
            train on; values that cannot be binarised. The message says what to do.

    >>> data = load_data("digits", binarise="dynamic", seed=1)
    >>> data.binary, data.train.x.dtype, data.train.first(2).x.unique()
    (True, torch.uint8, tensor([0., 1.]))
    """
    if isinstance(source, Data):
        return source
    if binarise not in get_args(Binarise):
        raise advice.unknown("binarise", str(binarise), get_args(Binarise))
    if not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise ValueError(f"seed={seed!r}: expected a whole number from 0 to 2**63 - 1")
    if buffer is not None and not (isinstance(buffer, Integral) and buffer >= 1):
        raise ValueError(f"buffer={buffer!r}: expected a number of examples, at least 1")
    found = look_up(source, resize, buffer)
    ready, amounts = wanted(found, validation, test)
    splits, words = binarised(divided(found, ready, amounts, seed), binarise, seed)
    binary = all(is_binary(split) for split in splits.values())
    pixels = all(isinstance(split, Arrays | Stored) and split.pixels for split in splits.values())
    given = [name for name, split in ready.items() if split is not getattr(found, name)]
    asked = {
        "binarise": binarise,
        "validation": "given" if "validation" in given else amounts.get("validation"),
        "test": "given" if "test" in given else amounts.get("test"),
        "seed": seed,
        "resize": resize if resize is None or isinstance(resize, int) else list(resize),
        "buffer": None if buffer is None else int(buffer),
    }
    steps = [found.preprocessing, "pixels divided by 255" if pixels else "", words, judged(splits)]
    protocol = {
        "name": found.name,
        "source": None if given else found.source,
        "arguments": asked,
        "seed": seed,
        "sizes": {name: size(split) for name, split in splits.items()},
        "preprocessing": "; ".join(filter(None, steps)) or "none",
        "fingerprint": fingerprint(splits, found.identity),
    }
    return Data(
        name=found.name,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        shape=found.train.shape,
        classes=found.classes,
        binary=binary,
        discrete=binary or pixels,
        protocol=protocol,
    )


def look_up(source: Any, resize: int | tuple[int, int] | None, buffer: int | None = None) -> Found:
    """What a source holds, before it is divided."""
    sides = (1,) if resize is None else (resize,) if isinstance(resize, int) else tuple(resize)
    if len(sides) not in (1, 2) or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise ValueError(f"resize={resize}: expected a number of pixels or (height, width), each at least 1")
    if isinstance(source, str) and not source.strip():
        raise ValueError("no data named: give a name that 'elbowroom data' lists, or a path ('.' for this folder)")
    if isinstance(source, Path) or (isinstance(source, str) and source not in TABLE):
        path = Path(source).expanduser()
        if isinstance(source, Path) or path.exists() or path.suffix or os.sep in source or "/" in source:
            return read_path(path, resize, buffer)
    if resize is not None:
        raise ValueError(f"resize={resize} is for folders and zips of pictures: leave it out, or resize the source")
    if buffer is not None:
        raise ValueError(f"buffer={buffer} is for .npy files and shards, which are read in parts: leave it out")
    if isinstance(source, str):
        return read_named(source)
    if isinstance(source, tuple):
        classes = class_names(source[1:])
    else:
        inner = source
        while hasattr(inner, "dataset"):  # a loader's, a subset's
            inner = inner.dataset
        named = getattr(inner, "classes", None)
        classes = tuple(map(str, named)) if isinstance(named, list | tuple) else None
    kind = "array" if isinstance(source, np.ndarray | Tensor | tuple) else type(source).__name__
    return Found(split_of(source, classes, "x"), classes=classes, name=kind)


def size(split: Whole) -> int | None:
    """The number of examples, or None where only a pass through a stream would tell."""
    return split.known_length if isinstance(split, Loader) else len(split)
