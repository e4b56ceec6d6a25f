"""The models on the desk: read when first asked for, again when their weights change, put away when others are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elbowroom.data import Data
from elbowroom.networks import settle
from elbowroom.runs.run import Run
from elbowroom.studio.http.json import Refused
from elbowroom.studio.services.batch_queue import Lane
from elbowroom.studio.services.loaded_model import SEEDING, Opened

if TYPE_CHECKING:
    from elbowroom.studio.services.run_index import Folder

#: Models and data sets that are in memory at a time, at most; seconds for which data that was not there is not
#: looked for again.
MODELS, SETS, AGAIN = 3, 2, 20.0
#: Pictures that are read at a time, at most.
UPLOADS = 8


class Desk:
    """The models in memory, and the threads that compute with them.

    Args:
        folder: whose ``run`` gives the directory of a run's id, and refuses ids that are not of a run in it.
        models: how many are in memory, at most; the one not used for longest is put away.
        threads: of torch, for all together; a training may be running beside.

    Attributes:
        quick: the lane for what somebody waits for while dragging.
        slow: for what takes seconds: a split encoded, neighbours, scores.
        long: for what takes many: t-SNE.
    """

    def __init__(self, folder: Folder, models: int = MODELS, threads: int | None = 1) -> None:
        self._folder, self._most = folder, models
        self._models: OrderedDict[Path, Opened] = OrderedDict()
        self._sets: OrderedDict[str, Data] = OrderedDict()
        self._missing: dict[str, tuple[float, str]] = {}
        self._reading, self._loading = threading.Lock(), threading.Lock()
        self._uploads = 0
        if threads is not None:
            torch.set_num_threads(threads)
        self.quick, self.slow, self.long = Lane("quick"), Lane("slow"), Lane("long")

    async def open(self, run: str) -> Opened:
        """The model of a run, as its weights are now.

        Raises:
            ValueError: there is no such run, or no model in it.
        """
        return await asyncio.to_thread(self.opened, run)

    def opened(self, run: str) -> Opened:
        """As :meth:`open`, in this thread."""
        path = self._folder.run(run)
        with self._reading:
            version = _version(path)
            held = self._models.get(path)
            if held is None or held.version != version:
                self._models[path] = held = self._read(Run(path), version)
            self._models.move_to_end(path)
            while len(self._models) > self._most:
                self._models.popitem(last=False)
            return held

    async def do(self, lane: Lane, client: Hashable, work: Callable[..., Any], *rows: Tensor | None) -> Any:
        """What ``work(*rows)`` gives, in its turn."""
        return await asyncio.wrap_future(lane.ask(client, work, *rows))

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """While a picture of somebody's waits to be read and is read; so many at a time, which all are in memory."""
        if self._uploads >= UPLOADS:
            raise Refused(f"{UPLOADS} pictures are being read already: send yours again in a while", 429)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def close(self) -> None:
        """End the threads."""
        for lane in (self.quick, self.slow, self.long):
            lane.close()

    def _read(self, run: Run, version: str) -> Opened:
        record = run.record
        # To make a model draws its first weights, which are not to be drawn where somebody has seeded.
        with SEEDING, torch.random.fork_rng(devices=[]):
            # One picture at a time on one thread, convolutions take two thirds of their time with channels last.
            model = run.model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        settle(model)
        opened = Opened(run, model, version, lambda: self._data(run, record["data"]))
        # What it is told has its names in the data, which is not to be read where others wait.
        _ = opened.given
        return opened

    def _data(self, run: Run, record: dict[str, Any]) -> Data:
        """The data of a run; shared by runs that were trained on the same."""
        key = json.dumps(record, sort_keys=True)
        with self._loading:
            if key in self._sets:
                self._sets.move_to_end(key)
                return self._sets[key]
            when, why = self._missing.get(key, (0.0, ""))
            if why and time.monotonic() - when < AGAIN:
                raise ValueError(why)
            try:
                self._sets[key] = data = run.data()
            except (ValueError, OSError) as error:
                self._missing[key] = time.monotonic(), str(error)
                raise
            self._missing.pop(key, None)
            while len(self._sets) > SETS:
                self._sets.popitem(last=False)
            return data


def _version(path: Path) -> str:
    """Changes when the record or the weights do."""
    parts = []
    for name in ("recipe.json", "model.safetensors"):
        with contextlib.suppress(OSError):
            now = (path / name).stat()
            parts.append(f"{now.st_mtime_ns:x}-{now.st_size:x}")
    return ".".join(parts)
