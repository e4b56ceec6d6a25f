"""Print the files that a source of data passes through on its way to a ``Data``: for an array, a folder and a CSV.

    python tools/source_path.py

Every call inside the package is watched while ``load_data`` runs once more (the first run does the imports). A file
*is given the source* if one of its functions has it as an argument: its path or a path inside it, an array of values,
or the splits made of them, alone or in a list, a dictionary or an object's attributes. What an object knows of itself
(``self``) is not given to it. A file *hands it on* if such a function calls one of another file that is given it too,
other than the wrapper that puts errors of reading into words; the rest are leaves, which do their work and return.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

import elbowroom
from elbowroom.data import load_data

PACKAGE = Path(elbowroom.__file__).parent
MAX_DEPTH = 3
#: The module that puts errors of reading into words, today and in version 0.1.
ERROR_WRAPPERS = ("data/file_io.py", "data/reading.py")


def holds_source(value: Any, source: Any, depth: int = MAX_DEPTH) -> bool:
    """Return whether a value is the source, a file of it or a split made of it, or has one inside."""
    if value is source or isinstance(value, np.ndarray | Tensor) or hasattr(type(value), "batches"):
        return True
    if isinstance(value, str | Path):
        text = str(value)
        return isinstance(source, Path) and (text == str(source) or text.startswith(f"{source}/"))
    if not depth:
        return False
    if isinstance(value, dict):
        inner: list[Any] = list(value.values())
    elif isinstance(value, list | tuple):
        inner = list(value)
    elif type(value).__module__.startswith("elbowroom"):
        inner = list(vars(value).values()) if hasattr(value, "__dict__") else []
    else:
        return False
    return any(holds_source(one, source, depth - 1) for one in inner[:50])


class Trace:
    """The files of the package that run, those that are given the source, and who hands it to whom."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.ran: dict[str, None] = {}
        self.received: dict[str, None] = {}
        self.handed_on: dict[tuple[str, str], None] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and (file := package_file(frame)):
            self.ran[file] = None
            if self.has_source(frame):
                self.received[file] = None
                caller = frame.f_back
                while caller is not None and not package_file(caller):
                    caller = caller.f_back
                if caller is not None and package_file(caller) != file and file not in ERROR_WRAPPERS:
                    self.handed_on[package_file(caller), file] = None

    @property
    def senders(self) -> list[str]:
        """The files that hand the source on, in the order in which they are given it."""
        return [file for file in self.received if any(sender == file for sender, _ in self.handed_on)]

    def has_source(self, frame: FrameType) -> bool:
        """Return whether one of the arguments of a call holds the source."""
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return any(holds_source(frame.f_locals.get(name), self.source) for name in names if name != "self")

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch the calls of this thread and of those started inside the block."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]


def package_file(frame: FrameType) -> str:
    """Return the file of a call within the package, and nothing for one outside it."""
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else ""


def trace_load(source: Any) -> Trace:
    """Return what happened on loading a source, the second time."""
    load_data(source)
    trace = Trace(source)
    with trace.watch():
        load_data(source)
    return trace


def write_sources(folder: Path) -> dict[str, Any]:
    """Write a folder of 20 images and a table of 20 rows, and return them by kind beside an array."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    images = folder / "images"
    images.mkdir()
    for row, image in enumerate(pixels):
        Image.fromarray(image).save(images / f"{row:02}.png")
    with open(folder / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *((row % 9, row % 7 + 0.5) for row in range(20))])
    return {"array": pixels, "folder": images, "csv": folder / "table.csv"}


def main() -> None:
    """Print the files for each kind of source."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, source in write_sources(Path(folder).resolve()).items():
            trace = trace_load(source)
            senders = trace.senders
            print(
                f"{kind}: {len(trace.ran)} files run, {len(trace.received)} given the source, {len(senders)} hand it on"
            )
            print("  hand on: " + ", ".join(senders))
            print("  leaves:  " + ", ".join(file for file in trace.received if file not in senders))
            print("  others:  " + ", ".join(file for file in trace.ran if file not in trace.received))


if __name__ == "__main__":
    main()
