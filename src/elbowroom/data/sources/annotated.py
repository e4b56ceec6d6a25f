"""AnnData: counts of cells by genes, with what is known of each cell."""

from __future__ import annotations

from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.h5ad import read_counts
from elbowroom.data.sources.registry import Classes, object_reader


def is_annotated(source: Any) -> bool:
    """Return whether a source is an AnnData, without importing its package."""
    return type(source).__name__ == "AnnData" and type(source).__module__.partition(".")[0] == "anndata"


@object_reader("annotated", "an AnnData", matches=is_annotated, options=("label", "buffer"))
def read_annotated(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the counts of an AnnData (N, D), the names of its variables, and a column of ``obs`` as labels.

    Raises:
        ValueError: as :func:`~elbowroom.data.readers.h5ad.read_counts`.
    """
    raw = read_counts(source, options, classes, where)
    raw.name = "AnnData"
    return raw
