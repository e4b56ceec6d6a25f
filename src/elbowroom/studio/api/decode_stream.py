"""WebSocket that decodes a latent while it is dragged: of the messages that wait, only the newest is answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Annotated, Any

import anyio
from msgspec import Meta
from starlette.websockets import WebSocket, WebSocketDisconnect
from torch import Tensor

from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import websocket
from elbowroom.studio.api.inputs import Condition, Lower
from elbowroom.studio.errors import one_line
from elbowroom.studio.http import json, media
from elbowroom.studio.http.json import RequestFields
from elbowroom.studio.services.batch_queue import Rows
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.studio.services.model_store import ModelStore

#: How often it is checked whether the weights have changed.
RELOAD_CHECK_S = 0.5
#: Length of a message.
MAX_MESSAGE_CHARS = 2**20


class DecodeMessage(RequestFields):
    """A latent to decode."""

    id: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    z: list[Any]
    c: Condition = None
    lower: Lower = None


class DecodeStream:
    """One connection, with the newest message that is not answered yet."""

    def __init__(self, socket: WebSocket, store: ModelStore, run: str) -> None:
        self._socket, self._store, self._run = socket, store, run
        self._latest_message: str | None = None
        self._message_event = asyncio.Event()
        self._loaded: LoadedModel | None = None
        self._checked_at = 0.0
        self._answers = {"images": self._send_pixels, "table": self._send_cells, "curves": self._send_numbers}

    async def receive_messages(self) -> None:
        """Keep the newest message until the client disconnects."""
        while True:
            self._latest_message = await self._socket.receive_text()
            self._message_event.set()

    async def send_answers(self) -> None:
        """Answer the newest message, then the one that is newest by then, and so on."""
        # Sending to a client that has disconnected ends the stream.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._message_event.wait()
                self._message_event.clear()
                text, self._latest_message = self._latest_message, None
                if text is not None:
                    await self._answer_message(text)

    async def _answer_message(self, text: str) -> None:
        message_id: Any = None
        try:
            if len(text) > MAX_MESSAGE_CHARS:
                raise ValueError(f"the message has {len(text):,} characters: send one latent")
            message = json.parse_json(text)
            message_id = message.get("id") if isinstance(message, dict) else None
            await self._send_decoded(json.convert_fields(message, DecodeMessage))
        except (ValueError, OSError) as error:
            await self._socket.send_text(json.to_json({"id": message_id, "error": one_line(error)}))

    async def _send_decoded(self, message: DecodeMessage) -> None:
        loaded = await self._current_model()
        z = inputs.parse_latent(loaded, message.z)[None]
        c = inputs.parse_conditions(loaded, message.c, 1)
        lower = inputs.parse_lower(loaded, message.lower, 1)
        await self._answers[loaded.example_kind](message.id, loaded, (z, c, lower))

    async def _send_pixels(self, message_id: int, loaded: LoadedModel, rows: Rows) -> None:
        (x,) = await self._submit(loaded.decode_pixels, rows)
        await self._socket.send_bytes(media.pack_frame(message_id, x[0]))

    async def _send_cells(self, message_id: int, loaded: LoadedModel, rows: Rows) -> None:
        x, probabilities = await self._submit(loaded.decode_categories, rows)
        (cells,) = loaded.columns.rows(x, probabilities)
        await self._socket.send_text(json.to_json({"id": message_id, "x": x[0], "cells": cells}))

    async def _send_numbers(self, message_id: int, loaded: LoadedModel, rows: Rows) -> None:
        (x,) = await self._submit(loaded.decode, rows)
        await self._socket.send_text(json.to_json({"id": message_id, "x": x[0]}))

    async def _submit(self, work: Callable[..., tuple[Tensor, ...]], rows: Rows) -> tuple[Tensor, ...]:
        result: tuple[Tensor, ...] = await self._store.submit(self._store.quick_queue, id(self), work, *rows)
        return result

    async def _current_model(self) -> LoadedModel:
        now = time.monotonic()
        if self._loaded is None or now - self._checked_at > RELOAD_CHECK_S:
            self._loaded, self._checked_at = await self._store.load(self._run), now
        return self._loaded


@websocket("/ws/decode")
async def handle_decode_socket(socket: WebSocket) -> None:
    """Serve one client until it disconnects."""
    await socket.accept()
    stream = DecodeStream(socket, socket.app.state.studio.store, socket.query_params.get("run", "."))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.send_answers)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await stream.receive_messages()
        tasks.cancel_scope.cancel()
