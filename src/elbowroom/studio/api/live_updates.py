"""What is new of the runs, told to every open page within a second."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from elbowroom.studio.http.json import check_fields, parse_json, to_json
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.studio.services.run_summary import RunUpdate, file_url, image_file

LOG = logging.getLogger("elbowroom.studio")
#: Seconds between two looks at the folder; seconds a page may take to accept what it is sent.
POLL_INTERVAL_S, SEND_TIMEOUT_S = 0.25, 10.0
#: Pages that may listen at once, runs that each may watch, rows of a run that wait for a page.
MAX_PAGES, MAX_WATCHED_RUNS, MAX_PENDING_ROWS = 64, 50, 1000


class PageSubscription:
    """What one page has still to be told: of each run the newest, and of those it watches the rows."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.watched_runs: frozenset[str] = frozenset()
        self._loop, self._update_event, self._lock = loop, asyncio.Event(), threading.Lock()
        self._runs: dict[str, dict[str, Any] | None] = {}
        self._rows: dict[str, list[Any] | None] = {}
        self._image_epochs: dict[tuple[str, str], int] = {}

    def push(self, run: str, summary: dict[str, Any] | None, update: RunUpdate | None) -> None:
        """Take down what is new of a run; called from the thread that looks."""
        with self._lock:
            self._runs[run] = summary
            if update is not None and run in self.watched_runs:
                self._add_rows(run, update)
                self._image_epochs |= {(run, kind): epoch for kind, epoch in update.image_epochs.items()}
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._update_event.set)

    def _add_rows(self, run: str, update: RunUpdate) -> None:
        """Rows wait in a list that is bounded: a page that is too slow for it begins anew, which is None here."""
        waiting = self._rows.get(run, [])
        if update.is_reset or waiting is None or len(waiting) + len(update.rows) > MAX_PENDING_ROWS:
            self._rows[run] = None
        else:
            self._rows[run] = [*waiting, *update.rows]

    async def next_messages(self) -> list[str]:
        """Wait for something new; returns the messages."""
        await self._update_event.wait()
        self._update_event.clear()
        with self._lock:
            runs, rows, pictures = self._runs, self._rows, self._image_epochs
            self._runs, self._rows, self._image_epochs = {}, {}, {}
        said: list[dict[str, Any]] = []
        for run, summary in runs.items():
            said.append({"type": "gone", "run": run} if summary is None else {"type": "run", "run": summary})
        for run, lines in rows.items():
            if lines is None:
                said.append({"type": "reset", "run": run})
            elif lines:
                said.append({"type": "rows", "run": run, "rows": lines})
        for (run, kind), epoch in pictures.items():
            where = file_url(run, image_file(kind, epoch))
            said.append({"type": "picture", "run": run, "kind": kind, "epoch": epoch, "url": where})
        return [to_json(one) for one in said]


class LiveUpdates:
    """One look at the folder, four times a second while any page is open, for all of them.

    Args:
        run_index: what is looked at.
    """

    def __init__(self, run_index: RunIndex) -> None:
        self._run_index, self._subscriptions = run_index, set[PageSubscription]()
        self._has_pages = asyncio.Event()
        run_index.add_listener(self._notify)

    @asynccontextmanager
    async def poll_in_background(self) -> AsyncIterator[None]:
        """Look, as long as this lasts."""
        looking = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _poll(self) -> None:
        while True:
            await self._has_pages.wait()
            try:
                await run_in_threadpool(self._run_index.refresh)
            except Exception:
                LOG.exception("cannot look at %s", self._run_index.path)
                await asyncio.sleep(5)
            await asyncio.sleep(POLL_INTERVAL_S)

    def _notify(self, run: str, summary: dict[str, Any] | None, update: RunUpdate | None) -> None:
        for page in list(self._subscriptions):
            page.push(run, summary, update)

    async def serve(self, socket: WebSocket) -> None:
        """Speak with one page until it goes, or does not listen."""
        if len(self._subscriptions) >= MAX_PAGES:
            return await socket.close(1013, "too many pages are open: close some")
        await socket.accept()
        page = PageSubscription(asyncio.get_running_loop())
        self._subscriptions.add(page)
        self._has_pages.set()
        try:
            async with anyio.create_task_group() as both:
                for work in (_receive_watches, _send_updates):
                    both.start_soon(_run_then, both.cancel_scope.cancel, work, socket, page)
        finally:
            self._subscriptions.discard(page)
            if not self._subscriptions:
                self._has_pages.clear()
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()


async def _run_then(callback: Callable[[], None], work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    await work(*arguments)
    callback()


async def _receive_watches(socket: WebSocket, subscription: PageSubscription) -> None:
    """Which runs the page watches from now on."""
    with suppress(WebSocketDisconnect, KeyError, RuntimeError):
        while True:
            try:
                wanted = check_fields(parse_json(await socket.receive_text()), {"watch": list})["watch"]
                if len(wanted) > MAX_WATCHED_RUNS or not all(isinstance(run, str) for run in wanted):
                    raise ValueError(f"watch at most {MAX_WATCHED_RUNS} runs, each by its name")
                subscription.watched_runs = frozenset(wanted)
            except ValueError as error:
                await socket.send_text(to_json({"type": "error", "error": str(error)}))


async def _send_updates(socket: WebSocket, subscription: PageSubscription) -> None:
    with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
        while True:
            for message in await subscription.next_messages():
                with anyio.fail_after(SEND_TIMEOUT_S):
                    await socket.send_text(message)


async def handle_live_socket(socket: WebSocket) -> None:
    """The WebSocket of a page."""
    await socket.app.state.studio.live.serve(socket)


ROUTES: list[BaseRoute] = [WebSocketRoute("/ws/live", handle_live_socket)]
