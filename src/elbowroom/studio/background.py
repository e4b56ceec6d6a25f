"""The studio beside a notebook: a server in a thread of its own, which ends with the program."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from elbowroom.display import Displayed
from elbowroom.studio.server import serve

#: Time that the server is given to come up.
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class StudioLink(Displayed):
    """Where a studio is, which a notebook shows as a link.

    Attributes:
        address: of the page.
        runs: the folder of runs.
    """

    address: str
    runs: Path

    def __str__(self) -> str:
        return self.address


_links: dict[Path, StudioLink] = {}


def open_studio(
    runs: str | os.PathLike[str] = "runs", host: str = "127.0.0.1", port: int = 7860, timeout_s: float = START_TIMEOUT_S
) -> StudioLink:
    """Serve the studio of a folder from this program, and return where it is; called again, the same one.

    The page watches and explores runs, those that train in this notebook too; it starts no trainings of its own, which
    ``elbowroom studio`` does.

    Args:
        runs: the folder of runs; ``runs`` is made if it is not there.
        host: the address to listen on; if other machines can reach it, the link has a token.
        port: the port; if it is taken, the next free one.
        timeout_s: how long to wait for it.

    Raises:
        ValueError: there is no such folder, or no port is free.
    """
    folder = Path(runs).resolve()
    if folder not in _links:
        if str(runs) == "runs":
            folder.mkdir(exist_ok=True)
        _links[folder] = StudioLink(_start(folder, host, port, timeout_s), folder)
    return _links[folder]


def _start(folder: Path, host: str, port: int, timeout_s: float) -> str:
    """Start the server in a thread, and return its address once it can be opened."""
    is_decided, addresses, failures = threading.Event(), list[str](), list[ValueError]()

    def announce(address: str) -> None:
        addresses.append(address)
        is_decided.set()

    def run() -> None:
        try:
            serve(folder, host, port, on_ready=announce)
        except ValueError as error:
            failures.append(error)
        finally:
            is_decided.set()

    threading.Thread(target=run, name="studio", daemon=True).start()
    is_decided.wait(timeout_s)
    if failures:
        raise failures[0]
    if not addresses:
        raise ValueError(f"the studio did not come up within {timeout_s:g} s: try 'elbowroom studio {folder}'")
    return addresses[0]
