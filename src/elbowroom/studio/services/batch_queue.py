"""Work queue with one thread, round-robin over clients and dynamic batching of equal requests."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from elbowroom.studio.errors import RequestError

#: Rows of one batch.
MAX_BATCH_ROWS = 256
#: Requests that may wait in a queue.
MAX_QUEUED = 256
#: Requests of one client that may wait in a queue.
MAX_QUEUED_PER_CLIENT = 32
#: How long closing a queue waits for the work that is running.
CLOSE_TIMEOUT_S = 5

Rows = tuple[Tensor | None, ...]


@dataclass
class _QueuedCall:
    """A function with its rows, which may be batched with others' rows, and the future of its result."""

    work: Callable[..., Any]
    rows: Rows
    future: Future[Any] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Computed here, so that wrong rows fail in the caller's thread and not in the queue's.
        self.num_rows = len(self.rows[0]) if self.rows and self.rows[0] is not None else 0
        #: Equal for calls that may be batched.
        self.batch_key: Hashable = (
            self.work,
            *(None if row is None else (row.shape[1:], row.dtype) for row in self.rows),
        )


class BatchQueue:
    """A thread that runs functions in turn for several clients.

    Clients take turns, so one with many requests delays only itself. Waiting requests with the same function and rows
    of the same shapes are concatenated and computed as one batch; a function of rows must return a tuple of tensors
    with as many rows, each row depending on its own input row alone.

    Args:
        name: name of the thread.
        max_queued: how many requests may wait.

    >>> queue = BatchQueue("example")
    >>> queue.submit("me", lambda x: (2 * x,), torch.tensor([[1.0], [2.0]])).result()
    (tensor([[2.],
            [4.]]),)
    >>> queue.close()
    """

    def __init__(self, name: str, max_queued: int = MAX_QUEUED) -> None:
        self.max_queued = max_queued
        self._queues: OrderedDict[Hashable, deque[_QueuedCall]] = OrderedDict()
        self._num_queued, self._is_open = 0, True
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"studio-{name}", daemon=True)
        self._thread.start()

    def submit(self, client: Hashable, work: Callable[..., Any], *rows: Tensor | None) -> Future[Any]:
        """Queue ``work(*rows)``; returns the future of its result.

        Raises:
            RequestError: too many requests are waiting, or the queue is closed.
        """
        call = _QueuedCall(work, rows)
        with self._condition:
            if not self._is_open:
                raise RequestError("the studio is stopping: start it again", 503)
            num_own = len(self._queues.get(client, ()))
            if self._num_queued >= self.max_queued or num_own >= MAX_QUEUED_PER_CLIENT:
                num_waiting = max(num_own, self._num_queued)
                raise RequestError(f"{num_waiting} requests are waiting already: ask again in a while", 429)
            self._queues.setdefault(client, deque()).append(call)
            self._num_queued += 1
            self._condition.notify()
        return call.future

    def close(self) -> None:
        """Cancel the waiting requests, and stop the thread after the work that is running."""
        with self._condition:
            self._is_open = False
            for queue in self._queues.values():
                for call in queue:
                    call.future.cancel()
            self._queues.clear()
            self._condition.notify()
        self._thread.join(timeout=CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while batch := self._next_batch():
            calls = [call for call in batch if call.future.set_running_or_notify_cancel()]
            if len(calls) > 1:
                _run_batch(calls)
            elif calls:
                _run_single(calls[0])

    def _next_batch(self) -> list[_QueuedCall]:
        """Wait for the first call of the client whose turn it is, and add equal ones of all clients in turn."""
        with self._condition:
            while not self._queues and self._is_open:
                self._condition.wait()
            if not self._queues:
                return []
            batch = [self._pop(next(iter(self._queues)))]
            num_rows, has_grown = batch[0].num_rows, batch[0].num_rows > 0
            while has_grown:
                has_grown = False
                for client, queue in list(self._queues.items()):
                    if queue[0].batch_key == batch[0].batch_key and num_rows + queue[0].num_rows <= MAX_BATCH_ROWS:
                        batch.append(self._pop(client))
                        num_rows, has_grown = num_rows + batch[-1].num_rows, True
            return batch

    def _pop(self, client: Hashable) -> _QueuedCall:
        """Take a client's first call, and move the client to the end of the turn."""
        queue = self._queues[client]
        call = queue.popleft()
        self._num_queued -= 1
        if queue:
            self._queues.move_to_end(client)
        else:
            del self._queues[client]
        return call


def _run_single(call: _QueuedCall) -> None:
    try:
        call.future.set_result(call.work(*call.rows))
    except BaseException as error:
        call.future.set_exception(error)


def _run_batch(calls: list[_QueuedCall]) -> None:
    """Run several calls as one; if that fails, each alone, so that only the caller at fault gets the error."""
    try:
        columns = zip(*(call.rows for call in calls), strict=True)
        outputs = calls[0].work(*(None if column[0] is None else torch.cat(column) for column in columns))
        parts = [None if output is None else output.split([call.num_rows for call in calls]) for output in outputs]
    except Exception:
        for call in calls:
            _run_single(call)
        return
    for i, call in enumerate(calls):
        call.future.set_result(tuple(None if part is None else part[i] for part in parts))
