"""Select classes of a source, and keep the labels of a few training examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.data.raw import AnySplit, EncodedDataset
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit

UNKNOWN_LABEL = -1
"""The label of an example whose class is not known."""


def labels_of(split: AnySplit) -> Tensor | None:
    """Return the labels of the examples of a split, which are known without reading them; None for streams."""
    if not isinstance(split, InMemorySplit | BufferedSplit) or split.y is None:
        return None
    return split.y if isinstance(split, InMemorySplit) or split.source_rows is None else split.y[split.source_rows]


def select_classes(
    raw: EncodedDataset, existing: dict[str, AnySplit], only: Any
) -> tuple[EncodedDataset, dict[str, AnySplit]]:
    """Return the examples of some classes of every split; splits without any of them are left out.

    Raises:
        ValueError: a source without classes or labels, a class it does not have, or of which train has no example.
    """
    indices = parse_classes(only, raw)
    assert raw.classes is not None
    names = tuple(raw.classes[index] for index in indices)
    train = filter_classes(raw.train, indices, len(raw.classes))
    if train is None:
        raise ValueError(f"no training example of {raw.name} is of the class {', '.join(names)}: name others")
    filtered = {name: filter_classes(split, indices, len(raw.classes)) for name, split in existing.items()}
    description = f"only the class{'es' * (len(names) > 1)} {', '.join(names)}"
    preprocessing = "; ".join(filter(None, [raw.preprocessing, description]))
    return replace(raw, train=train, classes=names, preprocessing=preprocessing), {
        name: split for name, split in filtered.items() if split is not None
    }


def parse_classes(only: Any, raw: EncodedDataset) -> list[int]:
    """Return the indices of classes given by name or number: ``"0,1"``, ``("cat", "dog")``, ``3``.

    Raises:
        ValueError: a source without classes, or a class it does not have.
    """
    classes = raw.classes
    if classes is None:
        raise ValueError(f"only={only!r} picks classes, and {raw.name} has none: leave it out, or give labels")
    if isinstance(only, str):
        names: list[Any] = [only] if only in classes else [name.strip() for name in only.split(",")]
    else:
        names = list(only) if isinstance(only, Iterable) else [only]
    index_of = {name: index for index, name in reversed(list(enumerate(classes)))}
    indices = [index_of.get(str(name), parse_class_index(name, len(classes))) for name in names]
    unknown = [name for name, index in zip(names, indices, strict=True) if index is None]
    if unknown or not indices:
        raise errors.unknown_name(f"class of {raw.name}", str(unknown[0] if unknown else only), classes)
    return sorted({index for index in indices if index is not None})


def parse_class_index(name: Any, num_classes: int) -> int | None:
    """Return the index of a class that is given by its number, or None."""
    number = int(name) if str(name).isdigit() else -1
    return number if 0 <= number < num_classes else None


def filter_classes(split: AnySplit, class_indices: list[int], num_classes: int) -> AnySplit | None:
    """Return the examples of some classes, numbered anew from 0; None where there are none."""
    if not isinstance(split, InMemorySplit | BufferedSplit):
        raise ValueError("only= needs arrays or files, and the source is a stream: pick the classes in the data set")
    if split.y is None:
        raise ValueError("only= needs labels in every split: give them, or leave it out")
    new_label = torch.full((num_classes,), -1)
    new_label[class_indices] = torch.arange(len(class_indices))
    positions = (new_label[labels_of(split)] >= 0).nonzero().flatten()
    part = split.subset(positions)
    return part.replace(y=new_label[part.y]) if len(positions) else None


def subsample_labels(
    splits: dict[str, AnySplit], raw: EncodedDataset, count: Any, share: float, seed: int
) -> tuple[dict[str, AnySplit], str]:
    """Keep the labels of ``count`` training examples, as many of each class, and set the others to unknown.

    Labeled examples are ``share`` of those of an epoch, or more where more are labeled.

    Raises:
        ValueError: no number, no classes, a stream, or too few labels for the classes or of one of them.
    """
    option, train = f"labeled={count}", splits["train"]
    if not isinstance(train, InMemorySplit):
        raise ValueError(
            f"{option} needs examples in memory, and those of {raw.name} are read as they come: leave it out"
        )
    if train.y is None or raw.classes is None or train.y.dim() != 1:
        raise ValueError(f"{option} is for data with classes, and {raw.name} has none: leave it out, or give labels")
    if count == len(train):
        return splits, ""
    labeled = sample_per_class(train.y, int(count), seed, raw.classes)
    y = torch.full_like(train.y, UNKNOWN_LABEL)
    y[labeled] = train.y[labeled]
    shown = max(share, len(labeled) / len(train))
    description = (
        f"labels of {len(labeled):,} of {len(train):,} training examples kept, as many of each class; "
        f"they are {'half' if shown == 0.5 else f'{100 * shown:.3g} %'} of every epoch's examples"
    )
    return splits | {"train": train.replace(y=y, oversampled=labeled, oversampled_share=share)}, description


def sample_per_class(y: Tensor, count: int, seed: int, class_names: tuple[str, ...]) -> Tensor:
    """Return ``count`` positions of labels at random, as many of each class; the remainder goes to random classes."""
    classes = torch.unique(y)
    if not len(classes) <= count <= len(y):
        raise ValueError(
            f"labeled={count} of {len(y):,} training examples of {len(classes)} classes: expected at least one of "
            f"each class and no more than there are, {len(classes)} to {len(y)}"
        )
    generator = torch.Generator().manual_seed(seed)
    shares = torch.full((len(classes),), count // len(classes))
    shares[torch.randperm(len(classes), generator=generator)[: count % len(classes)]] += 1
    chosen = []
    for label, share in zip(classes.tolist(), shares.tolist(), strict=True):
        positions = (y == label).nonzero().flatten()
        if len(positions) < share:
            raise ValueError(
                f"labeled={count} wants {share} labels of each class, and '{class_names[label]}' has "
                f"{len(positions)}: give a smaller number"
            )
        chosen.append(positions[torch.randperm(len(positions), generator=generator)[:share]])
    return torch.cat(chosen).sort().values
