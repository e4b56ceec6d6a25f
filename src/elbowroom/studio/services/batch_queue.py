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

from elbowroom.studio.http.json import Refused

#: Rows that are computed together, at most; what a lane lets wait in all, and of one client.
ROWS, WAITING, OF_ONE = 256, 256, 32

Rows = tuple[Tensor | None, ...]


@dataclass
class _Asked:
    """One piece of work: a function, and the rows it is to be given, if others' rows may be put beside them."""

    work: Callable[..., Any]
    rows: Rows
    answer: Future[Any] = field(default_factory=Future)

    def __post_init__(self) -> None:
        # Here, so that rows that are none fail where they are asked for, and not in the lane.
        self.count = len(self.rows[0]) if self.rows and self.rows[0] is not None else 0
        #: What is equal for work that may be done together.
        self.alike: Hashable = (self.work, *(None if row is None else (row.shape[1:], row.dtype) for row in self.rows))


class Lane:
    """A thread that works off what is asked of it.

    Clients take turns: who asks for much waits for itself. Requests with the same function and rows of the same shapes
    that wait while one is computed are put one below the other and computed together; a function that takes rows gives
    a tuple of as many rows back, each a function of its own row alone.

    Args:
        name: of the thread.
        waiting: how much may wait.

    Raises:
        Refused: when asked for more.

    >>> lane = Lane("example")
    >>> lane.ask("me", lambda x: (2 * x,), torch.tensor([[1.0], [2.0]])).result()
    (tensor([[2.],
            [4.]]),)
    >>> lane.close()
    """

    def __init__(self, name: str, waiting: int = WAITING) -> None:
        self.most = waiting
        self._waiting: OrderedDict[Hashable, deque[_Asked]] = OrderedDict()
        self._count, self._open = 0, True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._go_on, name=f"studio-{name}", daemon=True)
        self._thread.start()

    def ask(self, client: Hashable, work: Callable[..., Any], *rows: Tensor | None) -> Future[Any]:
        """What ``work(*rows)`` will give."""
        asked = _Asked(work, rows)
        with self._changed:
            if not self._open:
                raise Refused("the studio is stopping: start it again", 503)
            own = len(self._waiting.get(client, ()))
            if self._count >= self.most or own >= OF_ONE:
                raise Refused(f"{max(own, self._count)} requests are waiting already: ask again in a while", 429)
            self._waiting.setdefault(client, deque()).append(asked)
            self._count += 1
            self._changed.notify()
        return asked.answer

    def close(self) -> None:
        """Let go of what waits, and end after the work under way."""
        with self._changed:
            self._open = False
            for queue in self._waiting.values():
                for asked in queue:
                    asked.answer.cancel()
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(timeout=5)

    def _go_on(self) -> None:
        while together := self._next():
            live = [asked for asked in together if asked.answer.set_running_or_notify_cancel()]
            if len(live) > 1:
                _together(live)
            elif live:
                _alone(live[0])

    def _next(self) -> list[_Asked]:
        """The first of the client whose turn it is, and what is like it of everybody, one at a time."""
        with self._changed:
            while not self._waiting and self._open:
                self._changed.wait()
            if not self._waiting:
                return []
            found = [self._take(next(iter(self._waiting)))]
            count, looking = found[0].count, found[0].count > 0
            while looking:
                looking = False
                for client, queue in list(self._waiting.items()):
                    if queue[0].alike == found[0].alike and count + queue[0].count <= ROWS:
                        found.append(self._take(client))
                        count, looking = count + found[-1].count, True
            return found

    def _take(self, client: Hashable) -> _Asked:
        """A client's first; the client goes to the end."""
        queue = self._waiting[client]
        asked = queue.popleft()
        self._count -= 1
        if queue:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return asked


def _alone(asked: _Asked) -> None:
    try:
        asked.answer.set_result(asked.work(*asked.rows))
    except BaseException as error:
        asked.answer.set_exception(error)


def _together(several: list[_Asked]) -> None:
    """One call for all; if it fails, each alone, so that nobody is refused for what another asked."""
    try:
        columns = zip(*(asked.rows for asked in several), strict=True)
        made = several[0].work(*(None if column[0] is None else torch.cat(column) for column in columns))
        parts = [None if part is None else part.split([asked.count for asked in several]) for part in made]
    except Exception:
        for asked in several:
            _alone(asked)
        return
    for place, asked in enumerate(several):
        asked.answer.set_result(tuple(None if part is None else part[place] for part in parts))
