"""The API described: OpenAPI for programs and a page for people, from the same table of calls."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from elbowroom import __version__
from elbowroom.studio.api import latent_map, latent_paths, models, own_image, snippets
from elbowroom.studio.api.endpoint import RUN, Call, Field
from elbowroom.studio.http.json import REQUIRED, ok

CALLS: tuple[Call, ...] = (*models.CALLS, *latent_map.CALLS, *own_image.CALLS, *latent_paths.CALLS)
TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
RUN_OF_EXAMPLES = "vae-digits-1"
PAGE = Path(__file__).parents[1] / "static" / "api.html"
#: What every call may answer when it does not do what it was asked.
ERRORS = {
    "400": "it cannot be done: one line that says why",
    "404": "there is no such run",
    "413": "the body is too large",
    "429": "too much is waiting",
}


async def described(request: Request) -> Response:
    """The API as OpenAPI has it."""
    return ok(document())


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1 of every call.

    >>> sorted(document()["paths"])[:3]
    ['/api/attribute', '/api/code', '/api/decode']
    """
    paths = {call.path: {call.method.lower(): _operation(call)} for call in CALLS}
    paths["/api/code"] = {"post": _code()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "elbowroom studio", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}}
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    fields = {"run": RUN} | call.takes
    made: dict[str, Any] = {"summary": call.about, "operationId": call.path.rpartition("/")[2]}
    if call.method == "GET":
        made["parameters"] = [
            {"name": name, "in": "query", "required": one.default is REQUIRED, "description": one.about}
            | {"schema": _schema(one)}
            for name, one in fields.items()
        ]
    else:
        body = {"application/json": {"schema": _object(fields), "example": example(call)}}
        if call.pictures:
            body |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*",)}
        made["requestBody"] = {"required": True, "content": body}
    gives = {name: {"description": words} for name, words in call.gives.items()}
    content = {
        kind: {"schema": {"type": "object", "properties": gives}} if kind == "application/json" else {}
        for kind in call.formats
    }
    return made | {"responses": {"200": {"description": call.about, "content": content}} | _errors()}


def _code() -> dict[str, Any]:
    do = Field(str, f"what: {', '.join(snippets.WRITERS)}; the other fields are those of that call")
    schema = _object({"do": do, "run": RUN}) | {"additionalProperties": True}
    body = {"schema": schema, "example": {"do": "sample", "run": RUN_OF_EXAMPLES, "n": 4}}
    gives = {"command": {"type": ["string", "null"]}, "python": {"type": "string"}}
    answer = {"application/json": {"schema": {"type": "object", "properties": gives}}}
    return {
        "summary": CODE,
        "operationId": "code",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": {"description": CODE, "content": answer}} | _errors(),
    }


CODE = "The command line and the Python that give the same, ready to be pasted."


def _errors() -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": words, "content": error} for status, words in ERRORS.items()}


def _object(fields: dict[str, Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _schema(one) | {"description": one.about} for name, one in fields.items()},
        "required": [name for name, one in fields.items() if one.default is REQUIRED],
        "additionalProperties": False,
    }


def _schema(one: Field) -> dict[str, Any]:
    kinds = get_args(one.kind) if isinstance(one.kind, UnionType) else (one.kind,)
    names = ["null" if kind is type(None) else TYPES[kind] for kind in kinds]
    default = {} if one.default in (REQUIRED, None) else {"default": one.default}
    return {"type": names[0] if len(names) == 1 else names} | default


def example(call: Call) -> dict[str, Any]:
    """A body, or the fields of an address, that the call takes."""
    return {"run": RUN_OF_EXAMPLES} | call.example


async def page(request: Request) -> Response:
    """The calls for people, with an example of each."""
    here = str(request.base_url).rstrip("/")
    rows = "".join(_section(call, here) for call in CALLS)
    rows += (
        f"<section><h2>POST /api/code</h2><p>{escape(CODE)}</p><pre>"
        f"{_curl('/api/code', {'do': 'sample', 'run': RUN_OF_EXAMPLES, 'n': 4}, here)}</pre></section>"
    )
    return HTMLResponse(PAGE.read_text(encoding="utf-8").replace("CALLS", rows))


def _section(call: Call, here: str) -> str:
    fields = "".join(
        f"<tr><td><code>{name}</code></td><td>{_kind(one)}</td><td>{escape(one.about)}</td></tr>"
        for name, one in ({"run": RUN} | call.takes).items()
    )
    gives = "".join(
        f"<tr><td><code>{name}</code></td><td colspan=2>{escape(words)}</td></tr>" for name, words in call.gives.items()
    )
    given = example(call)
    if call.method == "GET":
        query = "&".join(f"{name}={value}" for name, value in given.items())
        line = escape(f"curl '{here}{call.path}?{query}'")
    else:
        line = _curl(call.path, given, here)
    return (
        f"<section><h2>{call.method} {call.path}</h2><p>{escape(call.about)}</p><table><tr><th>takes<th><th></tr>"
        f"{fields}{'<tr><th>gives<th><th></tr>' + gives if gives else ''}</table><pre>{line}</pre></section>"
    )


def _kind(one: Field) -> str:
    kinds = get_args(one.kind) if isinstance(one.kind, UnionType) else (one.kind,)
    words = " or ".join(TYPES[kind] for kind in kinds if kind is not type(None))
    if one.default is REQUIRED:
        return words
    return f"{words}, optional" if one.default is None else f"{words}, {escape(json.dumps(one.default))}"


def _curl(path: str, body: dict[str, Any], here: str) -> str:
    return escape(f"curl {here}{path} -H 'Content-Type: application/json' -d '{json.dumps(body)}'")


ROUTES: list[BaseRoute] = [
    Route("/api", page),
    Route("/api/openapi.json", described),
]
