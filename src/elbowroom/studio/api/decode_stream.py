"""A point that is dragged, and the picture that follows: only the newest is decoded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import anyio
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from elbowroom.studio.api import inputs
from elbowroom.studio.http import json, media
from elbowroom.studio.services.loaded_model import Opened
from elbowroom.studio.services.model_store import Desk

#: Seconds after which it is looked whether the weights have changed; characters of a message, at most.
LOOKS, LONGEST = 0.5, 2**20


class Drag:
    """One connection: what came last, and whether it has been answered."""

    def __init__(self, socket: WebSocket, desk: Desk, run: str) -> None:
        self._socket, self._desk, self._run = socket, desk, run
        self._newest: str | None = None
        self._came = asyncio.Event()
        self._opened: Opened | None = None
        self._looked = 0.0

    async def listen(self) -> None:
        """Keep the newest message, until the other side goes."""
        while True:
            self._newest = await self._socket.receive_text()
            self._came.set()

    async def answer(self) -> None:
        """Answer the newest, then the one that is the newest by then."""
        # What cannot be sent because the other side has gone ends with it.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._came.wait()
                self._came.clear()
                text, self._newest = self._newest, None
                if text is not None:
                    await self._decode(text)

    async def _decode(self, text: str) -> None:
        number: Any = None
        try:
            if len(text) > LONGEST:
                raise ValueError(f"the message has {len(text):,} characters: send one code")
            asked = json.parsed(text)
            number = asked.get("id") if isinstance(asked, dict) else None
            asked = json.checked(asked, {"id": int, "z": list, "c": (int | list | None, None)})
            await self._send(asked["id"], asked["z"], asked["c"])
        except (ValueError, OSError) as error:
            await self._socket.send_text(json.text({"id": number, "error": json.one_line(error)}))

    async def _send(self, number: int, values: list[Any], given: Any) -> None:
        if not 0 <= number < 2**32:
            raise ValueError(f"id {number} is none: give a whole number from 0 to 2**32 - 1")
        opened = await self._model()
        z = inputs.code(opened, values)[None]
        c = inputs.conditions(opened, given, 1)
        work = opened.frame if opened.picture else opened.decode
        found = (await self._desk.do(self._desk.quick, id(self), work, z, c))[0][0]
        if opened.picture:
            await self._socket.send_bytes(media.frame(number, found))
        else:
            await self._socket.send_text(json.text({"id": number, "x": found}))

    async def _model(self) -> Opened:
        now = time.monotonic()
        if self._opened is None or now - self._looked > LOOKS:
            self._opened, self._looked = await self._desk.open(self._run), now
        return self._opened


async def decode(socket: WebSocket) -> None:
    """The connection of one client."""
    await socket.accept()
    drag = Drag(socket, socket.app.state.studio.desk, socket.query_params.get("run", "."))
    async with anyio.create_task_group() as both:
        both.start_soon(drag.answer)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await drag.listen()
        both.cancel_scope.cancel()


ROUTES = [WebSocketRoute("/ws/decode", decode)]
