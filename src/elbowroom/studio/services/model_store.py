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
from elbowroom.networks import fuse_upsampling
from elbowroom.runs.run import Run
from elbowroom.studio.http.json import RequestError
from elbowroom.studio.services.batch_queue import BatchQueue
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel

if TYPE_CHECKING:
    from elbowroom.studio.services.run_index import RunIndex

#: Models and data sets that are in memory at a time, at most; seconds for which data that was not there is not
#: looked for again.
MAX_MODELS, MAX_DATASETS, RETRY_AFTER_S = 3, 2, 20.0
#: Pictures that are read at a time, at most.
MAX_UPLOADS = 8


class ModelStore:
    """The models in memory, and the threads that compute with them.

    Args:
        run_index: whose ``run`` gives the directory of a run's id, and refuses ids that are not of a run in it.
        max_models: how many are in memory, at most; the one not used for longest is put away.
        num_threads: of torch, for all together; a training may be running beside.

    Attributes:
        quick: the lane for what somebody waits for while dragging.
        slow: for what takes seconds: a split encoded, neighbours, scores.
        long: for what takes many: t-SNE.
    """

    def __init__(self, run_index: RunIndex, max_models: int = MAX_MODELS, num_threads: int | None = 1) -> None:
        self._run_index, self._max_models = run_index, max_models
        self._models: OrderedDict[Path, LoadedModel] = OrderedDict()
        self._datasets: OrderedDict[str, Data] = OrderedDict()
        self._data_errors: dict[str, tuple[float, str]] = {}
        self._models_lock, self._data_lock = threading.Lock(), threading.Lock()
        self._num_uploads = 0
        if num_threads is not None:
            torch.set_num_threads(num_threads)
        self.quick_queue, self.slow_queue, self.long_queue = BatchQueue("quick"), BatchQueue("slow"), BatchQueue("long")

    async def load(self, run: str) -> LoadedModel:
        """The model of a run, as its weights are now.

        Raises:
            ValueError: there is no such run, or no model in it.
        """
        return await asyncio.to_thread(self.load_blocking, run)

    def load_blocking(self, run: str) -> LoadedModel:
        """As :meth:`open`, in this thread."""
        path = self._run_index.run_path(run)
        with self._models_lock:
            version = _files_version(path)
            held = self._models.get(path)
            if held is None or held.version != version:
                self._models[path] = held = self._load_model(Run(path), version)
            self._models.move_to_end(path)
            while len(self._models) > self._max_models:
                self._models.popitem(last=False)
            return held

    async def submit(self, queue: BatchQueue, client: Hashable, work: Callable[..., Any], *rows: Tensor | None) -> Any:
        """What ``work(*rows)`` gives, in its turn."""
        return await asyncio.wrap_future(queue.submit(client, work, *rows))

    @contextlib.contextmanager
    def upload_slot(self) -> Iterator[None]:
        """While a picture of somebody's waits to be read and is read; so many at a time, which all are in memory."""
        if self._num_uploads >= MAX_UPLOADS:
            raise RequestError(f"{MAX_UPLOADS} pictures are being read already: send yours again in a while", 429)
        self._num_uploads += 1
        try:
            yield
        finally:
            self._num_uploads -= 1

    def close(self) -> None:
        """End the threads."""
        for lane in (self.quick_queue, self.slow_queue, self.long_queue):
            lane.close()

    def _load_model(self, run: Run, version: str) -> LoadedModel:
        record = run.record
        # To make a model draws its first weights, which are not to be drawn where somebody has seeded.
        with RNG_LOCK, torch.random.fork_rng(devices=[]):
            # One picture at a time on one thread, convolutions take two thirds of their time with channels last.
            model = run.model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fuse_upsampling(model)
        opened = LoadedModel(run, model, version, lambda: self._load_data(run, record["data"]))
        # What it is told has its names in the data, which is not to be read where others wait.
        _ = opened.condition_spec
        return opened

    def _load_data(self, run: Run, record: dict[str, Any]) -> Data:
        """The data of a run; shared by runs that were trained on the same."""
        key = json.dumps(record, sort_keys=True)
        with self._data_lock:
            if key in self._datasets:
                self._datasets.move_to_end(key)
                return self._datasets[key]
            when, why = self._data_errors.get(key, (0.0, ""))
            if why and time.monotonic() - when < RETRY_AFTER_S:
                raise ValueError(why)
            try:
                self._datasets[key] = data = run.data()
            except (ValueError, OSError) as error:
                self._data_errors[key] = time.monotonic(), str(error)
                raise
            self._data_errors.pop(key, None)
            while len(self._datasets) > MAX_DATASETS:
                self._datasets.popitem(last=False)
            return data


def _files_version(path: Path) -> str:
    """Changes when the record or the weights do."""
    parts = []
    for name in ("recipe.json", "model.safetensors"):
        with contextlib.suppress(OSError):
            now = (path / name).stat()
            parts.append(f"{now.st_mtime_ns:x}-{now.st_size:x}")
    return ".".join(parts)
