"""Interruptions of a training: signals, a full disk, a lock against a second process."""

from __future__ import annotations

import errno
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from filelock import FileLock, Timeout

from elbowroom import distributed
from elbowroom.runs.run import PAUSE_FILE, Run
from elbowroom.training.state import SIGNAL, STOP, State

#: Error numbers of a full disk, a used-up quota, a read-only directory.
_UNWRITABLE_ERRNOS = (
    errno.ENOSPC,
    errno.EFBIG,
    getattr(errno, "EDQUOT", errno.ENOSPC),
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)
#: Seconds to wait for the lock: a process that only tests whether it is held has it for an instant.
_LOCK_TIMEOUT_S = 0.5
#: Time between two looks for the file that pauses a training.
_PAUSE_CHECK_INTERVAL_S = 1.0
#: Reasons to stop, by severity; processes that train together agree on the last of theirs in this list.
_STOP_REASONS = ("", "interrupted", "terminated", "stopped")
#: Reasons to stop that are signals', after which the training may be resumed.
SIGNAL_REASONS = ("interrupted", "terminated")
#: Error numbers of a file system without locks.
_UNLOCKABLE_ERRNOS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)

_is_held: ContextVar[bool] = ContextVar("is_held", default=False)
_stop_signals: ContextVar[tuple[int, ...]] = ContextVar("stop_signals", default=(signal.SIGINT, signal.SIGTERM))
_guard: ContextVar[Callable[[], None]] = ContextVar("guard", default=lambda: None)


class RunLockedError(ValueError):
    """A run directory into which another process is training."""


@contextmanager
def lock_run(run: Run) -> Iterator[None]:
    """Hold the lock of the run directory, so that no other process trains into it."""
    if not distributed.is_main_process():
        yield
        return
    lock = FileLock(run.path / ".lock")
    try:
        lock.acquire(timeout=_LOCK_TIMEOUT_S)
    except Timeout:
        raise RunLockedError(f"another process is training into {run.path}: wait for it, or stop it first") from None
    except (NotImplementedError, OSError) as error:
        # Some shared file systems have no locks; there a sweep's claims keep its processes apart.
        if not isinstance(error, NotImplementedError) and error.errno not in _UNLOCKABLE_ERRNOS:
            raise
    try:
        # One that was left behind is not meant for this training.
        (run.path / PAUSE_FILE).unlink(missing_ok=True)
        yield
    finally:
        lock.release()


@contextmanager
def explain_io_errors(run: Run) -> Iterator[None]:
    """Turn the OSError of a full disk or a read-only directory into a ValueError with advice."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE_ERRNOS:
            raise
        advice = f"'elbowroom resume {run.path}' goes on from the last checkpoint" if run.exists else "start it again"
        raise ValueError(
            f"cannot write to {run.path} ({error.strerror}): free some space or mend its permissions, then {advice}"
        ) from None


@contextmanager
def handle_signals(state: State) -> Iterator[None]:
    """Stop the training after the current step on a signal; a second one does what it would have done.

    They are SIGINT and SIGTERM, or those of :func:`stop_on_signals`. A signal that the program ignores, as SIGINT in a
    shell's background, is ignored here too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: Any) -> None:
        state[STOP], state[SIGNAL] = "interrupted" if number == signal.SIGINT else "terminated", number
        signal.signal(number, previous[number])

    handled = [sign for sign in _stop_signals.get() if signal.getsignal(sign) is not signal.SIG_IGN]
    previous: dict[int, Any] = {int(sign): signal.signal(sign, stop) for sign in handled}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_signals(*signals: int) -> Iterator[None]:
    """Let these signals stop the trainings inside, in place of SIGINT and SIGTERM: for a job of a cluster."""
    token = _stop_signals.set(signals)
    try:
        yield
    finally:
        _stop_signals.reset(token)


@contextmanager
def guard_training(check: Callable[[], None]) -> Iterator[None]:
    """Call a check once a second within the trainings inside: what it raises ends them, and nothing more is saved."""
    token = _guard.set(check)
    try:
        yield
    finally:
        _guard.reset(token)


@contextmanager
def hold_signals() -> Iterator[None]:
    """Let a training inside that a signal has stopped return: for a program that ends by itself, as the commands do."""
    token = _is_held.set(True)
    try:
        yield
    finally:
        _is_held.reset(token)


def deliver_signal(state: State) -> None:
    """Let the signal that stopped the training, now that all is saved, do what it would have done without it.

    SIGINT raises KeyboardInterrupt and SIGTERM ends the process, where the program has no handlers of its own.
    """
    if SIGNAL in state and not _is_held.get():
        signal.raise_signal(state[SIGNAL])


class PauseFile:
    """The file :data:`~elbowroom.runs.run.PAUSE_FILE` in a run directory, which pauses the training as Ctrl-C does.

    It is looked for at the first step and then once a second: a ``stat``, and between them a look at the clock.
    """

    def __init__(self, run: Run) -> None:
        self._path, self._next_check = run.path / PAUSE_FILE, 0.0

    def check(self, state: State) -> None:
        """Stop after this step if the file is there, and remove it; call the check of :func:`guard_training`."""
        if (now := time.monotonic()) < self._next_check or state[STOP] or not distributed.is_main_process():
            return
        self._next_check = now + _PAUSE_CHECK_INTERVAL_S
        _guard.get()()
        if self._is_asked():
            self._path.unlink(missing_ok=True)
            state[STOP] = "interrupted"
            if threading.current_thread() is threading.main_thread():
                # Where Ctrl-C is ignored, as in a shell's background, it would not end the program.
                is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
                state[SIGNAL] = signal.SIGTERM if is_ignored else signal.SIGINT

    def _is_asked(self) -> bool:
        return self._path.exists()


def sync_stop(state: State) -> None:
    """Stop all processes after the same step: a signal may reach one of them a step before another."""
    if distributed.world_size() > 1:
        reason = state[STOP]
        index = _STOP_REASONS.index(reason) if reason in _STOP_REASONS else len(_STOP_REASONS) - 1
        if agreed := distributed.all_reduce_max(index):
            state[STOP] = reason or _STOP_REASONS[agreed]
