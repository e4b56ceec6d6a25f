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
from elbowroom.studio.http.json import REQUIRED, Refused
from elbowroom.studio.services.batch_queue import Lane
from elbowroom.studio.services.loaded_model import Opened
from elbowroom.studio.services.model_store import Desk

Made = TypeVar("Made")
#: Bytes of a body from which it is read in a thread.
LARGE = 2**16


@dataclass(frozen=True)
class Field:
    """One field of a body or of an address: its type, what it is, and its default if it may be left out."""

    kind: Any
    about: str
    default: Any = REQUIRED

    @property
    def checked(self) -> Any:
        """As :func:`said.checked` takes it."""
        return self.kind if self.default is REQUIRED else (self.kind, self.default)


@dataclass
class Asking:
    """Who asks what of which model."""

    desk: Desk
    client: Hashable
    opened: Opened
    given: dict[str, Any]

    async def made(self, make: Callable[[], Made]) -> Made:
        """What is neither quick nor torch's, as writing a large answer: in a thread, so that no other client waits."""
        return await asyncio.to_thread(make)

    async def do(self, lane: Lane, work: Callable[..., Any], *rows: Tensor | None) -> Any:
        """What ``work(*rows)`` gives, when it is this client's turn."""
        return await self.desk.do(lane, self.client, work, *rows)


@dataclass(frozen=True)
class Call:
    """One call of the API.

    Attributes:
        method: GET or POST.
        path: its address.
        about: what it does.
        takes: its fields by name; every one has ``run`` too.
        gives: what the answer holds, by name, in words.
        does: answers it.
        example: values of the fields.
        pictures: whether the body may be a picture itself, with the other fields in the address.
        formats: media types of the answer.
    """

    method: str
    path: str
    about: str
    takes: dict[str, Field]
    gives: dict[str, str]
    does: Callable[[Asking], Awaitable[Response]]
    example: dict[str, Any] = field(default_factory=dict)
    pictures: bool = False
    formats: tuple[str, ...] = ("application/json",)

    @property
    def route(self) -> Route:
        """Where Starlette finds it."""
        return Route(self.path, self._answer, methods=[self.method])

    async def _answer(self, request: Request) -> Response:
        return await self.does(await self.asking(request, await self._read(request)))

    async def asking(self, request: Request, given: Any) -> Asking:
        """Who asks what: the fields, checked, and the model of the run they name."""
        given = json.checked(given, {name: one.checked for name, one in ({"run": RUN} | self.takes).items()})
        desk = request.app.state.studio.desk
        client = request.client and (request.client.host, request.client.port)
        return Asking(desk, client, await desk.open(given.pop("run")), given)

    async def _read(self, request: Request) -> Any:
        """The fields as they were sent."""
        if self.method == "GET":
            return self._of_address(request)
        kind, content = request.headers.get("content-type", ""), await request.body()
        if self.pictures and kind.startswith(("image/", "application/octet-stream")):
            return self._of_address(request) | {"png": base64.b64encode(content).decode()}
        return json.parsed(content) if len(content) < LARGE else await asyncio.to_thread(json.parsed, content)

    def _of_address(self, request: Request) -> dict[str, Any]:
        """The fields in the address, as their types."""
        found: dict[str, Any] = {}
        for name, text in request.query_params.items():
            kinds = self.takes[name].kind if name in self.takes else str
            kind = next((k for k in (int, float) if k in (getattr(kinds, "__args__", None) or (kinds,))), str)
            try:
                found[name] = kind(text)
            except ValueError:
                raise Refused(f"the field '{name}' is '{text[:40]}': give a number") from None
        return found


RUN = Field(str, "the run: its path in the runs folder")
