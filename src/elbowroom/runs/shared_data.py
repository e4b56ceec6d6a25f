"""Data of runs, loaded once for all runs on the same data."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from elbowroom.data import Data
from elbowroom.runs.run import Run
from elbowroom.runs.settings import canonical_json

#: How long data that could not be loaded is not tried again.
RETRY_AFTER_S = 20.0


class SharedData:
    """Data of runs in memory; pass :meth:`load` to the views of the runs.

    Args:
        max_datasets: how many data sets stay in memory, of which the least recently used is dropped; None for all.
        source: what the runs were trained on, if that was given as a Python object; it is coded by each run's record.

    >>> import tempfile, elbowroom as er
    >>> data, out = er.load_data("digits"), tempfile.mkdtemp()
    >>> runs = [er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=1, out=f"{out}/{i}") for i in range(2)]
    >>> shared = SharedData()
    >>> shared.load(runs[0]) is shared.load(runs[1])
    True
    """

    def __init__(self, max_datasets: int | None = None, source: Any = None) -> None:
        self._max_datasets, self._source = max_datasets, source
        self._datasets: OrderedDict[str, Data] = OrderedDict()
        self._failures: dict[Path, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def load(self, run: Run) -> Data:
        """Return the data of a run.

        Raises:
            ValueError: it cannot be loaded.
        """
        recorded = run.record["data"]
        key = canonical_json([recorded.get(name) for name in ("source", "arguments", "fingerprint", "columns")])
        with self._lock:
            if key not in self._datasets:
                self._datasets[key] = self._load_or_fail(run)
            self._datasets.move_to_end(key)
            while self._max_datasets is not None and len(self._datasets) > self._max_datasets:
                self._datasets.popitem(last=False)
            return self._datasets[key]

    def _load_or_fail(self, run: Run) -> Data:
        failed_at, message = self._failures.get(run.path, (-math.inf, ""))
        if time.monotonic() - failed_at < RETRY_AFTER_S:
            raise ValueError(message)
        try:
            return run.measured_data(self._source)
        except (ValueError, OSError) as error:
            self._failures[run.path] = time.monotonic(), str(error)
            raise
