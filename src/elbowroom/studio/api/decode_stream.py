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
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.studio.services.model_store import ModelStore

#: Seconds after which it is looked whether the weights have changed; characters of a message, at most.
RELOAD_CHECK_S, MAX_MESSAGE_CHARS = 0.5, 2**20


class DecodeStream:
    """One connection: what came last, and whether it has been answered."""

    def __init__(self, socket: WebSocket, store: ModelStore, run: str) -> None:
        self._socket, self._store, self._run = socket, store, run
        self._latest_message: str | None = None
        self._message_event = asyncio.Event()
        self._loaded: LoadedModel | None = None
        self._checked_at = 0.0

    async def receive_messages(self) -> None:
        """Keep the newest message, until the other side goes."""
        while True:
            self._latest_message = await self._socket.receive_text()
            self._message_event.set()

    async def send_answers(self) -> None:
        """Answer the newest, then the one that is the newest by then."""
        # What cannot be sent because the other side has gone ends with it.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._message_event.wait()
                self._message_event.clear()
                text, self._latest_message = self._latest_message, None
                if text is not None:
                    await self._answer_message(text)

    async def _answer_message(self, text: str) -> None:
        number: Any = None
        try:
            if len(text) > MAX_MESSAGE_CHARS:
                raise ValueError(f"the message has {len(text):,} characters: send one code")
            asked = json.parse_json(text)
            number = asked.get("id") if isinstance(asked, dict) else None
            asked = json.check_fields(asked, {"id": int, "z": list, "c": (int | list | None, None)})
            await self._send_decoded(asked["id"], asked["z"], asked["c"])
        except (ValueError, OSError) as error:
            await self._socket.send_text(json.to_json({"id": number, "error": json.one_line(error)}))

    async def _send_decoded(self, message_id: int, values: list[Any], condition: Any) -> None:
        if not 0 <= message_id < 2**32:
            raise ValueError(f"id {message_id} is none: give a whole number from 0 to 2**32 - 1")
        opened = await self._current_model()
        z = inputs.parse_latent(opened, values)[None]
        c = inputs.parse_conditions(opened, condition, 1)
        work = opened.decode_pixels if opened.has_images else opened.decode
        found = (await self._store.submit(self._store.quick_queue, id(self), work, z, c))[0][0]
        if opened.has_images:
            await self._socket.send_bytes(media.pack_frame(message_id, found))
        else:
            await self._socket.send_text(json.to_json({"id": message_id, "x": found}))

    async def _current_model(self) -> LoadedModel:
        now = time.monotonic()
        if self._loaded is None or now - self._checked_at > RELOAD_CHECK_S:
            self._loaded, self._checked_at = await self._store.load(self._run), now
        return self._loaded


async def handle_decode_socket(socket: WebSocket) -> None:
    """The connection of one client."""
    await socket.accept()
    drag = DecodeStream(socket, socket.app.state.studio.store, socket.query_params.get("run", "."))
    async with anyio.create_task_group() as both:
        both.start_soon(drag.send_answers)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await drag.receive_messages()
        both.cancel_scope.cancel()


ROUTES = [WebSocketRoute("/ws/decode", handle_decode_socket)]
