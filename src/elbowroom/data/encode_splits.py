"""Encode the splits of a source: one coding of values for all of them, as asked for or inferred from all together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from elbowroom.data.color import color_of
from elbowroom.data.layout import resolve_layout
from elbowroom.data.options import DataConfig
from elbowroom.data.raw import AnySplit, EncodedDataset, RawArrays, RawDataset, RawSplit
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.dataset import DatasetSplit
from elbowroom.data.splits.loader import LoaderSplit
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.data.value_coding import (
    BIT_RANGE,
    BYTE_RANGE,
    ValueCoding,
    describe_coding,
    describe_surprise,
    infer_coding,
    merge_summaries,
    refuse_different_scales,
)
from elbowroom.data.value_options import AS_IS, Color, Layout, ValueRange

UncodedSplit = RawArrays | BufferedSplit | DatasetSplit | LoaderSplit
"""A split whose values can be looked at and encoded."""


@dataclass(frozen=True)
class EncodedSplits:
    """The splits of a source with their values encoded.

    Attributes:
        raw: the source with its own splits.
        existing: the splits beside train, its own and those that were given.
        record: the options that stand for the coding, resolved.
        inferred: those of them that the values show, so that they need not be given.
        description: what was done, in words.
    """

    raw: EncodedDataset
    existing: dict[str, AnySplit]
    record: dict[str, Any]
    inferred: tuple[str, ...] = ()
    description: str = ""


def encode_splits(raw: RawDataset, existing: Mapping[str, RawSplit], config: DataConfig) -> EncodedSplits:
    """Encode train and the splits beside it alike; a source that is encoded already (a table) stays as it is.

    Raises:
        ValueError: options for such a source; a layout that does not suit; splits of other shapes or scales; an example
            outside the range.
    """
    train = raw.train
    if isinstance(train, InMemorySplit):
        config.reject_coding(raw.name)
        kept = {name: keep_encoded(split) for name, split in existing.items()}
        return EncodedSplits(to_encoded(raw, train), kept, {})
    to_encode = [train, *(split for split in (raw.validation, raw.test, *existing.values()) if can_encode(split))]
    coding, record, inferred = resolve_coding(raw, to_encode, config)
    found = merge_summaries(split.summary for split in to_encode)
    # floats up to 1 beside bytes are not scaled
    found = replace(found, is_float=any(split.summary.is_float and split.summary.high > 1 for split in to_encode))
    layout = raw.layout if config.layout == "auto" else config.layout
    if line := describe_surprise(found, coding, layout, config.value_range):
        warnings.warn(f"{raw.name}: {line}", stacklevel=4)
    others = {}
    for name, split in existing.items():
        is_own = split in (raw.validation, raw.test)
        where = f"{name} in {raw.source or raw.name}" if is_own else f"{name}="
        others[name] = encode_alike(where, split, coding, train)
    description = "; ".join(describe_coding(found, coding, raw.layout))
    return EncodedSplits(
        to_encoded(raw, train.encode(coding.suited_to(train.summary))), others, record, inferred, description
    )


def can_encode(split: RawSplit | None) -> TypeGuard[UncodedSplit]:
    """Return whether there is a split, and its values are to be encoded."""
    return split is not None and not isinstance(split, InMemorySplit)


def to_encoded(raw: RawDataset, train: AnySplit) -> EncodedDataset:
    """Return a source with its training examples encoded, and without the splits that are kept beside it."""
    return EncodedDataset(**vars(raw) | {"train": train, "validation": None, "test": None})


def resolve_coding(
    raw: RawDataset, splits: Sequence[UncodedSplit], config: DataConfig
) -> tuple[ValueCoding, dict[str, Any], tuple[str, ...]]:
    """Return the coding of all splits, the options that stand for it, and which of them the values show."""
    coding = infer_from(splits, raw.layout if config.layout == "auto" else config.layout, config.value_range)
    natural = infer_coding([split.summary for split in splits], raw.layout)
    stored = color_of(coding.shape_of(splits[0].summary.shape))
    coding = replace(coding, color=resolve_color(raw, splits[0].summary.shape, stored, config.color))
    record, own = coding.record | {"color": config.color or stored}, natural.record | {"color": stored}
    return coding, record, tuple(name for name, value in record.items() if value == own[name])


def resolve_color(
    raw: RawDataset, shape: tuple[int, ...], stored: Color | None, requested: Color | None
) -> Color | None:
    """Return the color that images are converted to; None where they have it already.

    Raises:
        ValueError: a color is requested of examples that are no images in gray or in color.
    """
    if requested is not None and stored is None:
        raise ValueError(
            f"the examples of {raw.name} are {'x'.join(map(str, shape))}, and color={requested} is for images of 1 or "
            "3 channels: give images, or leave it out"
        )
    return None if requested == stored else requested


def infer_from(splits: Sequence[UncodedSplit], layout: Layout, value_range: ValueRange | str | None) -> ValueCoding:
    """Return the coding of all splits together; for whole numbers of more than 8 bits every example is looked at."""
    summaries = [split.summary for split in splits]
    coding = infer_coding(summaries, layout, value_range)
    if value_range is None and coding.value_range not in (None, BIT_RANGE):
        refuse_different_scales(summaries)
    has_largest = value_range is None and coding.value_range not in (None, BIT_RANGE, BYTE_RANGE)
    if not has_largest or all(isinstance(split, RawArrays) for split in splits):
        return coding
    return infer_coding([split.summarize_all() for split in splits], layout, value_range)


def encode_alike(where: str, split: RawSplit, coding: ValueCoding, train: UncodedSplit) -> AnySplit:
    """Return a split beside train with its values encoded as those of train; it may have its channels elsewhere."""
    expected = coding.shape_of(train.summary.shape)
    if isinstance(split, InMemorySplit):
        encoded: AnySplit = split
    else:
        stored = split.summary.shape
        if len(stored) != len(train.summary.shape) or coding.shape_of(stored) != expected:
            coding = replace(coding, layout=resolve_layout(stored, "auto", split.summary.is_bytes))
        encoded = split.encode(coding.suited_to(split.summary))
    if encoded.shape != expected:
        raise ValueError(
            f"the examples of {where} have shape {encoded.shape} and those of train {expected}: expected the same; "
            "bring them to one shape"
        )
    return encoded


def keep_encoded(split: RawSplit) -> AnySplit:
    """Return a split beside an encoded train, which is encoded as well; numbers given beside it stay as they are."""
    if isinstance(split, InMemorySplit):
        return split
    return split.encode(infer_coding([split.summary], value_range=AS_IS))
