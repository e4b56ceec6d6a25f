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
from elbowroom.studio.api.endpoint import RUN_FIELD, ApiField, Endpoint
from elbowroom.studio.http.json import REQUIRED, json_response

ENDPOINTS: tuple[Endpoint, ...] = (
    *models.ENDPOINTS,
    *latent_map.ENDPOINTS,
    *own_image.ENDPOINTS,
    *latent_paths.ENDPOINTS,
)
JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
EXAMPLE_RUN = "vae-digits-1"
PAGE_TEMPLATE = Path(__file__).parents[1] / "static" / "api.html"
#: What every call may answer when it does not do what it was asked.
ERROR_DESCRIPTIONS = {
    "400": "it cannot be done: one line that says why",
    "404": "there is no such run",
    "413": "the body is too large",
    "429": "too much is waiting",
}


async def get_openapi(request: Request) -> Response:
    """The API as OpenAPI has it."""
    return json_response(openapi_document())


@cache
def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of every call.

    >>> sorted(openapi_document()["paths"])[:3]
    ['/api/attribute', '/api/code', '/api/decode']
    """
    paths = {call.path: {call.method.lower(): _endpoint_operation(call)} for call in ENDPOINTS}
    paths["/api/code"] = {"post": _snippets_operation()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "elbowroom studio", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}}
        },
    }


def _endpoint_operation(endpoint: Endpoint) -> dict[str, Any]:
    fields = {"run": RUN_FIELD} | endpoint.fields
    made: dict[str, Any] = {"summary": endpoint.summary, "operationId": endpoint.path.rpartition("/")[2]}
    if endpoint.method == "GET":
        made["parameters"] = [
            {"name": name, "in": "query", "required": one.default is REQUIRED, "description": one.description}
            | {"schema": _field_schema(one)}
            for name, one in fields.items()
        ]
    else:
        body = {"application/json": {"schema": _object_schema(fields), "example": example_fields(endpoint)}}
        if endpoint.accepts_image:
            body |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*",)}
        made["requestBody"] = {"required": True, "content": body}
    gives = {name: {"description": words} for name, words in endpoint.response_fields.items()}
    content = {
        kind: {"schema": {"type": "object", "properties": gives}} if kind == "application/json" else {}
        for kind in endpoint.media_types
    }
    return made | {"responses": {"200": {"description": endpoint.summary, "content": content}} | _error_responses()}


def _snippets_operation() -> dict[str, Any]:
    do = ApiField(str, f"what: {', '.join(snippets.WRITERS)}; the other fields are those of that call")
    schema = _object_schema({"do": do, "run": RUN_FIELD}) | {"additionalProperties": True}
    body = {"schema": schema, "example": {"do": "sample", "run": EXAMPLE_RUN, "n": 4}}
    gives = {"command": {"type": ["string", "null"]}, "python": {"type": "string"}}
    answer = {"application/json": {"schema": {"type": "object", "properties": gives}}}
    return {
        "summary": SNIPPETS_SUMMARY,
        "operationId": "code",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": {"description": SNIPPETS_SUMMARY, "content": answer}} | _error_responses(),
    }


SNIPPETS_SUMMARY = "The command line and the Python that give the same, ready to be pasted."


def _error_responses() -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": words, "content": error} for status, words in ERROR_DESCRIPTIONS.items()}


def _object_schema(fields: dict[str, ApiField]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _field_schema(one) | {"description": one.description} for name, one in fields.items()},
        "required": [name for name, one in fields.items() if one.default is REQUIRED],
        "additionalProperties": False,
    }


def _field_schema(field: ApiField) -> dict[str, Any]:
    kinds = get_args(field.kind) if isinstance(field.kind, UnionType) else (field.kind,)
    names = ["null" if kind is type(None) else JSON_TYPES[kind] for kind in kinds]
    default = {} if field.default in (REQUIRED, None) else {"default": field.default}
    return {"type": names[0] if len(names) == 1 else names} | default


def example_fields(endpoint: Endpoint) -> dict[str, Any]:
    """A body, or the fields of an address, that the call takes."""
    return {"run": EXAMPLE_RUN} | endpoint.example


async def get_api_page(request: Request) -> Response:
    """The calls for people, with an example of each."""
    here = str(request.base_url).rstrip("/")
    rows = "".join(_endpoint_section(call, here) for call in ENDPOINTS)
    rows += (
        f"<section><h2>POST /api/code</h2><p>{escape(SNIPPETS_SUMMARY)}</p><pre>"
        f"{_curl_command('/api/code', {'do': 'sample', 'run': EXAMPLE_RUN, 'n': 4}, here)}</pre></section>"
    )
    return HTMLResponse(PAGE_TEMPLATE.read_text(encoding="utf-8").replace("CALLS", rows))


def _endpoint_section(endpoint: Endpoint, base_url: str) -> str:
    fields = "".join(
        f"<tr><td><code>{name}</code></td><td>{_type_words(one)}</td><td>{escape(one.description)}</td></tr>"
        for name, one in ({"run": RUN_FIELD} | endpoint.fields).items()
    )
    gives = "".join(
        f"<tr><td><code>{name}</code></td><td colspan=2>{escape(words)}</td></tr>"
        for name, words in endpoint.response_fields.items()
    )
    given = example_fields(endpoint)
    if endpoint.method == "GET":
        query = "&".join(f"{name}={value}" for name, value in given.items())
        line = escape(f"curl '{base_url}{endpoint.path}?{query}'")
    else:
        line = _curl_command(endpoint.path, given, base_url)
    return (
        f"<section><h2>{endpoint.method} {endpoint.path}</h2><p>{escape(endpoint.summary)}</p><table><tr><th>takes<th><th></tr>"
        f"{fields}{'<tr><th>gives<th><th></tr>' + gives if gives else ''}</table><pre>{line}</pre></section>"
    )


def _type_words(field: ApiField) -> str:
    kinds = get_args(field.kind) if isinstance(field.kind, UnionType) else (field.kind,)
    words = " or ".join(JSON_TYPES[kind] for kind in kinds if kind is not type(None))
    if field.default is REQUIRED:
        return words
    return f"{words}, optional" if field.default is None else f"{words}, {escape(json.dumps(field.default))}"


def _curl_command(path: str, body: dict[str, Any], base_url: str) -> str:
    return escape(f"curl {base_url}{path} -H 'Content-Type: application/json' -d '{json.dumps(body)}'")


ROUTES: list[BaseRoute] = [
    Route("/api", get_api_page),
    Route("/api/openapi.json", get_openapi),
]
