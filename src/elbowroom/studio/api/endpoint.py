"""Endpoints of the API: the signature of a handler gives its request, its answer and its OpenAPI schema."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Generic, Self, TypeVar, get_args, get_type_hints

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from torch import Tensor

from elbowroom.registry import Registry
from elbowroom.studio.http import json, media
from elbowroom.studio.http.json import RequestFields
from elbowroom.studio.services.batch_queue import BatchQueue
from elbowroom.studio.services.jobs import Jobs
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.studio.services.model_store import ModelStore
from elbowroom.studio.services.run_index import RunIndex

T = TypeVar("T")
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])
FieldsT_co = TypeVar("FieldsT_co", covariant=True)
RunFieldsT_co = TypeVar("RunFieldsT_co", bound="RunFields", covariant=True)
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


RunPath = Annotated[str, Meta(description="the run: its path in the runs folder")]


class RunFields(RequestFields):
    """The fields of every request about a run."""

    run: RunPath


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
    """One endpoint of the API, as :func:`endpoint` registers it.

    Attributes:
        method: GET or POST.
        path: URL path.
        handler: answers a request; a plain function runs in a thread.
        request_type: the handler's request, an ApiRequest of fields.
        answer_type: the type of the JSON that it returns; None where it returns files only.
        example: example values of the fields.
        media_types: media types of the response.
        write_snippets: returns the command line and the program that give the same result as a request.
    """

    method: str
    path: str
    handler: Callable[[Any], Any]
    request_type: Any
    answer_type: Any
    example: dict[str, Any] = field(default_factory=dict)
    media_types: tuple[str, ...] = (media.JSON,)
    write_snippets: Callable[[Any], Awaitable[Snippets]] | None = None

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
        elif self.accepts_image and _has_image(http):
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


def _has_image(http: Request) -> bool:
    return http.headers.get("content-type", "").startswith(("image/", "application/octet-stream"))


def _to_response(answer: Any) -> Response:
    return answer if isinstance(answer, Response) else json.json_response(answer)


ENDPOINTS: Registry[Endpoint] = Registry("endpoint", ("elbowroom.studio.api.*",))
SOCKETS: Registry[WebSocketRoute] = Registry("WebSocket", ("elbowroom.studio.api.*",))


def endpoint(
    method: str,
    path: str,
    *,
    example: dict[str, Any] | None = None,
    media_types: tuple[str, ...] = (),
    snippets: Callable[[Any], Awaitable[Snippets]] | None = None,
) -> Callable[[HandlerT], HandlerT]:
    """Return a decorator that registers a handler, whose only argument is ``request``.

    Its annotation, ``ApiRequest[Fields]`` or ``ModelRequest[Fields]``, says which fields the request has; the first
    paragraph of the docstring describes the endpoint, and what it returns its answer. A struct or a dictionary becomes
    JSON.

    Args:
        method: GET, with the fields in the query string, or POST, with a JSON body.
        path: URL path.
        example: example values of the fields, besides ``run``.
        media_types: media types of the response, by default those of the formats that the field ``format`` may have.
        snippets: returns the command line and the program that give the same result as a request.
    """

    def register(handler: HandlerT) -> HandlerT:
        hints = get_type_hints(handler, include_extras=True)
        request_type, returned = hints["request"], hints["return"]
        answers = get_args(returned) if isinstance(returned, UnionType) else (returned,)
        answer_type = next((answer for answer in answers if answer is not Response), None)
        (fields,) = get_args(request_type)
        formats = get_args(get_type_hints(fields).get("format")) or ("json",)
        types = media_types or tuple(media.MEDIA_TYPES[name] for name in formats)
        item = Endpoint(method, path, handler, request_type, answer_type, example or {}, types, snippets)
        ENDPOINTS.add(path, item, source=handler)
        return handler

    return register


def websocket(path: str) -> Callable[[HandlerT], HandlerT]:
    """Return a decorator that registers the handler of a WebSocket."""

    def register(handler: HandlerT) -> HandlerT:
        SOCKETS.add(path, WebSocketRoute(path, handler), source=handler)
        return handler

    return register
