"""Load a source of examples as named splits, with a record of how they came about."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, Protocol

from elbowroom import errors
from elbowroom.argument import takes_options
from elbowroom.data.catalog.registry import CATALOG, find_catalog_entry, read_catalog_dataset
from elbowroom.data.checks import (
    describe_check_coverage,
    find_out_of_range,
    fingerprint,
    hash_division,
    is_binary,
    value_limits,
)
from elbowroom.data.class_subset import select_classes, subsample_labels
from elbowroom.data.coding import (
    record_coding,
)
from elbowroom.data.encode_splits import encode_splits
from elbowroom.data.options import DataConfig, ReadOptions
from elbowroom.data.partition import partition, plan_partition, resolve_stratified
from elbowroom.data.preprocess import augment_train, binarize_splits, dequantize_splits
from elbowroom.data.raw import AnySplit, EncodedDataset, RawDataset, RawSplit
from elbowroom.data.readers.listing import list_path
from elbowroom.data.readers.registry import read_path
from elbowroom.data.readers.table import standardize_table
from elbowroom.data.readers.table_cells import SourceCells, TableSource, join_cells
from elbowroom.data.readers.table_encoding import Column
from elbowroom.data.series_scaling import fit_scaling, scale_splits
from elbowroom.data.sources.registry import read_object
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.dataset import DatasetSplit
from elbowroom.data.splits.joined import join_splits
from elbowroom.data.splits.loader import LoaderSplit
from elbowroom.data.splits.memory import InMemorySplit, Split
from elbowroom.data.table_bins import choose_table_bins
from elbowroom.deprecation import DATA_ARGUMENTS, renamed_arguments
from elbowroom.display import Displayed
from elbowroom.masked_shape import MaskedShape
from elbowroom.table_shape import TableShape
from elbowroom.text_shape import TextShape

ALL_SPLITS = "all"
"""The name of all examples of all splits, where one of a split is asked for."""

P = ParamSpec("P")
Step = Callable[[dict[str, AnySplit]], tuple[dict[str, AnySplit], str]]
"""A step of preprocessing: splits to splits, and a description for the record."""


@dataclass
class Data(Displayed):
    """Named splits of examples of one ``shape``, and a record of how they came about.

    Attributes:
        classes: the names of the labels 0, 1, ....
        attributes: the names of the columns of labels (B, A).
        columns: those of a table; its ``shape`` is a :class:`~elbowroom.table_shape.TableShape`, which knows them, as
            that of examples of several views is a :class:`~elbowroom.view_shape.ViewShape`.
        binary: all values are 0 or 1.
        discrete: all values lie on the grid of pixels (256 levels, or the 2 of binary data).
        protocol: ready for JSON: the source and the arguments that load the same data again, the sizes of the splits,
            the preprocessing in words, a fingerprint of the values (of a part of them in files above 1 GiB and in
            shards; None for data sets and loaders, which may give others every time), for large files and shards also a
            hash of which rows each split has (division), the columns of a table, and the images that could not be
            read.
        row_names: what the rows of the source are called that each split is from, where they have names.

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
    attributes: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    protocol: dict[str, Any] = field(default_factory=dict)
    table: TableSource | None = None
    row_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = [f"{name} {len(split):,}" for name, split in self.splits.items() if not isinstance(split, LoaderSplit)]
        labels = f", {len(self.classes)} classes" if self.classes else ""
        return f"Data({self.name!r}, examples of {tuple(self.shape)}, {', '.join(sizes) or 'a stream'}{labels})"

    def names(self, split: str) -> list[str] | None:
        """Return what each example of a split is called: the file of an image, else its row in the source.

        A page of a file is called ``scan.tif#3``. The rows count from 0. None for a loader, whose order is its own.

        >>> import numpy as np
        >>> load_data(np.zeros((9, 2)), validation=0, test=0).names("train")[:3]
        ['0', '1', '2']
        """
        if split == ALL_SPLITS:
            return self._join_names({name: self.names(name) for name in self.splits})
        examples = self.splits[split]
        if not isinstance(examples, InMemorySplit | BufferedSplit | DatasetSplit):
            return None
        rows = examples.source_rows
        numbers = range(len(examples)) if rows is None else rows.tolist()
        row_names = self.row_names.get(split)
        return [str(row) if row_names is None else row_names[row] for row in numbers]

    def _join_names(self, names_of: Mapping[str, list[str] | None]) -> list[str] | None:
        """Return the names of the examples of all splits, which say the split where they are not of one source."""
        if any(names is None for names in names_of.values()):
            return None
        pairs = [(split, name) for split, names in names_of.items() for name in names or ()]
        is_unique = len({name for _, name in pairs}) == len(pairs)
        return [name if is_unique else f"{split}/{name}" for split, name in pairs]

    def get_split(self, name: str) -> Split:
        """Return a split by its name; ``"all"`` is all examples: train, validation and test, one after the other.

        Raises:
            ValueError: there is no such split.

        >>> data = load_data("digits")
        >>> len(data.get_split("all")) == sum(data.protocol["sizes"].values())
        True
        """
        if name == ALL_SPLITS:
            return join_splits(list(self.splits.values()))
        if name not in self.splits:
            known = (*self.splits, ALL_SPLITS)
            hint = f" (did you mean '{close}'?)" if (close := errors.nearest_name(name, known)) else ""
            raise ValueError(f"{self.name} has no split '{name}'{hint}: choose from {', '.join(known)}")
        return self.splits[name]

    def show(self) -> Any:
        """Show the first training examples: images as a grid, rows as a table; a notebook draws what is returned."""
        import elbowroom as er

        return er.show(self)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def cells(self, split: str = "train") -> SourceCells | None:
        """Return the cells of a split of a table as they were written; None for other data.

        >>> load_data({"n": ["01", "02", "01"], "size": [1.5, 2, 3]}, validation=0, test=0).cells().first(2).columns
        {'n': ['01', '02'], 'size': [1.5, 2.0]}
        """
        if self.table is None:
            return None
        if split == ALL_SPLITS:
            return join_cells([self.table.cells(name, examples) for name, examples in self.splits.items()])
        return self.table.cells(split, self.splits[split])

    def find_out_of_range(
        self, low: float, high: float, integer: bool = False, missing: bool = False, column: int | None = None
    ) -> tuple[str, int, float] | None:
        """Return the first value outside [low, high] (or not whole, with ``integer``): its split, row and value.

        NaN is outside, unless ``missing``, for a table and a likelihood that leaves missing values out. ``column``
        restricts the check to one column of a table.

        The row is that in the source, also where the split was set aside from a larger one. It serves a likelihood to
        refuse values without density. Arrays are scanned, pixels only where the bounds cut into [0, 1]; of a data set
        or a loader only the first batch is checked, and of what is read in parts about a thousand examples;
        ``protocol["preprocessing"]`` says how many.

        >>> import numpy as np
        >>> load_data(np.array([[0.5], [2.0], [0.1]]), validation=0, test=0).find_out_of_range(0, 1)
        ('train', 1, 2.0)
        """
        first_of = (
            (name, find_out_of_range(split, low, high, integer, missing, column)) for name, split in self.splits.items()
        )
        return next(((name, *first) for name, first in first_of if first is not None), None)

    def value_limits(self, sample: bool = False) -> tuple[float, float]:
        """Return the smallest and largest value of all splits, among those that are checked; NaN where one is.

        ``sample`` looks at some training examples only.

        >>> load_data("digits").value_limits()
        (0.0, 1.0)
        """
        limits = [value_limits(split, sample) for split in ([self.train] if sample else self.splits.values())]
        return min(low for low, _ in limits), max(high for _, high in limits)


