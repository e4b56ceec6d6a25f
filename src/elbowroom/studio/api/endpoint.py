"""Endpoints of the API as data: fields, response and handler, from which routes and the OpenAPI page are derived."""

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

from elbowroom.studio.errors import RequestError
from elbowroom.studio.http import json
from elbowroom.studio.http.json import REQUIRED
from elbowroom.studio.services.batch_queue import BatchQueue
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.studio.services.model_store import ModelStore

T = TypeVar("T")
#: Bodies of this size and larger are parsed in a thread.
PARSE_IN_THREAD_BYTES = 2**16


@dataclass(frozen=True)
class ApiField:
    """One field of a body or of a query string: type, description, and the default if it is optional."""

    kind: Any
    description: str
    default: Any = REQUIRED

    @property
    def type_spec(self) -> Any:
        """The type, or (type, default), as :func:`elbowroom.studio.http.json.check_fields` takes it."""
        return self.kind if self.default is REQUIRED else (self.kind, self.default)


@dataclass
class ApiRequest:
    """A parsed request: the client, the model of the run it names, and the checked fields."""

    store: ModelStore
    client: Hashable
    loaded: LoadedModel
    fields: dict[str, Any]

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run slow work that needs no model, such as encoding a large response, in a thread of its own."""
        return await asyncio.to_thread(function)

    async def submit(self, queue: BatchQueue, work: Callable[..., Any], *rows: Tensor | None) -> Any:
        """Return ``work(*rows)``, run in a queue when it is this client's turn."""
        return await self.store.submit(queue, self.client, work, *rows)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of the API.

    Attributes:
        method: GET or POST.
        path: URL path.
        summary: what it does, in one sentence.
        fields: request fields by name, besides ``run``, which every endpoint has.
        response_fields: descriptions of the response fields, by name.
        handler: the coroutine that answers a parsed request.
        example: example values of the fields.
        accepts_image: whether the body may be an image file, with the other fields in the query string.
        media_types: media types of the response.
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
        """The Starlette route."""
        return Route(self.path, self._handle, methods=[self.method])

    async def _handle(self, request: Request) -> Response:
        return await self.handler(await self.parse_request(request, await self._read_fields(request)))

    async def parse_request(self, request: Request, values: Any) -> ApiRequest:
        """Check the fields and load the model of the run they name."""
        fields = {"run": RUN_FIELD} | self.fields
        values = json.check_fields(values, {name: field.type_spec for name, field in fields.items()})
        store = request.app.state.studio.store
        client = request.client and (request.client.host, request.client.port)
        return ApiRequest(store, client, await store.load(values.pop("run")), values)

    async def _read_fields(self, request: Request) -> Any:
        """Read the fields from the query string or the body, unchecked."""
        if self.method == "GET":
            return self._read_query(request)
        media_type, body = request.headers.get("content-type", ""), await request.body()
        if self.accepts_image and media_type.startswith(("image/", "application/octet-stream")):
            return self._read_query(request) | {"png": base64.b64encode(body).decode()}
        if len(body) < PARSE_IN_THREAD_BYTES:
            return json.parse_json(body)
        return await asyncio.to_thread(json.parse_json, body)

    def _read_query(self, request: Request) -> dict[str, Any]:
        """Read the query string, converting numbers as their fields' types say."""
        values: dict[str, Any] = {}
        for name, text in request.query_params.items():
            kinds = self.fields[name].kind if name in self.fields else str
            kind = next((k for k in (int, float) if k in (getattr(kinds, "__args__", None) or (kinds,))), str)
            try:
                values[name] = kind(text)
            except ValueError:
                raise RequestError(f"the field '{name}' is '{text[:40]}': give a number") from None
        return values


RUN_FIELD = ApiField(str, "the run: its path in the runs folder")
