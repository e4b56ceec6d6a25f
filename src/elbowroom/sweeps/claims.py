"""Claims on names in a shared folder: exclusive files with a heartbeat, for processes of several machines."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import NamedTuple

#: The folder of the claims, in the folder that is shared.
CLAIMS_FOLDER = ".claims"
#: Time between two signs of life of a process that holds a claim.
HEARTBEAT_S = 10.0
#: Heartbeats that have to be missing until a claim is stale, and another process may take it over.
MISSED_BEATS = 6
#: Time between two tries to take a claim that is held for an instant.
RETRY_S = 0.02
#: What stands between a name and the number of the claim on it.
_SEPARATOR = ".claim-"


class ClaimLostError(ValueError):
    """A claim that another process has taken over, since this one gave no sign of life for too long."""


class Holder(NamedTuple):
    """Who made a claim, and its last sign of life.

    Attributes:
        host: the machine.
        pid: the number of its process there.
        heartbeat_s: the time between two signs of life.
        seen_at: that of the last one, in seconds of the file system's clock; 0 if the claim was released.
    """

    host: str
    pid: int
    heartbeat_s: float
    seen_at: float

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid}"


class Claims:
    """The claims of the processes that share a folder.

    The n-th claim on a name is the file ``NAME.claim-n``, which the system creates for one process alone (``O_EXCL``);
    the claim with the largest number counts. Its holder touches it at every heartbeat and sets its time to 0 when it
    releases it, so that whoever takes a stale or released claim over creates the next number: a claim is never removed,
    and no two processes can take over the same one. Ages are measured by the clock of the file system, since those of
    machines differ. Nothing is locked by the system, as not every shared file system can.

    Args:
        folder: the shared folder.
        heartbeat_s: the time between two signs of life; a claim without one for six times as long is stale.

    Raises:
        ValueError: the folder cannot be written.

    >>> import tempfile
    >>> claims = Claims(tempfile.mkdtemp())
    >>> with claims.take("latent=2") as claim:
    ...     claims.take("latent=2") is None
    True
    >>> claims.find_holder("latent=2") is None
    True
    """

    def __init__(self, folder: str | Path, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.folder, self.heartbeat_s = Path(folder) / CLAIMS_FOLDER, heartbeat_s

    def count_takes(self, name: str) -> int:
        """Return how often a name was claimed."""
        number = 0
        while self._path(name, number + 1).exists():
            number += 1
        return number

    def find_holder(self, name: str) -> Holder | None:
        """Return who holds a name; None if nobody does."""
        holder = self._read(self._path(name, self.count_takes(name)))
        return None if holder is None or self._is_stale(holder) else holder

    def find_holders(self) -> dict[str, Holder]:
        """Return who holds a name, by name."""
        names = {file.name.rpartition(_SEPARATOR)[0] for file in self.folder.glob(f"*{_SEPARATOR}1")}
        return {name: holder for name in sorted(names) if (holder := self.find_holder(name)) is not None}

    def take(self, name: str) -> HeldClaim | None:
        """Claim a name; None if another process holds it, or takes it at this moment."""
        number = self.count_takes(name)
        before = self._read(self._path(name, number))
        if before is not None and not self._is_stale(before):
            return None
        claim = HeldClaim(self._path(name, number + 1), self._path(name, number + 2), self.heartbeat_s)
        if not self._create(claim.path):
            return None
        # A process that only slept may have woken up in between: it finds that it has lost its claim, and stops.
        if before is not None and self._read(self._path(name, number)) != before:
            claim.release()
            return None
        return claim

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold a name for an instant, once nobody else does."""
        while (claim := self.take(name)) is None:
            time.sleep(RETRY_S)
        with claim:
            yield

    def _path(self, name: str, number: int) -> Path:
        return self.folder / f"{name}{_SEPARATOR}{number}"

    def _create(self, path: Path) -> bool:
        """Create the file of a claim; whether this process did, and not another."""
        about = {"host": socket.gethostname(), "pid": os.getpid(), "heartbeat_s": self.heartbeat_s}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except (FileExistsError, NotADirectoryError):
            if self.folder.is_dir():
                return False
            raise ValueError(f"cannot write {self.folder} (there is a file in its way): give another --out") from None
        except OSError as error:
            raise ValueError(f"cannot write {path} ({error.strerror or error}): give another --out") from None
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(json.dumps(about))
        return True

    def _read(self, path: Path) -> Holder | None:
        """Read a claim; None if there is none."""
        try:
            # Opened and not only looked at, for a client of a network file system asks the server then.
            with path.open(encoding="utf-8") as file:
                seen_at, text = os.fstat(file.fileno()).st_mtime, file.read()
        except OSError:
            return None
        with contextlib.suppress(ValueError, KeyError, TypeError):
            about = json.loads(text)
            return Holder(str(about["host"]), int(about["pid"]), float(about["heartbeat_s"]), seen_at)
        return Holder("a machine", 0, self.heartbeat_s, seen_at)  # created, and not yet written

    def _is_stale(self, holder: Holder) -> bool:
        if not holder.seen_at:
            return True
        with TemporaryFile(dir=self.folder) as file:
            return os.fstat(file.fileno()).st_mtime - holder.seen_at > MISSED_BEATS * holder.heartbeat_s


class HeldClaim:
    """A claim that this process holds; within a ``with`` it is kept alive, after it released.

    Args:
        path: its file.
        successor: the file of the claim that takes it over.
        heartbeat_s: the time between two signs of life.
    """

    def __init__(self, path: Path, successor: Path, heartbeat_s: float) -> None:
        self.path, self._successor, self._heartbeat_s = path, successor, heartbeat_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name=f"heartbeat of {path.name}", daemon=True)
        self._last_beat_at = time.time()

    def check(self) -> None:
        """Make sure that this process still holds the claim.

        Raises:
            ClaimLostError: another process has taken it over.
        """
        # After a sleep of the machine the thread may not have run yet.
        if time.time() - self._last_beat_at > MISSED_BEATS * self._heartbeat_s / 2:
            self._beat()
        if self._successor.exists():
            name, _, _ = self.path.name.rpartition(_SEPARATOR)
            raise ClaimLostError(f"another process has taken {name} over, since this one gave no sign of life")

    def release(self) -> None:
        """Let others take the name at once."""
        with contextlib.suppress(OSError):
            os.utime(self.path, (0, 0))

    def _keep_alive(self) -> None:
        while not self._is_over.wait(self._heartbeat_s):
            self._beat()

    def _beat(self) -> None:
        # A server that cannot be reached for a while is tried again at the next heartbeat.
        with contextlib.suppress(OSError):
            os.utime(self.path)
            self._last_beat_at = time.time()

    def __enter__(self) -> HeldClaim:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self.release()