class _LoadData(Protocol[P]):
    """The signature of :func:`load_data` for type checkers: its options are the fields of :class:`DataConfig`."""

    def __call__(self, source: Any, config: DataConfig | None = None, *args: P.args, **options: P.kwargs) -> Data: ...


def _with_data_options(config: Callable[P, DataConfig]) -> Callable[[Callable[[Any, DataConfig], Data]], _LoadData[P]]:
    return takes_options(config)


@renamed_arguments(DATA_ARGUMENTS)
@_with_data_options(DataConfig)
def load_data(source: Any, config: DataConfig) -> Data:
    """Load a source of examples as train, validation and test splits.

    ``source`` is a named set (see ``datasets``), the path of a .npy or .npz file, of a .csv or .parquet table, or of a
    folder, zip or tar of images, an array or tensor, a pair (x, y) of them, a data set, a ``DataLoader`` or another
    list of batches. Or what may be larger than memory: a .npy file, a folder of them named as the arrays of a .npz, or
    shards of .tar or .parquet, as a file, a folder or a pattern (``"faces-*.tar"``, ``"faces-{000..099}.tar"``).

    A dictionary of arrays of several views of the same examples, ``{"image": ..., "digit": ...}``, or a .npz of such,
    is data for multimodal recipes; ``docs/multimodal.md`` has what may be missing of it.

    ``validation`` and ``test`` are a fraction or a number of the training examples to set aside, 0 for none, or
    examples of the same kind as the source. A split that comes with the source is kept; for a missing one the
    default is 0.1 of train at random (named sets have their own; no test is set aside where you give a validation).
    ``seed`` decides which examples. Of your own data with classes they are set aside class by class (``stratified``),
    so that every split has its share of each. ``only`` selects the examples of some classes (``"0,1"``,
    ``("cat",)``), which become the classes 0, 1, .... ``labeled`` keeps the labels of that many training examples, as
    many of each class, drawn with ``seed``; the others become -1, unknown. Half of the examples of an epoch are then
    labeled ones, or ``labeled_share``, and the others are other unlabeled ones each time.

    Images in files: ``crop`` cuts out the centre, ``resize`` brings them to one size (both a number or (height,
    width); resizing crops to its shape first). They are decoded once and kept in the cache. Those that cannot be read
    are refused, or with ``bad_images="skip"`` named in a warning and left out. In training ``flip`` mirrors every
    second image and ``shift`` moves each by up to so many pixels, drawn anew at every use.

    ``binarize`` makes the values 0 or 1: by ``"threshold"`` at one half, or ``"dynamic"``: drawn as Bernoulli.
    ``dequantize`` makes pixels continuous: (level + u) / 256 with uniform noise u. Both draw anew at every use in
    training, while validation and test are drawn once, with ``seed``.

    Tables: ``label`` is the column of the labels, by default one called ``label`` or the like (of ``celeba`` it picks
    attributes). The other columns are numbers, which are standardised by mean and standard deviation of the training
    rows, or categories, which become their index; a missing value is NaN. ``columns`` gives the kinds that the values
    do not show (``"zip=category,id=drop"``); or it is the ``columns`` of data loaded before, whose encoding is used
    again.

    Shards, and a .npy file or images that are large beside the memory or where a ``buffer`` is given, are read in
    parts: at most ``buffer`` examples are in memory (by default 256 MiB of them), and as many more that are read ahead.
    The order is shuffled in blocks and within the buffer; without a ``buffer`` a .npy file and images are shuffled
    fully, as in memory.

    Args:
        source: the source.
        config: the options together, as a :class:`DataConfig`; those given one by one replace its fields.
        **options: the fields of :class:`DataConfig`, one by one.

    Raises:
        ValueError: a source that is unknown, not there, empty, damaged or not numbers; splits that leave nothing to
            train on; values that do not suit an argument. The message says what to do.

    >>> data = load_data("digits", binarize="dynamic", only="3,5", seed=1)
    >>> data.binary, data.train.x.dtype, data.train.first(2).x.unique(), data.classes
    (True, torch.uint8, tensor([0., 1.]), ('3', '5'))
    """
    return source if isinstance(source, Data) else divide(read_source(source, config), config)


