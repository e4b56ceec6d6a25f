"""Description of the API: an OpenAPI document and a page for people, both from the registered endpoints."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import HTMLResponse, Response
from torch import Tensor

from elbowroom import __version__
from elbowroom.studio.api.endpoint import ENDPOINTS, EXAMPLE_RUN, ApiRequest, Endpoint, QueryFields, endpoint
from elbowroom.studio.http.media import JSON
from elbowroom.web.render import environment

PAGE_TEMPLATE = Path(__file__).parents[1] / "static" / "api.html"
#: The error responses of every endpoint, by status.
ERROR_DESCRIPTIONS = {
    "400": "the request is wrong: one line that says why",
    "404": "there is no such run",
    "409": "the state of the run, or of the runs folder, does not allow it",
    "413": "the body is too large",
    "429": "too many requests are waiting",
}
NO_FIELDS: dict[str, Any] = {"properties": {}}
ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "field": {"type": "string", "description": "the field of a form that is wrong, where it is known"},
    },
    "required": ["error"],
}


@endpoint("/api/openapi.json", "GET")
def get_openapi(request: ApiRequest[QueryFields]) -> dict[str, Any]:
    """This description, as an OpenAPI document."""
    return openapi_document()


@cache
def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all endpoints.

    >>> sorted(openapi_document()["paths"])[:3]
    ['/api', '/api/actions', '/api/attribute']
    """
    items = list(ENDPOINTS.values())
    types = [item.fields_type for item in items] + [item.answer_type for item in items if item.answer_type]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=_tensor_schema, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    paths = {item.path: {item.method.lower(): _endpoint_operation(item, by_type, components)} for item in items}
    return {
        "openapi": "3.1.0",
        "info": {"title": "elbowroom studio", "version": __version__},
        "paths": paths,
        "components": {"schemas": components | {"Error": ERROR_SCHEMA}},
    }


def _tensor_schema(kind: Any) -> dict[str, Any]:
    assert kind is Tensor, kind
    return {"type": "array"}


def _endpoint_operation(item: Endpoint, schemas: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": item.summary, "operationId": item.path.rpartition("/")[2]}
    if item.method == "GET":
        fields = components[item.fields_type.__name__]
        operation["parameters"] = [
            {"name": name, "in": "query", "required": name in fields["required"]}
            | {"description": schema.get("description", ""), "schema": schema}
            for name, schema in fields["properties"].items()
        ]
    else:
        body: dict[str, Any] = {JSON: {"schema": schemas[repr(item.fields_type)], "example": item.example_fields}}
        if item.accepts_image:
            body["image/*"] = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": body}
    answer = {"schema": schemas[repr(item.answer_type)]} if item.answer_type else {}
    content = {media_type: answer if media_type == JSON else {} for media_type in item.media_types}
    error = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = {status: {"description": text, "content": error} for status, text in ERROR_DESCRIPTIONS.items()}
    return operation | {"responses": {"200": {"description": item.summary, "content": content}} | errors}


@endpoint("/api", "GET", files=("text/html",))
def get_api_page(request: ApiRequest[QueryFields]) -> Response:
    """This description, as a page."""
    base_url = str(request.http.base_url).rstrip("/")
    components = openapi_document()["components"]["schemas"]
    runs = request.studio.run_index.refresh()
    run = runs[0]["run"] if runs else EXAMPLE_RUN
    sections = [_page_section(item, components, base_url, run) for item in ENDPOINTS.values()]
    template = environment().from_string(PAGE_TEMPLATE.read_text(encoding="utf-8"))
    return HTMLResponse(template.render(sections=sections))


def _page_section(item: Endpoint, components: dict[str, Any], base_url: str, run: str) -> dict[str, Any]:
    """Return what the page shows of an endpoint: rows of name, type and description for its fields and its answer."""
    fields = components[item.fields_type.__name__]
    answer = components.get(getattr(item.answer_type, "__name__", ""), NO_FIELDS)
    return {
        "endpoint": item,
        "fields": [
            (name, _type_words(schema, name in fields["required"]), schema.get("description", ""))
            for name, schema in fields["properties"].items()
        ],
        "answer": [(name, schema.get("description", "")) for name, schema in answer["properties"].items()],
        "command": _example_command(item, base_url, run),
    }


def _example_command(item: Endpoint, base_url: str, run: str) -> str:
    """Return the request to an endpoint by curl, about a run that is there."""
    fields = {name: run if value == EXAMPLE_RUN else value for name, value in item.example_fields.items()}
    if item.method == "GET":
        query = f"?{urlencode(fields)}" if fields else ""
        return shlex.join(["curl", f"{base_url}{item.path}{query}"])
    return shlex.join(["curl", f"{base_url}{item.path}", "-H", f"Content-Type: {JSON}", "-d", json.dumps(fields)])


def _type_words(schema: dict[str, Any], is_required: bool) -> str:
    """Return a type, its bounds and its default in words.

    >>> _type_words({"type": "integer", "minimum": 1, "maximum": 9, "default": 4}, False)
    'integer, 1 to 9, 4'
    """
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    words = [" or ".join("object" if "$ref" in kind else kind.get("type", "string") for kind in kinds)]
    if {"minimum", "maximum"} <= set(schema):
        words.append(f"{schema['minimum']} to {schema['maximum']}")
    if not is_required:
        words.append("optional" if schema["default"] is None else json.dumps(schema["default"]))
    return ", ".join(words)
