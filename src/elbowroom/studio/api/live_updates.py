"""WebSocket that tells every open page what has changed in the runs, within a second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import anyio
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from elbowroom.studio.api.endpoint import websocket
from elbowroom.studio.errors import LOG
from elbowroom.studio.http.json import RequestFields, convert_fields, parse_json, to_json
from elbowroom.studio.services.run_images import file_url, grid_url, image_file
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.studio.services.run_summary import RunUpdate

#: Time between two looks at the runs folder.
POLL_INTERVAL_S = 0.25
#: Pause after a look at the runs folder that failed.
RETRY_AFTER_S = 5.0
#: How long a page may take to accept a message.
SEND_TIMEOUT_S = 10.0
#: Pages that may be connected at once.
MAX_PAGES = 64
#: Runs that one page may watch.
MAX_WATCHED_RUNS = 50
#: Rows of one run that may wait for a page.
MAX_PENDING_ROWS = 1000


class WatchMessage(RequestFields):
    """The runs, by name, whose rows a page wants."""

    watch: Annotated[list[str], Meta(max_length=MAX_WATCHED_RUNS)]


class PageSubscription:
    """The updates that wait for one page: the newest summary of each run, and new rows of the runs it watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.watched_runs: frozenset[str] = frozenset()
        self._loop, self._update_event, self._lock = loop, asyncio.Event(), threading.Lock()
        self._runs: dict[str, dict[str, Any] | None] = {}
        self._rows: dict[str, list[Any] | None] = {}
        self._image_epochs: dict[tuple[str, str], int] = {}

    def push(self, run: str, summary: dict[str, Any] | None, update: RunUpdate | None) -> None:
        """Add an update of a run; called from the polling thread."""
        with self._lock:
            self._runs[run] = summary
            if update is not None and run in self.watched_runs:
                self._add_rows(run, update)
                self._image_epochs |= {(run, kind): epoch for kind, epoch in update.image_epochs.items()}
        with suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._update_event.set)

    def _add_rows(self, run: str, update: RunUpdate) -> None:
        """Add rows to the bounded list; None stands for too many, and makes the page reload the run's curves."""
        pending = self._rows.get(run, [])
        if update.is_reset or pending is None or len(pending) + len(update.rows) > MAX_PENDING_ROWS:
            self._rows[run] = None
        else:
            self._rows[run] = [*pending, *update.rows]

    async def next_messages(self) -> list[str]:
        """Wait for updates and return them as JSON messages."""
        await self._update_event.wait()
        self._update_event.clear()
        with self._lock:
            summaries, rows_by_run, image_epochs = self._runs, self._rows, self._image_epochs
            self._runs, self._rows, self._image_epochs = {}, {}, {}
        messages: list[dict[str, Any]] = []
        for run, summary in summaries.items():
            messages.append({"type": "gone", "run": run} if summary is None else {"type": "run", "run": summary})
        for run, rows in rows_by_run.items():
            if rows is None:
                messages.append({"type": "reset", "run": run})
            elif rows:
                messages.append({"type": "rows", "run": run, "rows": rows})
        for (run, kind), epoch in image_epochs.items():
            url = file_url(run, image_file(kind, epoch))
            urls = {"url": url, "grid": grid_url(run, kind, epoch)}
            messages.append({"type": "picture", "run": run, "kind": kind, "epoch": epoch} | urls)
        return [to_json(message) for message in messages]


class LiveUpdates:
    """Polls the runs folder four times a second while any page is open, and pushes the changes to all pages.

    Args:
        run_index: the index of the runs folder.
    """

    def __init__(self, run_index: RunIndex) -> None:
        self._run_index, self._subscriptions = run_index, set[PageSubscription]()
        self._has_pages = asyncio.Event()
        run_index.add_listener(self._notify)

    @asynccontextmanager
    async def poll_in_background(self) -> AsyncIterator[None]:
        """Poll the runs folder for the duration of the context."""
        polling = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling

    async def _poll(self) -> None:
        while True:
            await self._has_pages.wait()
            try:
                await run_in_threadpool(self._run_index.refresh)
            except Exception:
                LOG.exception("cannot read %s", self._run_index.path)
                await asyncio.sleep(RETRY_AFTER_S)
            await asyncio.sleep(POLL_INTERVAL_S)

    def _notify(self, run: str, summary: dict[str, Any] | None, update: RunUpdate | None) -> None:
        for page in list(self._subscriptions):
            page.push(run, summary, update)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it disconnects or stops accepting messages."""
        if len(self._subscriptions) >= MAX_PAGES:
            return await socket.close(1013, "too many pages are open: close some")
        await socket.accept()
        page = PageSubscription(asyncio.get_running_loop())
        self._subscriptions.add(page)
        self._has_pages.set()
        try:
            async with anyio.create_task_group() as tasks:
                for work in (_receive_watches, _send_updates):
                    tasks.start_soon(_run_then, tasks.cancel_scope.cancel, work, socket, page)
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
    """Receive the lists of runs that the page wants to watch."""
    with suppress(WebSocketDisconnect, KeyError, RuntimeError):
        while True:
            try:
                message = convert_fields(parse_json(await socket.receive_text()), WatchMessage)
                subscription.watched_runs = frozenset(message.watch)
            except ValueError as error:
                await socket.send_text(to_json({"type": "error", "error": str(error)}))


async def _send_updates(socket: WebSocket, subscription: PageSubscription) -> None:
    with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
        while True:
            for message in await subscription.next_messages():
                with anyio.fail_after(SEND_TIMEOUT_S):
                    await socket.send_text(message)


@websocket("/ws/live")
async def handle_live_socket(socket: WebSocket) -> None:
    """Serve the WebSocket of one page."""
    await socket.app.state.live.serve(socket)
