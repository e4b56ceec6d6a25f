"""Options of reading a source and of loading data: their types, defaults, help and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from elbowroom.argument import convert_options, option
from elbowroom.data.value_options import Color, Layout, parse_value_range

if TYPE_CHECKING:
    from elbowroom.data.image import CropResize

BinarizeMode = Literal["none", "threshold", "dynamic"]
BadImages = Literal["refuse", "skip"]
ImageSize = int | tuple[int, int] | None
OPTION_SCOPES = {
    "resize": "images in files",
    "crop": "images in files",
    "bad_images": "folders, zips and tars of images",
    "buffer": "what is read in parts: .npy files, shards, folders and zips of images",
    "label": "tables, AnnData, and for sets with attributes",
    "columns": "tables",
    "examples": "data sets that are drawn, as shapes",
    "tokens": "texts",
    "length": "texts and series",
    "vocabulary": "texts",
    "series": "series in .csv, .npz and .npy files",
    "window": "series",
    "stride": "series",
    "select_channels": "series",
    "interval": "series at times of their own",
}
"""The sources that each option is for, in words; which reader takes it is in the reader's row."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options of reading a source, each for some kinds of source only.

    Raises:
        ValueError: a value of another type, or a size or buffer that is no positive number.
    """

    resize: ImageSize = option(None, "height,width to which images in files are resized", flag=tuple[int, int])
    crop: ImageSize = option(None, "height,width to crop from the center of such images first", flag=tuple[int, int])
    bad_images: BadImages = option("refuse", "images that cannot be read: refuse them, or skip them with a warning")
    buffer: int | None = option(None, "examples in memory of data read in parts, shuffled within it", minimum=1)
    label: str | None = option(None, "the column of a table, or the attributes, that are the labels")
    columns: Any = option(None, "what columns of a table are, as zip=category,age=number,id=drop", flag=str)
    examples: int | None = option(None, "training examples of a data set that is drawn, as shapes", minimum=1)

    tokens: Literal["words", "characters"] = option("words", "what texts are sequences of")
    length: int | None = option(None, "tokens of a text, with its end, or steps of a series; more are cut", minimum=2)
    vocabulary: Any = option(None, "words of texts, as the,cat,sat, in place of those that occur", flag=str)

    series: Literal["wide", "long"] | None = option(None, "a file of series: wide, one to a row; long, a step to a row")
    window: int | None = option(None, "steps of the windows that series are cut into", minimum=2)
    stride: int | None = option(None, "steps from one window to the next; those of a window if not given", minimum=1)
    select_channels: Any = option(None, "channels of series to keep, by name or number, as 0,2", flag=str)
    interval: float | None = option(None, "time from one step of a series to the next, where each row has its own time")

    def __post_init__(self) -> None:
        convert_options(self)
        _ = self.crop_resize

    @cached_property
    def crop_resize(self) -> CropResize:
        """The sizes that images are cropped and resized to."""
        from elbowroom.data.image import CropResize

        return CropResize.from_sizes(self.crop, self.resize)

    def reject_unsupported(self, name: str, *supported: str) -> None:
        """Refuse options other than those that the source ``name`` supports."""
        for field in fields(ReadOptions):
            value = getattr(self, field.name)
            if value != field.default and field.name not in supported:
                shown = str(value) if len(str(value)) < 40 else "..."
                raise ValueError(
                    f"{field.name}={shown} is for {OPTION_SCOPES[field.name]}, and {name} is none of them: leave it out"
                )

    @property
    def record(self) -> dict[str, Any]:
        """The options as JSON, the kinds of columns as a flag has them."""
        from elbowroom.data.readers.table_encoding import format_choices

        kinds = {"columns": format_choices(self.columns)} if isinstance(self.columns, Mapping) else {}
        return {field.name: to_json(getattr(self, field.name)) for field in fields(self)} | kinds


@dataclass(frozen=True, kw_only=True)
class DataConfig(ReadOptions):
    """Settings of data: what :func:`~elbowroom.load_data` takes beside the source.

    Raises:
        ValueError: a value is of another type, or outside its limits.

    >>> DataConfig(binarize="dynamic", seed=1).record["binarize"]
    'dynamic'
    """

    binarize: BinarizeMode = option("none", "values 0 or 1: by threshold at one half, or dynamic: drawn as Bernoulli")
    validation: Any = option(None, "training examples to set aside, where the data has no such split", flag=int | float)
    test: Any = option(None, "training examples to set aside for test, as for validation", flag=int | float)
    stratified: bool | None = option(None, "set examples aside class by class; the default for your own data")
    seed: int = option(0, "of splits, labels and drawn values", minimum=0, maximum=2**63 - 1)
    flip: bool = option(False, "flip half of the training images at random")
    shift: int = option(0, "largest random shift of training images, in pixels", minimum=0)
    dequantize: bool = option(False, "make pixels continuous with uniform noise within each level")
    only: Any = option(None, "classes to keep, as 0,1", flag=str)
    pairs: Any = option(None, "factors that differ in a pair, for ada_gvae and the like: a number, or random", flag=str)
    labeled: int | None = option(None, "labels of training examples to keep, as for m2; others are unknown", minimum=1)
    labeled_share: float = option(0.5, "share of an epoch that has a label, for labeled", minimum=0, maximum=1)
    value_range: Any = option(None, "LOW,HIGH: values of the source that become 0 and 1; or as-is", flag=str)
    layout: Layout = option(
        "auto", "axes of the source: (N, C, H, W) image, (N, H, W, C) channels-last, (N, C, L) series"
    )

    scaling: Any = option(None, "of the channels of series: standard (the default of series), minmax, none", flag=str)

    color: Color | None = option(None, "convert images to gray (by luminance) or rgb")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value_range", parse_value_range(self.value_range))
        if self.labeled is None and self.labeled_share != type(self).labeled_share:
            share = f"labeled_share={self.labeled_share}"
            raise ValueError(f"{share} is for data that keeps some labels: give labeled too, or leave it out")

    def reject_coding(self, name: str) -> None:
        """Refuse a value range, a layout and a color for a source that has its own, as a table."""
        for option_name, default in (("value_range", None), ("layout", "auto"), ("color", None)):
            value = getattr(self, option_name)
            if value != default:
                raise ValueError(
                    f"{option_name}={value} is for images and arrays, and {name} is none of them: leave it out"
                )


def to_json(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, numpy's integers as Python's, columns as their records."""
    from elbowroom.data.readers.table_encoding import Column

    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, Column):
        return value.record
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value
