"""Reader of .h5ad files, as anndata writes them: counts of cells by genes."""

from __future__ import annotations

import importlib

from elbowroom.data.file_io import io_errors
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader


@reader("h5ad", "an .h5ad file (AnnData)", (".h5ad",), ("label", "buffer"))
def read_h5ad(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read a file as :func:`~elbowroom.data.sources.annotated.read_annotated` reads an AnnData.

    Raises:
        ValueError: anndata is not installed, or a damaged file.
    """
    from elbowroom.data.sources.annotated import read_annotated

    try:
        anndata = importlib.import_module("anndata")
    except ImportError:
        raise ValueError(f"{listing.path} needs anndata to be read: pip install anndata") from None
    with io_errors(listing.path):
        source = anndata.read_h5ad(listing.path)
    return read_annotated(source, options, None, listing.path.name)
