"""Reading files: errors in one line, a hash of large files, and the memory that is free."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
import psutil

READ_ERRORS = (
    *(OSError, EOFError, ValueError, SyntaxError, NotImplementedError, RuntimeError),
    *(zlib.error, zipfile.BadZipFile, tarfile.TarError),
)
PARTIAL_HASH_BYTES = 2**30
"""Size of files above which :func:`hash_files` replaces a hash of all values."""
PROBE_COUNT = 64
"""Places of large files that are hashed."""
PROBE_BYTES = 2**16
"""Bytes that are hashed at each place."""


@contextmanager
def io_errors(path: Path) -> Iterator[None]:
    """Turn errors of reading ``path`` into a ``ValueError`` of one line that names it."""
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
    """Return a short hash of the sizes of ``files`` and of their bytes at places spread evenly over all of them.

    It reads 4 MiB whatever the size, so a change of a few bytes that leaves the sizes as they are may go unnoticed. The
    first and the last bytes, where .npy and .parquet have their headers, are among those read.
    """
    sizes = [file.stat().st_size for file in files]
    ends = np.cumsum(sizes)
    digest = blake2b(repr(sizes).encode(), digest_size=8)
    for position in np.linspace(0, max(0, ends[-1] - PROBE_BYTES), PROBE_COUNT).astype(int):
        index = int(np.searchsorted(ends, position, side="right"))
        with io_errors(files[index]), open(files[index], "rb") as file:
            file.seek(position - (ends[index] - sizes[index]))
            digest.update(file.read(PROBE_BYTES))
    return digest.hexdigest()


def available_memory() -> int:
    """Return the bytes that this process may still take: the least that machine, container and limits leave it.

    >>> available_memory() > 0
    True
    """
    return max(0, min(psutil.virtual_memory().available, *container_memory(), *rlimit_memory()))


def container_memory() -> Iterator[int]:
    """Yield the limit of the container; its use counts cached files and is not subtracted."""
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            yield int(Path("/sys/fs/cgroup", file).read_text())


def rlimit_memory() -> Iterator[int]:
    """Yield what the limits set on this process (``ulimit``) leave it, where the system enforces them."""
    if not psutil.LINUX:
        return
    process = psutil.Process()
    memory = process.memory_info()
    for limit, taken in ((psutil.RLIMIT_AS, memory.vms), (psutil.RLIMIT_DATA, memory.data)):
        size, _ = process.rlimit(limit)
        if size != psutil.RLIM_INFINITY:
            yield size - taken
