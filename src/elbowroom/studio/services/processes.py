"""Processes that train: starting one, whether a directory is locked, whether a process is the one that was begun."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from elbowroom.runs.metrics_log import open_regular_file

#: Seconds until a training has to have begun before the answer is "starting", and that its end may take; bytes of
#: its log.
START_TIMEOUT_S, END_TIMEOUT_S, MAX_LOG_BYTES = 60.0, 10.0, 1 << 20
#: The priority of a training, in the system's steps below the usual one.
NICENESS = 10


def start(command: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, which outlives this one; nothing goes through a shell.

    It gives way to whoever drags a point on the page: a training takes hours, a picture should take milliseconds.
    """
    process = subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return process


def is_locked(path: Path) -> bool:
    """Whether somebody trains into this directory; nobody is disturbed by the question."""
    try:
        descriptor = open_regular_file(path / ".lock")
    except OSError:
        return False
    try:
        import fcntl
    except ImportError:  # no flock here: the lock itself has to be tried
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
    """When a process began, in the system's own words; None where there is none, or only what is left of one.

    >>> import os
    >>> start_time(os.getpid()) == start_time(os.getpid()) is not None
    True
    """
    try:
        # What comes before the last bracket is the program's name, in which anything may stand.
        about = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return None if about[0] in "ZX" else f"{_boot_id()} {about[19]}"
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _start_time_from_ps(pid)
    except (OSError, IndexError):
        return None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _start_time_from_ps(pid: int) -> str | None:
    """Where there is no ``/proc``."""
    try:
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None


def is_same_process(pid: int | None, started: str | None) -> bool:
    """Whether the process of this number is still the one that began then, and another than this."""
    return pid is not None and pid > 1 and pid != os.getpid() and started is not None and start_time(pid) == started


def wait_for_end(pid: int | None, started: str | None) -> None:
    """Wait a while for a process that is about to end."""
    until = time.monotonic() + END_TIMEOUT_S
    while is_same_process(pid, started) and time.monotonic() < until:
        time.sleep(0.05)


def terminate(pid: int, started: str | None) -> bool:
    """Ask a process politely to end, if it is the one that was begun."""
    if not is_same_process(pid, started):
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError:
        return False
    return True


def wait_for_start(has_started: Callable[[], bool], process: subprocess.Popen[bytes]) -> str:
    """Wait until a training has begun, or is over, or time is up."""
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        if has_started():
            return "begun"
        if process.poll() is not None:
            return "over"
        time.sleep(0.05)
    return "starting"


def supervise(process: subprocess.Popen[bytes], log: Path) -> None:
    """Keep the log within bounds as long as the process lasts, and take note of its end."""
    while True:
        try:
            process.wait(10)
            return
        except subprocess.TimeoutExpired:
            try:
                if log.stat().st_size > MAX_LOG_BYTES:
                    os.truncate(log, 0)
            except OSError:
                continue
