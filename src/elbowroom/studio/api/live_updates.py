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

from elbowroom.studio.http.json import checked, parsed, text
from elbowroom.studio.services.run_index import Folder
from elbowroom.studio.services.run_summary import News, picture, url

LOG = logging.getLogger("elbowroom.studio")
#: Seconds between two looks at the folder; seconds a page may take to accept what it is sent.
EVERY, PATIENCE = 0.25, 10.0
#: Pages that may listen at once, runs that each may watch, rows of a run that wait for a page.
PAGES, WATCHED, WAITING = 64, 50, 1000


class Page:
    """What one page has still to be told: of each run the newest, and of those it watches the rows."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.watched: frozenset[str] = frozenset()
        self._loop, self._something, self._lock = loop, asyncio.Event(), threading.Lock()
        self._runs: dict[str, dict[str, Any] | None] = {}
        self._rows: dict[str, list[Any] | None] = {}
        self._pictures: dict[tuple[str, str], int] = {}

    def tell(self, run: str, summary: dict[str, Any] | None, news: News | None) -> None:
        """Take down what is new of a run; called from the thread that looks."""
        with self._lock:
            self._runs[run] = summary
            if news is not None and run in self.watched:
                self._add_rows(run, news)
                self._pictures |= {(run, kind): epoch for kind, epoch in news.pictures.items()}
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._something.set)

    def _add_rows(self, run: str, news: News) -> None:
        """Rows wait in a list that is bounded: a page that is too slow for it begins anew, which is None here."""
        waiting = self._rows.get(run, [])
        if news.anew or waiting is None or len(waiting) + len(news.rows) > WAITING:
            self._rows[run] = None
        else:
            self._rows[run] = [*waiting, *news.rows]

    async def news(self) -> list[str]:
        """Wait for something new; returns the messages."""
        await self._something.wait()
        self._something.clear()
        with self._lock:
            runs, rows, pictures = self._runs, self._rows, self._pictures
            self._runs, self._rows, self._pictures = {}, {}, {}
        said: list[dict[str, Any]] = []
        for run, summary in runs.items():
            said.append({"type": "gone", "run": run} if summary is None else {"type": "run", "run": summary})
        for run, lines in rows.items():
            if lines is None:
                said.append({"type": "reset", "run": run})
            elif lines:
                said.append({"type": "rows", "run": run, "rows": lines})
        for (run, kind), epoch in pictures.items():
            where = url(run, picture(kind, epoch))
            said.append({"type": "picture", "run": run, "kind": kind, "epoch": epoch, "url": where})
        return [text(one) for one in said]


class Live:
    """One look at the folder, four times a second while any page is open, for all of them.

    Args:
        folder: what is looked at.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder, self._pages = folder, set[Page]()
        self._wanted = asyncio.Event()
        folder.tells(self._tell)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look, as long as this lasts."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                await run_in_threadpool(self._folder.look)
            except Exception:
                LOG.exception("cannot look at %s", self._folder.path)
                await asyncio.sleep(5)
            await asyncio.sleep(EVERY)

    def _tell(self, run: str, summary: dict[str, Any] | None, news: News | None) -> None:
        for page in list(self._pages):
            page.tell(run, summary, news)

    async def serve(self, socket: WebSocket) -> None:
        """Speak with one page until it goes, or does not listen."""
        if len(self._pages) >= PAGES:
            return await socket.close(1013, "too many pages are open: close some")
        await socket.accept()
        page = Page(asyncio.get_running_loop())
        self._pages.add(page)
        self._wanted.set()
        try:
            async with anyio.create_task_group() as both:
                for work in (_hear, _speak):
                    both.start_soon(_then, both.cancel_scope.cancel, work, socket, page)
        finally:
            self._pages.discard(page)
            if not self._pages:
                self._wanted.clear()
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()


async def _then(after: Callable[[], None], work: Callable[..., Awaitable[None]], *given: Any) -> None:
    await work(*given)
    after()


async def _hear(socket: WebSocket, page: Page) -> None:
    """Which runs the page watches from now on."""
    with suppress(WebSocketDisconnect, KeyError, RuntimeError):
        while True:
            try:
                wanted = checked(parsed(await socket.receive_text()), {"watch": list})["watch"]
                if len(wanted) > WATCHED or not all(isinstance(run, str) for run in wanted):
                    raise ValueError(f"watch at most {WATCHED} runs, each by its name")
                page.watched = frozenset(wanted)
            except ValueError as error:
                await socket.send_text(text({"type": "error", "error": str(error)}))


async def _speak(socket: WebSocket, page: Page) -> None:
    with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
        while True:
            for message in await page.news():
                with anyio.fail_after(PATIENCE):
                    await socket.send_text(message)


async def live(socket: WebSocket) -> None:
    """The WebSocket of a page."""
    await socket.app.state.studio.live.serve(socket)


ROUTES: list[BaseRoute] = [WebSocketRoute("/ws/live", live)]
