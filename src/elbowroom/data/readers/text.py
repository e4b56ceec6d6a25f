"""Reader of texts in .txt, one to a line."""

from __future__ import annotations

from elbowroom.data.file_io import io_errors
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.text_encoding import encode_texts

TEXT_OPTIONS = ("tokens", "length", "vocabulary")


@reader("text", "a .txt of texts, one to a line", (".txt",), options=TEXT_OPTIONS)
def read_text_lines(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read the lines of a file that are not empty.

    Raises:
        ValueError: a file that is not UTF-8, or has no text in it.
    """
    with io_errors(listing.path):
        content = listing.path.read_bytes()
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{listing.path} is not UTF-8 at byte {error.start}: convert it, as iconv -f latin1 -t utf-8"
        ) from None
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise ValueError(f"{listing.path} has no text in it: expected one to a line")
    return encode_texts(texts, options, str(listing.path))
