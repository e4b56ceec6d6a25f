"""What stops a training from outside, and what keeps it from harm: signals, full disks, a second process."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from elbowroom import distributed
from elbowroom.runs.run import Run
from elbowroom.training.state import STOP, State

#: What the system says when a disk is full, a quota used up, a directory read-only.
_UNWRITABLE_ERRNOS = (
    errno.ENOSPC,
    errno.EFBIG,
    getattr(errno, "EDQUOT", errno.ENOSPC),
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)
#: Seconds to wait for the lock: somebody who only looks whether it is held has it for an instant.
_LOCK_TIMEOUT_S = 0.5
#: What a signal leaves in the state; processes that train together agree on the largest place in this list.
_STOP_REASONS = ("", "interrupted", "terminated", "stopped")


@contextmanager
def lock_run(run: Run) -> Iterator[None]:
    """Nobody else trains into this directory meanwhile."""
    if not distributed.is_main_process():
        yield
        return
    lock = FileLock(run.path / ".lock")
    try:
        lock.acquire(timeout=_LOCK_TIMEOUT_S)
    except Timeout:
        raise ValueError(f"another process is training into {run.path}: wait for it, or stop it first") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def explain_io_errors(run: Run) -> Iterator[None]:
    """A full disk or a read-only directory in words."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE_ERRNOS:
            raise
        then = f"'elbowroom resume {run.path}' goes on from the last checkpoint" if run.exists else "start it again"
        raise ValueError(
            f"cannot write to {run.path} ({error.strerror}): free some space or mend its permissions, then {then}"
        ) from None


@contextmanager
def handle_signals(state: State) -> Iterator[None]:
    """Ctrl-C, or a polite kill, ends the training after the step under way; a second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: Any) -> None:
        state[STOP] = "interrupted" if number == signal.SIGINT else "terminated"
        signal.signal(number, before[number])

    before: dict[int, Any] = {int(sign): signal.signal(sign, stop) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sync_stop(state: State) -> None:
    """Stop all together, after the same step: a signal may reach one process a step before another."""
    if distributed.world_size() > 1:
        mine = state[STOP]
        place = _STOP_REASONS.index(mine) if mine in _STOP_REASONS else len(_STOP_REASONS) - 1
        if agreed := distributed.all_reduce_max(place):
            state[STOP] = mine or _STOP_REASONS[agreed]
