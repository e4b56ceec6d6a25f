#!/usr/bin/env python3
"""Write types of what the studio's endpoints answer, from its OpenAPI document, for the check of its scripts.

    .venv/bin/python tools/answer_types.py      # writes src/elbowroom/studio/api/answers.d.ts

A field that an endpoint renames is an error of the type check where a script still reads the old one.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elbowroom.studio.api.openapi import openapi_document

PATH = Path(__file__).resolve().parents[1] / "src" / "elbowroom" / "studio" / "api" / "answers.d.ts"
HEADING = "// Written by tools/answer_types.py from the OpenAPI document: what the endpoints of the studio answer.\n"
WIDTH = 116
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

Schema = dict[str, Any]


def main() -> None:
    """Write the file."""
    PATH.write_text(answer_types(openapi_document()), encoding="utf-8")


def answer_types(document: Schema) -> str:
    """Return TypeScript's declarations of the answers in JSON, by path, and of all types in them."""
    schemas = document["components"]["schemas"]
    answers = dict(_answers(document))
    names: list[str] = []
    for schema in answers.values():
        _collect(schema, schemas, names)
    paths = "".join(f'  "{path}": {type_of(schema)};\n' for path, schema in answers.items())
    parts = [f"/** The answer of each endpoint, by its path. */\nexport interface Answers {{\n{paths}}}\n"]
    return "\n".join([HEADING, *parts, *(_interface(name, schemas[name]) for name in names)])


def _answers(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            content = operation["responses"]["200"]["content"]
            if schema := content.get("application/json", {}).get("schema"):
                yield path, schema


def _collect(schema: Any, schemas: dict[str, Schema], names: list[str]) -> None:
    """Add the names of all schemas that one refers to."""
    if isinstance(schema, list):
        for item in schema:
            _collect(item, schemas, names)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in names:
            names.append(name)
            _collect(schemas[name], schemas, names)
        for key, item in schema.items():
            if key != "$ref":
                _collect(item, schemas, names)


def _interface(name: str, schema: Schema) -> str:
    fields = []
    for field, of_field in schema["properties"].items():
        mark = "" if field in schema.get("required", ()) else "?"
        fields.append(_comment(of_field, "  ") + f"  {field}{mark}: {type_of(of_field)};\n")
    return f"{_comment(schema)}export interface {name} {{\n{''.join(fields)}}}\n"


def _comment(schema: Schema, indent: str = "") -> str:
    text = schema.get("description", "").replace("*/", "")
    if not text:
        return ""
    if len(text) <= WIDTH - 7 and "\n" not in text:
        return f"{indent}/** {text} */\n"
    lines = textwrap.wrap(" ".join(text.split()), WIDTH - 5)
    return f"{indent}/**\n" + "".join(f"{indent} * {line}\n" for line in lines) + f"{indent} */\n"


def type_of(schema: Schema) -> str:
    """Return the type of a value by its schema.

    >>> type_of({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}})
    '(number | null)[]'
    """
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    if "prefixItems" in schema:
        return f"[{', '.join(map(type_of, schema['prefixItems']))}]"
    if schema.get("type") == "array":
        item = type_of(schema.get("items", {}))
        return f"({item})[]" if " | " in item else f"{item}[]"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties", {})
        return f"Record<string, {type_of(values if isinstance(values, dict) else {})}>"
    return SCALARS.get(schema.get("type", ""), "any")


if __name__ == "__main__":
    main()
