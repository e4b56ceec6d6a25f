"""Reading files: their errors in one line, and what tells a large one from another without reading it whole."""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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


DEFAULT_MEMORY_BYTES = 2**33
"""What is reckoned with where the system does not tell."""
PAGE_BYTES = 2**12


def available_memory() -> int:
    """The bytes that this process may still take: what the machine has free, or its container or limits leave it.

    >>> available_memory() > 0
    True
    """
    return max(0, min((*machine_memory(), *container_memory(), *rlimit_memory()), default=DEFAULT_MEMORY_BYTES))


def machine_memory() -> Iterator[int]:
    """What the machine has, less what its processes use where that can be told."""
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        yield int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        with suppress(AttributeError, ValueError, OSError):
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def container_memory() -> Iterator[int]:
    """What the container may have; what it uses counts files that were read, and is left out."""
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            yield int(Path("/sys/fs/cgroup", file).read_text())


def rlimit_memory() -> Iterator[int]:
    """What the limits set on this process (``ulimit``) leave it."""
    try:
        import resource
    except ImportError:
        return
    used = {"RLIMIT_AS": 0, "RLIMIT_DATA": 5}  # where /proc counts it
    for name, field in used.items():
        limit, _ = resource.getrlimit(getattr(resource, name))
        if limit != resource.RLIM_INFINITY:
            taken = 0
            with suppress(OSError):
                taken = int(Path("/proc/self/statm").read_text().split()[field]) * PAGE_BYTES
            yield limit - taken
