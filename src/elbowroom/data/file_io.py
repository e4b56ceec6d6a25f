"""Reading files: their errors in one line, and what tells a large one from another without reading it whole."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import numpy as np

READ_ERRORS = (
    *(OSError, EOFError, ValueError, SyntaxError, NotImplementedError, RuntimeError),
    *(zlib.error, zipfile.BadZipFile, tarfile.TarError),
)
PROBE_COUNT, PROBE_BYTES = 64, 2**16
"""How many places of large files are looked at to know them again, and how many bytes at each."""


@contextmanager
def io_errors(path: Path) -> Iterator[None]:
    """Errors of reading ``path`` in one line that names it."""
    try:
        yield
    except PermissionError as error:
        raise ValueError(
            f"no permission to read {error.filename or path}: change its permissions or copy it"
        ) from error
    except READ_ERRORS as error:
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise ValueError(
                f"{path} holds Python objects, which are never unpickled: save it again as an array of numbers"
            ) from error
        why = str(error).splitlines()[0] if str(error) else "empty"
        raise ValueError(
            f"{path} is not a whole {path.suffix.lower()} file ({why}): it is damaged or cut short; fetch it again"
        ) from error


def hash_files(files: Sequence[Path]) -> str:
    """A short hash of the sizes of ``files`` and of their bytes at places spread evenly over all of them.

    It takes 4 MiB of reading whatever they hold, so a change of a few bytes that leaves the sizes as they are may go
    unnoticed. The first and the last bytes, where .npy and .parquet say what they hold, are among those read.
    """
    sizes = [file.stat().st_size for file in files]
    ends = np.cumsum(sizes)
    digest = blake2b(repr(sizes).encode(), digest_size=8)
    for place in np.linspace(0, max(0, ends[-1] - PROBE_BYTES), PROBE_COUNT).astype(int):
        at = int(np.searchsorted(ends, place, side="right"))
        with io_errors(files[at]), open(files[at], "rb") as file:
            file.seek(place - (ends[at] - sizes[at]))
            digest.update(file.read(PROBE_BYTES))
    return digest.hexdigest()
