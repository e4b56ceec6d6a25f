"""The calls of the API as data: what each takes, gives and does, from which routes and the OpenAPI page are made."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from torch import Tensor

from elbowroom.studio.http import json
from elbowroom.studio.http.json import REQUIRED, RequestError
from elbowroom.studio.services.batch_queue import BatchQueue
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.studio.services.model_store import ModelStore

T = TypeVar("T")
#: Bytes of a body from which it is read in a thread.
PARSE_IN_THREAD_BYTES = 2**16


@dataclass(frozen=True)
class ApiField:
    """One field of a body or of an address: its type, what it is, and its default if it may be left out."""

    kind: Any
    description: str
    default: Any = REQUIRED

    @property
    def type_spec(self) -> Any:
        """As :func:`said.checked` takes it."""
        return self.kind if self.default is REQUIRED else (self.kind, self.default)


@dataclass
class ApiRequest:
    """Who asks what of which model."""

    store: ModelStore
    client: Hashable
    loaded: LoadedModel
    fields: dict[str, Any]

    async def in_thread(self, function: Callable[[], T]) -> T:
        """What is neither quick nor torch's, as writing a large answer: in a thread, so that no other client waits."""
        return await asyncio.to_thread(function)

    async def submit(self, queue: BatchQueue, work: Callable[..., Any], *rows: Tensor | None) -> Any:
        """What ``work(*rows)`` gives, when it is this client's turn."""
        return await self.store.submit(queue, self.client, work, *rows)


@dataclass(frozen=True)
class Endpoint:
    """One call of the API.

    Attributes:
        method: GET or POST.
        path: its address.
        summary: what it does.
        fields: its fields by name; every one has ``run`` too.
        response_fields: what the answer holds, by name, in words.
        handler: answers it.
        example: values of the fields.
        accepts_image: whether the body may be a picture itself, with the other fields in the address.
        media_types: media types of the answer.
    """

    method: str
    path: str
    summary: str
    fields: dict[str, ApiField]
    response_fields: dict[str, str]
    handler: Callable[[ApiRequest], Awaitable[Response]]
    example: dict[str, Any] = field(default_factory=dict)
    accepts_image: bool = False
    media_types: tuple[str, ...] = ("application/json",)

    @property
    def route(self) -> Route:
        """Where Starlette finds it."""
        return Route(self.path, self._handle, methods=[self.method])

    async def _handle(self, request: Request) -> Response:
        return await self.handler(await self.parse_request(request, await self._read_fields(request)))

    async def parse_request(self, request: Request, values: Any) -> ApiRequest:
        """Who asks what: the fields, checked, and the model of the run they name."""
        values = json.check_fields(
            values, {name: one.type_spec for name, one in ({"run": RUN_FIELD} | self.fields).items()}
        )
        desk = request.app.state.studio.store
        client = request.client and (request.client.host, request.client.port)
        return ApiRequest(desk, client, await desk.open(values.pop("run")), values)

    async def _read_fields(self, request: Request) -> Any:
        """The fields as they were sent."""
        if self.method == "GET":
            return self._read_query(request)
        kind, content = request.headers.get("content-type", ""), await request.body()
        if self.accepts_image and kind.startswith(("image/", "application/octet-stream")):
            return self._read_query(request) | {"png": base64.b64encode(content).decode()}
        return (
            json.parse_json(content)
            if len(content) < PARSE_IN_THREAD_BYTES
            else await asyncio.to_thread(json.parse_json, content)
        )

    def _read_query(self, request: Request) -> dict[str, Any]:
        """The fields in the address, as their types."""
        found: dict[str, Any] = {}
        for name, text in request.query_params.items():
            kinds = self.fields[name].kind if name in self.fields else str
            kind = next((k for k in (int, float) if k in (getattr(kinds, "__args__", None) or (kinds,))), str)
            try:
                found[name] = kind(text)
            except ValueError:
                raise RequestError(f"the field '{name}' is '{text[:40]}': give a number") from None
        return found


RUN_FIELD = ApiField(str, "the run: its path in the runs folder")
