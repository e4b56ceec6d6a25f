"""Lanes of work: one thread each, every client in its turn, what is alike done together."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from elbowroom.studio.http.json import RequestError

#: Rows that are computed together, at most; what a lane lets wait in all, and of one client.
MAX_BATCH_ROWS, MAX_QUEUED, MAX_QUEUED_PER_CLIENT = 256, 256, 32

Rows = tuple[Tensor | None, ...]


@dataclass
class _QueuedCall:
    """One piece of work: a function, and the rows it is to be given, if others' rows may be put beside them."""

    work: Callable[..., Any]
    rows: Rows
    future: Future[Any] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Here, so that rows that are none fail where they are asked for, and not in the lane.
        self.num_rows = len(self.rows[0]) if self.rows and self.rows[0] is not None else 0
        #: What is equal for work that may be done together.
        self.batch_key: Hashable = (
            self.work,
            *(None if row is None else (row.shape[1:], row.dtype) for row in self.rows),
        )


class BatchQueue:
    """A thread that works off what is asked of it.

    Clients take turns: who asks for much waits for itself. Requests with the same function and rows of the same shapes
    that wait while one is computed are put one below the other and computed together; a function that takes rows gives
    a tuple of as many rows back, each a function of its own row alone.

    Args:
        name: of the thread.
        max_queued: how much may wait.

    Raises:
        Refused: when asked for more.

    >>> lane = BatchQueue("example")
    >>> lane.submit("me", lambda x: (2 * x,), torch.tensor([[1.0], [2.0]])).result()
    (tensor([[2.],
            [4.]]),)
    >>> lane.close()
    """

    def __init__(self, name: str, max_queued: int = MAX_QUEUED) -> None:
        self.max_queued = max_queued
        self._queues: OrderedDict[Hashable, deque[_QueuedCall]] = OrderedDict()
        self._num_queued, self._is_open = 0, True
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"studio-{name}", daemon=True)
        self._thread.start()

    def submit(self, client: Hashable, work: Callable[..., Any], *rows: Tensor | None) -> Future[Any]:
        """What ``work(*rows)`` will give."""
        asked = _QueuedCall(work, rows)
        with self._condition:
            if not self._is_open:
                raise RequestError("the studio is stopping: start it again", 503)
            own = len(self._queues.get(client, ()))
            if self._num_queued >= self.max_queued or own >= MAX_QUEUED_PER_CLIENT:
                raise RequestError(
                    f"{max(own, self._num_queued)} requests are waiting already: ask again in a while", 429
                )
            self._queues.setdefault(client, deque()).append(asked)
            self._num_queued += 1
            self._condition.notify()
        return asked.future

    def close(self) -> None:
        """Let go of what waits, and end after the work under way."""
        with self._condition:
            self._is_open = False
            for queue in self._queues.values():
                for asked in queue:
                    asked.future.cancel()
            self._queues.clear()
            self._condition.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while together := self._next_batch():
            live = [asked for asked in together if asked.future.set_running_or_notify_cancel()]
            if len(live) > 1:
                _run_batch(live)
            elif live:
                _run_single(live[0])

    def _next_batch(self) -> list[_QueuedCall]:
        """The first of the client whose turn it is, and what is like it of everybody, one at a time."""
        with self._condition:
            while not self._queues and self._is_open:
                self._condition.wait()
            if not self._queues:
                return []
            found = [self._pop(next(iter(self._queues)))]
            count, looking = found[0].num_rows, found[0].num_rows > 0
            while looking:
                looking = False
                for client, queue in list(self._queues.items()):
                    if queue[0].batch_key == found[0].batch_key and count + queue[0].num_rows <= MAX_BATCH_ROWS:
                        found.append(self._pop(client))
                        count, looking = count + found[-1].num_rows, True
            return found

    def _pop(self, client: Hashable) -> _QueuedCall:
        """A client's first; the client goes to the end."""
        queue = self._queues[client]
        asked = queue.popleft()
        self._num_queued -= 1
        if queue:
            self._queues.move_to_end(client)
        else:
            del self._queues[client]
        return asked


def _run_single(call: _QueuedCall) -> None:
    try:
        call.future.set_result(call.work(*call.rows))
    except BaseException as error:
        call.future.set_exception(error)


def _run_batch(calls: list[_QueuedCall]) -> None:
    """One call for all; if it fails, each alone, so that nobody is refused for what another asked."""
    try:
        columns = zip(*(asked.rows for asked in calls), strict=True)
        made = calls[0].work(*(None if column[0] is None else torch.cat(column) for column in columns))
        parts = [None if part is None else part.split([asked.num_rows for asked in calls]) for part in made]
    except Exception:
        for asked in calls:
            _run_single(asked)
        return
    for place, asked in enumerate(calls):
        asked.future.set_result(tuple(None if part is None else part[place] for part in parts))
