"""Endpoints of the API: the signature of a handler gives its request, its answer and its OpenAPI schema."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Generic, Self, TypeVar, get_args, get_type_hints

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from torch import Tensor

from elbowroom.registry import Registry
from elbowroom.studio.http import json, media
from elbowroom.studio.http.json import RequestFields
from elbowroom.studio.services.action_jobs import ActionJobs
from elbowroom.studio.services.batch_queue import BatchQueue
from elbowroom.studio.services.jobs import Jobs
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.studio.services.model_store import ModelStore
from elbowroom.studio.services.run_index import RunIndex

T = TypeVar("T")
FieldsT_co = TypeVar("FieldsT_co", covariant=True)
RunFieldsT_co = TypeVar("RunFieldsT_co", bound="RunFields", covariant=True)
#: Content types of a body that is an image file.
IMAGE_TYPES = ("image/", "application/octet-stream")
#: The run in examples of requests.
EXAMPLE_RUN = "vae-digits-1"
#: A command line, None where the command line cannot do it, and a Python program.
Snippets = tuple[str | None, str]


@dataclass(frozen=True)
class Studio:
    """The services of one studio."""

    run_index: RunIndex
    store: ModelStore
    jobs: Jobs
    actions: ActionJobs


class RunFields(RequestFields):
    """The fields of every request about a run."""

    run: Annotated[str, Meta(description="the run: its path in the runs folder")]


class QueryFields(RequestFields, forbid_unknown_fields=False):
    """The fields of a query string of which further parameters are ignored, as they are of a page's address."""


@dataclass(frozen=True)
class ApiRequest(Generic[FieldsT_co]):
    """A request with checked fields."""

    http: Request
    fields: FieldsT_co

    @classmethod
    async def create(cls, http: Request, fields: Any) -> Self:
        """Prepare what the handler needs."""
        return cls(http, fields)

    @property
    def studio(self) -> Studio:
        """The services."""
        studio: Studio = self.http.app.state.studio
        return studio

    async def submit(self, queue: BatchQueue, work: Callable[..., T], *rows: Tensor | None) -> T:
        """Return ``work(*rows)``, run in a queue when it is this client's turn."""
        result: T = await self.studio.store.submit(queue, self.http.client, work, *rows)
        return result


@dataclass(frozen=True)
class ModelRequest(ApiRequest[RunFieldsT_co]):
    """A request to the model of a run, which is loaded."""

    loaded: LoadedModel

    @classmethod
    async def create(cls, http: Request, fields: Any) -> Self:
        """Load the model of the run."""
        return cls(http, fields, await http.app.state.studio.store.load(fields.run))


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of the API: a handler, whose only argument is ``request``.

    Its annotation, ``ApiRequest[Fields]`` or ``ModelRequest[Fields]``, says which fields the request has; the first
    paragraph of the docstring describes the endpoint, and the type it returns the answer: a struct or a dictionary
    becomes JSON.

    Attributes:
        handler: a coroutine, or a plain function, which runs in a thread.
        path: URL path.
        method: GET, with the fields in the query string, or POST, with a JSON body.
        example: example values of the fields, besides ``run``.
        files: media types of the response if it is a file whatever the fields.
        snippets: returns the command line and the program that give the same result as a request.
    """

    handler: Callable[[Any], Any]
    path: str
    method: str
    example: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    snippets: Callable[[Any], Awaitable[Snippets]] | None = None

    @cached_property
    def request_type(self) -> Any:
        """The handler's request, an ApiRequest of fields."""
        return get_type_hints(self.handler, include_extras=True)["request"]

    @property
    def answer_type(self) -> Any:
        """The type of the handler's JSON; None where it returns files only."""
        returned = get_type_hints(self.handler, include_extras=True)["return"]
        answers = get_args(returned) if isinstance(returned, UnionType) else (returned,)
        return next((answer for answer in answers if answer is not Response), None)

    @property
    def media_types(self) -> tuple[str, ...]:
        """Media types of the response, for all formats that the field ``format`` may have."""
        formats = get_args(get_type_hints(self.fields_type).get("format")) or ("json",)
        return self.files or tuple(media.MEDIA_TYPES[name] for name in formats)

    @property
    def name(self) -> str:
        """The path without ``/api/``."""
        return self.path.removeprefix("/api/")

    @property
    def summary(self) -> str:
        """The first paragraph of the handler's docstring."""
        return " ".join((inspect.getdoc(self.handler) or "").partition("\n\n")[0].split())

    @property
    def fields_type(self) -> type[RequestFields]:
        """The fields of the request."""
        fields: type[RequestFields] = get_args(self.request_type)[0]
        return fields

    @property
    def example_fields(self) -> dict[str, Any]:
        """Example values of all fields."""
        run = {"run": EXAMPLE_RUN} if "run" in self.fields_type.__struct_fields__ else {}
        return run | self.example

    @property
    def accepts_image(self) -> bool:
        """Whether the body may be an image file, with the other fields in the query string."""
        return "png" in self.fields_type.__struct_fields__

    @property
    def route(self) -> Route:
        """The Starlette route."""
        return Route(self.path, self._handle, methods=[self.method])

    async def parse_request(self, http: Request, values: Any, is_text: bool = False) -> Any:
        """Check the values and return the handler's request."""
        return await self.request_type.__origin__.create(http, json.convert_fields(values, self.fields_type, is_text))

    async def _handle(self, http: Request) -> Response:
        if self.method == "GET":
            request = await self.parse_request(http, _query_values(http), is_text=True)
        elif self.accepts_image and http.headers.get("content-type", "").startswith(IMAGE_TYPES):
            image = {"png": base64.b64encode(await http.body()).decode()}
            request = await self.parse_request(http, _query_values(http) | image, is_text=True)
        else:
            request = await self.parse_request(http, await asyncio.to_thread(json.parse_json, await http.body()))
        return await self._answer(request)

    async def _answer(self, request: Any) -> Response:
        if inspect.iscoroutinefunction(self.handler):
            return await asyncio.to_thread(_to_response, await self.handler(request))
        return await asyncio.to_thread(lambda: _to_response(self.handler(request)))


def _query_values(http: Request) -> dict[str, Any]:
    query = http.query_params
    values = {name: query.getlist(name) for name in query}
    return {name: texts if len(texts) > 1 else texts[0] for name, texts in values.items()}


def _to_response(answer: Any) -> Response:
    return answer if isinstance(answer, Response) else json.json_response(answer)


@dataclass(frozen=True)
class SocketEndpoint:
    """The handler of a WebSocket."""

    handler: Callable[[WebSocket], Awaitable[None]]
    path: str

    @property
    def route(self) -> WebSocketRoute:
        """The Starlette route."""
        return WebSocketRoute(self.path, self.handler)


ENDPOINTS: Registry[Endpoint] = Registry("endpoint", ("elbowroom.studio.api.*",))
SOCKETS: Registry[SocketEndpoint] = Registry("WebSocket", ("elbowroom.studio.api.*",))
endpoint = ENDPOINTS.decorator(Endpoint)
websocket = SOCKETS.decorator(SocketEndpoint)
