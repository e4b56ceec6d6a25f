"""Registry of the named data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, replace

from elbowroom import errors
from elbowroom.data.catalog.download import DatasetFile, find_local
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.registry import describe_readable
from elbowroom.registry import Registry

CATALOG: Registry[CatalogEntry] = Registry(
    "data set", ("elbowroom.data.catalog.digits", ".mnist", ".frey_faces", ".omniglot", ".*")
)
"""The data sets by name, in the order in which they are listed; those that users register come last."""


@dataclass(frozen=True)
class CatalogEntry:
    """A named data set for :func:`elbowroom.load_data`: what it is, as published, and how it is read.

    Attributes:
        read: returns its splits; it is called with the options where it supports some, and without arguments otherwise.
        name: the name of the data set.
        summary: what it is, in a line.
        source: who published it, and where.
        license: the terms it is published under.
        shape: of an example.
        sizes: the number of examples in each published split.
        files: the files it needs.
        prepared_files: paths, or patterns, of files that each stand for all of ``files``.
        default_amounts: the fraction or number of training examples to set aside for (validation, test) where the data
            set has no such split.
        options: fields of :class:`~elbowroom.data.options.ReadOptions` that it supports.
    """

    read: Callable[..., RawDataset]
    name: str
    _: KW_ONLY
    summary: str
    source: str
    license: str
    shape: tuple[int, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict)
    files: tuple[DatasetFile, ...] = ()
    prepared_files: tuple[str, ...] = ()
    default_amounts: tuple[float | int, float | int] = (0.05, 0.0)
    options: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """The folder that holds the data set, "embedded" for one that needs no files, "download" or "missing"."""
        prepared = [find_local(path) for path in self.prepared_files]
        if any(prepared) or not (self.files or self.prepared_files):
            return next((str(path.parent) for path in prepared if path), "embedded")
        if not self.files:
            return "missing"
        local = [find_local(file.path) for file in self.files]
        if local[0] and all(local):
            return str(local[0].parent)
        return "download" if all(file.urls for file in self.files) else "missing"


dataset = CATALOG.decorator(CatalogEntry, help=lambda entry: entry.summary)


def datasets() -> list[CatalogEntry]:
    """Return the entries of all named data sets: name, summary, source, license, shape, sizes, location and others.

    >>> [(entry.name, entry.shape, entry.location) for entry in datasets() if entry.name == "digits"]
    [('digits', (1, 8, 8), 'embedded')]
    """
    return list(CATALOG.values())


def find_catalog_entry(name: str) -> CatalogEntry:
    """Return the named data set.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in CATALOG:
        raise errors.unknown_name("data set", name, CATALOG, f"; or give the path of {describe_readable()}")
    return CATALOG[name]


def read_catalog_dataset(name: str, options: ReadOptions) -> RawDataset:
    """Read the splits of a named data set as published, before missing ones are set aside.

    Raises:
        ValueError: no data set of this name; an option that it does not support; files that cannot be read or fetched.
    """
    entry = find_catalog_entry(name)
    options.reject_unsupported(name, *entry.options)
    raw = entry.read(options) if entry.options else entry.read()
    return replace(raw, name=name, source=name, defaults=entry.default_amounts, is_stratified=False)
