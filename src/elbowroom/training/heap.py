"""The heap of the C library: memory that a training step frees is kept for the next one."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Numbers of the settings in glibc's ``malloc.h``.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
#: Free memory at the end of the heap that is kept; more is given back to the system.
KEPT_BYTES = 2**31 - 1
#: Smaller blocks come from the heap; the largest value that glibc takes.
HEAP_BLOCK_BYTES = 2**25
#: What glibc begins with.
DEFAULT_BYTES = 2**17


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep freed memory in the process within the context, where the C library is glibc; elsewhere, do nothing.

    Otherwise glibc returns what a step has freed to the system, and the next step waits for the system to clear the
    same pages again: up to a fifth of its time. At the end the memory is given back.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    libc.mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_BYTES)
    try:
        yield
    finally:
        libc.mallopt(M_TRIM_THRESHOLD, DEFAULT_BYTES)
        libc.mallopt(M_MMAP_THRESHOLD, DEFAULT_BYTES)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library of the process, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
