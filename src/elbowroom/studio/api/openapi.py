"""Description of the API: an OpenAPI document and a page for people, both from the list of endpoints."""

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
#: The error responses of every endpoint, by status.
ERROR_DESCRIPTIONS = {
    "400": "the request is wrong: one line that says why",
    "404": "there is no such run",
    "413": "the body is too large",
    "429": "too many requests are waiting",
}


async def get_openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return json_response(openapi_document())


@cache
def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all endpoints.

    >>> sorted(openapi_document()["paths"])[:3]
    ['/api/attribute', '/api/code', '/api/decode']
    """
    paths = {endpoint.path: {endpoint.method.lower(): _endpoint_operation(endpoint)} for endpoint in ENDPOINTS}
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
    operation: dict[str, Any] = {"summary": endpoint.summary, "operationId": endpoint.path.rpartition("/")[2]}
    if endpoint.method == "GET":
        operation["parameters"] = [
            {"name": name, "in": "query", "required": field.default is REQUIRED, "description": field.description}
            | {"schema": _field_schema(field)}
            for name, field in fields.items()
        ]
    else:
        body: dict[str, Any] = {
            "application/json": {"schema": _object_schema(fields), "example": example_fields(endpoint)}
        }
        if endpoint.accepts_image:
            body["image/*"] = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": body}
    properties = {name: {"description": text} for name, text in endpoint.response_fields.items()}
    content = {
        media_type: {"schema": {"type": "object", "properties": properties}} if media_type == "application/json" else {}
        for media_type in endpoint.media_types
    }
    responses = {"200": {"description": endpoint.summary, "content": content}} | _error_responses()
    return operation | {"responses": responses}


def _snippets_operation() -> dict[str, Any]:
    do = ApiField(str, f"one of {', '.join(snippets.WRITERS)}; the other fields are those of that endpoint")
    schema = _object_schema({"do": do, "run": RUN_FIELD}) | {"additionalProperties": True}
    body = {"schema": schema, "example": {"do": "sample", "run": EXAMPLE_RUN, "n": 4}}
    properties = {"command": {"type": ["string", "null"]}, "python": {"type": "string"}}
    content = {"application/json": {"schema": {"type": "object", "properties": properties}}}
    return {
        "summary": SNIPPETS_SUMMARY,
        "operationId": "code",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": {"description": SNIPPETS_SUMMARY, "content": content}} | _error_responses(),
    }


SNIPPETS_SUMMARY = "The command line and the Python program that give the same result, ready to be pasted."


def _error_responses() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": text, "content": content} for status, text in ERROR_DESCRIPTIONS.items()}


def _object_schema(fields: dict[str, ApiField]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name: _field_schema(field) | {"description": field.description} for name, field in fields.items()
        },
        "required": [name for name, field in fields.items() if field.default is REQUIRED],
        "additionalProperties": False,
    }


def _field_schema(field: ApiField) -> dict[str, Any]:
    kinds = get_args(field.kind) if isinstance(field.kind, UnionType) else (field.kind,)
    names = ["null" if kind is type(None) else JSON_TYPES[kind] for kind in kinds]
    default = {} if field.default in (REQUIRED, None) else {"default": field.default}
    return {"type": names[0] if len(names) == 1 else names} | default


def example_fields(endpoint: Endpoint) -> dict[str, Any]:
    """Return example values of an endpoint's fields."""
    return {"run": EXAMPLE_RUN} | endpoint.example


async def get_api_page(request: Request) -> Response:
    """Return the page that describes all endpoints, each with an example."""
    base_url = str(request.base_url).rstrip("/")
    sections = "".join(_endpoint_section(endpoint, base_url) for endpoint in ENDPOINTS)
    sections += (
        f"<section><h2>POST /api/code</h2><p>{escape(SNIPPETS_SUMMARY)}</p><pre>"
        f"{_curl_command('/api/code', {'do': 'sample', 'run': EXAMPLE_RUN, 'n': 4}, base_url)}</pre></section>"
    )
    return HTMLResponse(PAGE_TEMPLATE.read_text(encoding="utf-8").replace("ENDPOINTS", sections))


def _endpoint_section(endpoint: Endpoint, base_url: str) -> str:
    fields = "".join(
        f"<tr><td><code>{name}</code></td><td>{_type_words(field)}</td><td>{escape(field.description)}</td></tr>"
        for name, field in ({"run": RUN_FIELD} | endpoint.fields).items()
    )
    response = "".join(
        f"<tr><td><code>{name}</code></td><td colspan=2>{escape(text)}</td></tr>"
        for name, text in endpoint.response_fields.items()
    )
    response = f"<tr><th>response<th><th></tr>{response}" if response else ""
    return (
        f"<section><h2>{endpoint.method} {endpoint.path}</h2><p>{escape(endpoint.summary)}</p>"
        f"<table><tr><th>fields<th><th></tr>{fields}{response}</table>"
        f"<pre>{_example_command(endpoint, base_url)}</pre></section>"
    )


def _example_command(endpoint: Endpoint, base_url: str) -> str:
    if endpoint.method != "GET":
        return _curl_command(endpoint.path, example_fields(endpoint), base_url)
    query = "&".join(f"{name}={value}" for name, value in example_fields(endpoint).items())
    return escape(f"curl '{base_url}{endpoint.path}?{query}'")


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
