"""JSON requests and responses: check bodies field by field, write finite JSON, report errors in one line."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from elbowroom.runs.metrics_log import nan_to_null
from elbowroom.studio.errors import RequestError, one_line

#: The default of a field that is required.
REQUIRED: Any = ...
#: Length of a field's name in an error message.
MAX_SHOWN_CHARS = 40
_TYPE_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def json_response(value: Any, status: int = 200) -> Response:
    """Create a JSON response; numbers that are not finite become null, arrays and tensors lists.

    >>> bytes(json_response({"elbo": float("nan"), "z": (1, 2.5)}).body)
    b'{"elbo":null,"z":[1,2.5]}'
    """
    return Response(to_json(value), status, media_type="application/json")


def to_json(value: Any) -> str:
    """Return a value as strict JSON, which has neither NaN nor Infinity."""
    try:
        return _dumps(value)
    except ValueError:
        return _dumps(nan_to_null(value))


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_to_jsonable)


def _to_jsonable(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return nan_to_null(value.tolist())


def parse_json(data: bytes | str) -> Any:
    """Parse strict JSON: without NaN and Infinity, and not nested too deeply.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(data, parse_constant=_reject_constant)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply: send it flat") from None
    except ValueError as error:
        raise ValueError(f'the body is not JSON ({error}): send an object, as {{"run": "vae-digits-1"}}') from None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


async def read_body(request: Request, **fields: Any) -> dict[str, Any]:
    """Read the JSON object in a request's body and check its fields.

    Args:
        request: the request.
        fields: by name, a type for a required field, or a tuple ``(type, default)``. A float takes whole numbers too; a
            union of types takes either.

    Raises:
        ValueError: it is not JSON, or a field is unknown, missing or of another type.
    """
    return check_fields(parse_json(await request.body()), fields)


def check_fields(body: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the object if it has only these fields, each of its type, with defaults filled in.

    >>> check_fields({"n": 3}, {"n": int, "seed": (int, 0)})
    {'n': 3, 'seed': 0}
    >>> check_fields({"m": 3}, {"n": int})
    Traceback (most recent call last):
    elbowroom.studio.errors.RequestError: unknown field 'm': the fields are n
    """
    if not isinstance(body, dict):
        raise RequestError(f"the body is {_describe_value(body)}: send an object with the fields {', '.join(fields)}")
    for name in body:
        if name not in fields:
            raise RequestError(f"unknown field '{str(name)[:MAX_SHOWN_CHARS]}': the fields are {', '.join(fields)}")
    values = {}
    for name, type_spec in fields.items():
        kind, default = type_spec if isinstance(type_spec, tuple) else (type_spec, REQUIRED)
        if name not in body and default is REQUIRED:
            raise RequestError(f"the field '{name}' is missing: give {_describe_type(kind)}")
        values[name] = _check_field(name, body[name], kind, default) if name in body else default
    return values


def _check_field(name: str, value: Any, union: Any, default: Any) -> Any:
    kinds = _union_members(union)
    if value is None and (default is None or type(None) in kinds):
        return None
    for kind in kinds:
        if kind is Any or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
            return value
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    raise RequestError(f"the field '{name}' is {_describe_value(value)}: give {_describe_type(union)}")


def _union_members(kind: Any) -> tuple[Any, ...]:
    return getattr(kind, "__args__", None) or (kind,)


def _describe_type(union: Any) -> str:
    return " or ".join(_TYPE_WORDS[kind] for kind in _union_members(union) if kind in _TYPE_WORDS) or "a value"


def _describe_value(value: Any) -> str:
    return "null" if value is None else _TYPE_WORDS.get(type(value), "something else")


def error_response(request: Request, error: Exception) -> Response:
    """Create the response to a request that failed: one line, with the status of a RequestError, or else 400."""
    if isinstance(error, HTTPException):
        path = request.url.path
        messages = {404: f"there is no {path} here", 405: f"{path} does not take {request.method}"}
        return json_response({"error": messages.get(error.status_code, str(error.detail))}, error.status_code)
    return json_response({"error": one_line(error)}, getattr(error, "status", 400))


def internal_error_response(error: Exception) -> Response:
    """Create the response to an unexpected error, whose traceback is in the log."""
    message = f"internal error of the studio ({type(error).__name__}): the terminal it runs in has the traceback"
    return json_response({"error": message}, 500)