def divide(raw: RawDataset, config: DataConfig) -> Data:
    """Return what was read of a source as encoded splits, preprocessed as the options say."""
    existing, amounts = plan_partition(raw, config.validation, config.test)
    dropped = find_dropped_splits(raw, existing)
    given = [name for name, split in existing.items() if split is not getattr(raw, name)]
    resolved = {name: "given" if name in given else amounts.get(name) for name in ("validation", "test")}
    encoded = encode_splits(raw, existing, config)
    raw, resolved = encoded.raw, resolved | encoded.record
    others = encoded.existing
    if config.only is not None:
        raw, others = select_classes(raw, others, config.only)
    resolved["stratified"] = is_stratified = resolve_stratified(raw, config.stratified)
    inferred = [*encoded.inferred, *["stratified"] * (is_stratified == resolve_stratified(raw, None))]
    splits = partition(raw, others, amounts, config.seed, is_stratified)
    descriptions = [raw.preprocessing, encoded.description]
    if raw.columns is not None:
        raw, splits, description = standardize_table(raw, splits, given)
        descriptions.append(description)
    requested = config.scaling or ("none" if raw.series is None else "standard")
    scaling = None if requested == "none" else fit_scaling(splits, requested)
    seed = config.seed
    label_some = partial(subsample_labels, raw=raw, count=config.labeled, share=config.labeled_share, seed=seed)
    steps: list[tuple[bool, Step]] = [
        (config.labeled is not None, label_some),
        (config.binarize != "none", partial(binarize_splits, mode=config.binarize, seed=seed)),
        (config.dequantize, partial(dequantize_splits, seed=seed)),
        (config.flip or config.shift > 0, partial(augment_train, flip=config.flip, shift=config.shift)),
    ]
    if scaling is not None:
        steps.append((True, partial(scale_splits, scaling=scaling)))
    for is_requested, step in steps:
        if is_requested:
            splits, description = step(splits)
            descriptions.append(description)
    data = build_data(raw, splits, config.record | resolved, None if given else raw.source, descriptions)
    data.protocol["inferred"] = inferred
    if scaling is not None:
        data.protocol["scaling"] = scaling.record
    if dropped:
        data.protocol["dropped"] = dropped
    data.row_names = {name: raw.row_names for name in data.splits if raw.row_names and name not in given}
    return data


