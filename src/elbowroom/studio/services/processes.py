"""Training processes: start, identify, signal and wait for them; test the lock of a run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psutil

from elbowroom.runs.metrics_log import open_regular_file

#: How long a request waits at most for its training to start.
START_TIMEOUT_S = 60.0
#: How long a request waits for a process to end.
END_TIMEOUT_S = 10.0
#: Time between two looks at a process that is waited for.
POLL_INTERVAL_S = 0.05
#: Time between two looks at the size of a log.
LOG_CHECK_INTERVAL_S = 10.0
#: Size of a training's log, which is emptied when it grows larger.
MAX_LOG_BYTES = 1 << 20
#: By how much the start of a process may seem to move as the clock is corrected: no id is used again so soon.
CLOCK_TOLERANCE_S = 2.0
#: Nice value of a training, so that decoding for the page, which should take milliseconds, goes first.
NICENESS = 10


def start(command: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that it outlives this process; without a shell, at low priority."""
    process = subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    with suppress(psutil.Error):
        psutil.Process(process.pid).nice(NICENESS)
    return process


def is_locked(path: Path) -> bool:
    """Whether the run in this directory is locked by a training; the test never blocks one from starting."""
    try:
        descriptor = open_regular_file(path / ".lock")
    except OSError:
        return False
    try:
        import fcntl
    except ImportError:  # without flock, as on Windows, the lock itself has to be tried
        os.close(descriptor)
        return _is_lock_held(path / ".lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_lock_held(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def start_time(pid: int) -> str | None:
    """Return when a process started, in seconds since 1970; None if there is none, or only a zombie.

    >>> import os
    >>> start_time(os.getpid()) == start_time(os.getpid()) is not None
    True
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def is_same_process(pid: int | None, started: str | None) -> bool:
    """Whether this process id still belongs to the process that started then, and not to this one."""
    if pid is None or pid <= 1 or pid == os.getpid() or started is None or (now := start_time(pid)) is None:
        return False
    with suppress(ValueError):  # as another version wrote it
        return abs(float(now) - float(started)) < CLOCK_TOLERANCE_S
    return False


def wait_for_end(pid: int | None, started: str | None, wait_s: float = END_TIMEOUT_S) -> None:
    """Wait for a process to end, for so many seconds at most."""
    deadline = time.monotonic() + wait_s
    while is_same_process(pid, started) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)


def end(pid: int, started: str | None) -> None:
    """End a process: by SIGTERM, and if it lives on after :data:`END_TIMEOUT_S` by SIGKILL."""
    if terminate(pid, started):
        wait_for_end(pid, started)
    if is_same_process(pid, started):
        with suppress(psutil.Error):
            psutil.Process(pid).kill()
        wait_for_end(pid, started)


def terminate(pid: int, started: str | None) -> bool:
    """Send SIGTERM to a process, if it is still the one that started then; returns whether it was sent."""
    if not is_same_process(pid, started):
        return False
    try:
        psutil.Process(pid).terminate()
    except psutil.Error:
        return False
    return True


def wait_for_start(
    has_started: Callable[[], bool], process: subprocess.Popen[bytes], wait_s: float = START_TIMEOUT_S
) -> str:
    """Wait for a training to start: returns ``started``, ``exited``, or ``starting`` when time is up."""
    deadline = time.monotonic() + wait_s
    while True:
        if has_started():
            return "started"
        if process.poll() is not None:
            return "exited"
        if time.monotonic() >= deadline:
            return "starting"
        time.sleep(POLL_INTERVAL_S)


def supervise(process: subprocess.Popen[bytes], log: Path) -> None:
    """Limit the size of the log while a process runs, and reap the process when it ends."""
    while True:
        try:
            process.wait(LOG_CHECK_INTERVAL_S)
            return
        except subprocess.TimeoutExpired:
            try:
                if log.stat().st_size > MAX_LOG_BYTES:
                    os.truncate(log, 0)
            except OSError:
                continue
