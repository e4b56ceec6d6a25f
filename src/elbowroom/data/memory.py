"""How much memory there is to read data into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