def find_dropped_splits(raw: RawDataset, kept: Collection[str]) -> dict[str, int | None]:
    """Return the numbers of examples of the splits that come with a source and are not among those that are kept."""
    own = {"validation": raw.validation, "test": raw.test}
    return {name: count_examples(split) for name, split in own.items() if split is not None and name not in kept}


def build_data(
    raw: EncodedDataset,
    splits: dict[str, AnySplit],
    arguments: dict[str, Any],
    source: str | None,
    descriptions: list[str],
) -> Data:
    """Return finished splits as ``Data``, with the record of how they came about."""
    binary = all(is_binary(split) for split in splits.values())
    pixels = all(split.has_pixels for split in splits.values())
    levels = pixels and not arguments["dequantize"]
    first, *others = descriptions
    levels_are = "values 0 and 1 taken as bits" if arguments["value_range"] == [0, 1] else "pixels divided by 255"
    steps = [first, levels_are if levels else "", *others, describe_check_coverage(splits)]
    protocol = {
        "name": raw.name,
        "source": source,
        "arguments": arguments,
        "seed": arguments["seed"],
        "shape": list(raw.train.shape),
        "sizes": {name: count_examples(split) for name, split in splits.items()},
        "preprocessing": "; ".join(filter(None, steps)) or "none",
        "fingerprint": fingerprint(splits, raw.content_hash),
    }
    if raw.content_hash is not None:
        # The hash of files is the same for each division of them.
        protocol["division"] = hash_division(splits)
    shape = raw.train.shape
    if raw.columns is not None:
        rows = max(column.rows for column in raw.columns)
        bins = choose_table_bins(raw.columns, splits["train"])
        shape = TableShape((max(1, column.n_categories) for column in raw.columns), rows, bins)
        protocol["columns"] = [column.record for column in raw.columns]
    if raw.views is not None:
        shape = raw.views
        protocol["views"] = shape.likelihood
    if raw.vocabulary is not None:
        shape = TextShape(raw.train.shape[0], len(raw.vocabulary))
        protocol |= {"vocabulary": list(raw.vocabulary), "tokens": raw.tokens}
    if raw.series is not None:
        shape = MaskedShape(shape) if raw.series.has_gaps else shape
        protocol["series"] = {"channels": list(raw.series.channels), "has_gaps": raw.series.has_gaps}
    if raw.items is not None:
        protocol["items"] = list(raw.items)
    if raw.table is not None:
        protocol["table"] = raw.table.record(splits["train"])
    if raw.skipped:
        protocol["left_out"] = list(raw.skipped)
    protocol |= {key: list(names) for key, names in (("classes", raw.classes), ("attributes", raw.attributes)) if names}
    splits = record_coding(splits, protocol)
    return Data(
        name=raw.name,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        shape=shape,
        classes=raw.classes,
        binary=binary,
        discrete=binary or levels,
        attributes=raw.attributes,
        columns=raw.columns,
        protocol=protocol,
        table=raw.table,
    )


def read_source(source: Any, options: ReadOptions) -> RawDataset:
    """Read a source: a path, a name of the catalog, or arrays, a data set or a loader."""
    if not isinstance(source, str | Path):
        return read_object(source, options)
    path = _source_path(source)
    return read_catalog_dataset(str(source), options) if path is None else read_path(path, options)


def require_source(source: str | Path) -> None:
    """Raise the ValueError of reading a source that is not there, without reading one that is.

    >>> require_source("digits")
    """
    path = _source_path(source)
    if path is None:
        find_catalog_entry(str(source))
    else:
        list_path(path)


def _source_path(source: str | Path) -> Path | None:
    """Return the path that a source is, or None where it is a name of the catalog.

    Raises:
        ValueError: it is empty.
    """
    if isinstance(source, Path):
        return source.expanduser()
    if not source.strip():
        raise ValueError("no data named: give a name that 'elbowroom data' lists, or a path ('.' for this folder)")
    path = Path(source).expanduser()
    is_path = source not in CATALOG and (path.exists() or path.suffix or os.sep in source or "/" in source)
    return path if is_path else None


def count_examples(split: RawSplit) -> int | None:
    """Return the number of examples, or None where only a pass through a stream would tell."""
    return split.known_length if isinstance(split, LoaderSplit) else len(split)
