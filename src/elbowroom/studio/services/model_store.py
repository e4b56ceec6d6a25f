"""Least-recently-used cache of loaded models and their data, reloaded when the weights change on disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elbowroom.networks import fuse_upsampling
from elbowroom.runs.run import Run
from elbowroom.runs.shared_data import SharedData
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.batch_queue import BatchQueue
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel

if TYPE_CHECKING:
    from elbowroom.data import Data
    from elbowroom.studio.services.run_index import RunIndex

#: Models in memory.
MAX_MODELS = 3
#: Data sets in memory.
MAX_DATASETS = 2
#: Uploaded images that are read at a time, all of them in memory.
MAX_UPLOADS = 8


class ModelStore:
    """The models in memory, and the queues whose threads compute with them.

    Args:
        run_index: the index of the runs folder.
        max_models: how many models stay in memory; the least recently used one is dropped.
        num_threads: torch's threads, for all queues together, as trainings may be running too; None leaves them alone.

    Attributes:
        quick_queue: for results that follow a drag.
        slow_queue: for work of seconds: encoding a split, nearest neighbours, scores.
        long_queue: for work of many seconds: t-SNE.
    """

    def __init__(self, run_index: RunIndex, max_models: int = MAX_MODELS, num_threads: int | None = 1) -> None:
        self._run_index, self._max_models = run_index, max_models
        self._models: OrderedDict[Path, LoadedModel] = OrderedDict()
        self._models_lock, self._data = threading.Lock(), SharedData(MAX_DATASETS)
        self._num_uploads = 0
        if num_threads is not None:
            torch.set_num_threads(num_threads)
        self.quick_queue, self.slow_queue, self.long_queue = BatchQueue("quick"), BatchQueue("slow"), BatchQueue("long")

    async def load(self, run: str) -> LoadedModel:
        """Return the model of a run with its present weights.

        Raises:
            ValueError: there is no such run, or no model in it.
        """
        return await asyncio.to_thread(self.load_blocking, run)

    def load_blocking(self, run: str) -> LoadedModel:
        """Return the same as :meth:`load`, in this thread."""
        path = self._run_index.run_path(run)
        with self._models_lock:
            version = _files_version(path)
            loaded = self._models.get(path)
            if loaded is None or loaded.version != version:
                self._models[path] = loaded = self._load_model(Run(path), version)
            self._models.move_to_end(path)
            while len(self._models) > self._max_models:
                self._models.popitem(last=False)
            return loaded

    def load_data(self, run: Run) -> Data:
        """Return the data of a run, which all models on it share.

        Raises:
            ValueError: it cannot be loaded.
        """
        return self._data.load(run)

    async def submit(self, queue: BatchQueue, client: Hashable, work: Callable[..., Any], *rows: Tensor | None) -> Any:
        """Return ``work(*rows)``, run in a queue when it is the client's turn."""
        return await asyncio.wrap_future(queue.submit(client, work, *rows))

    @contextlib.contextmanager
    def upload_slot(self) -> Iterator[None]:
        """Hold one of the :data:`MAX_UPLOADS` slots while an uploaded image is read."""
        if self._num_uploads >= MAX_UPLOADS:
            raise RequestError(f"{MAX_UPLOADS} images are being read already: send yours again in a while", 429)
        self._num_uploads += 1
        try:
            yield
        finally:
            self._num_uploads -= 1

    def close(self) -> None:
        """Stop the threads of all queues."""
        for queue in (self.quick_queue, self.slow_queue, self.long_queue):
            queue.close()

    def _load_model(self, run: Run, version: str) -> LoadedModel:
        # Building a model draws its initial weights, which must not disturb a seeded generator.
        with RNG_LOCK:
            # For one image on one thread, convolutions take two thirds of their time with channels last.
            model = run.model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fuse_upsampling(model)
        loaded = LoadedModel(run, model, version, self._data.load)
        # The condition's names come from the data, which is loaded here and not in a queue where others wait.
        _ = loaded.condition_spec
        return loaded


def _files_version(path: Path) -> str:
    """Return a text that changes when the record or the weights do."""
    parts = []
    for name in ("recipe.json", "model.safetensors"):
        with contextlib.suppress(OSError):
            stat = (path / name).stat()
            parts.append(f"{stat.st_mtime_ns:x}-{stat.st_size:x}")
    return ".".join(parts)
