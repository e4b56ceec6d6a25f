"""What is asked and answered: JSON bodies that are checked, answers that are JSON, and mistakes in one line."""

from __future__ import annotations

import json
import logging
import math
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

LOG = logging.getLogger("elbowroom.studio")
#: Marks a field of a body that has to be there.
REQUIRED: Any = ...
_TYPE_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


class RequestError(ValueError):
    """What was asked cannot be done, in one line, with the HTTP status that says how.

    >>> RequestError("no run 'vae-7' here: reload the list", 404).status
    404
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def json_response(value: Any, status: int = 200) -> Response:
    """An answer in JSON; numbers that are not finite become null, arrays and tensors lists.

    >>> bytes(json_response({"elbo": float("nan"), "z": (1, 2.5)}).body)
    b'{"elbo":null,"z":[1,2.5]}'
    """
    return Response(to_json(value), status, media_type="application/json")


def to_json(value: Any) -> str:
    """A value as JSON that every browser reads."""
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


def nan_to_null(value: Any) -> Any:
    """The same with None for what is no number.

    >>> nan_to_null([1.0, float("inf"), {"kl": float("nan")}])
    [1.0, None, {'kl': None}]
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: nan_to_null(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_null(item) for item in value]
    return value


def parse_json(data: bytes | str) -> Any:
    """JSON from outside: NaN and Infinity are none of it, nor is what is nested without end.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(data, parse_constant=_reject_constant)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply: send it flat") from None
    except ValueError as error:
        raise ValueError(f'the body is not JSON ({error}): send an object, as {{"run": "vae-digits-1"}}') from None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


async def read_body(request: Request, **fields: Any) -> dict[str, Any]:
    """The JSON object that a request carries, with just these fields, each of its type.

    Args:
        request: the request.
        fields: by name, a type, or a tuple ``(type, default)``; a type alone is a field that has to be there. A float
            takes whole numbers; a union of types takes either.

    Raises:
        Refused: it is not JSON, a field is unknown, missing or of another type.
    """
    try:
        given = parse_json(await request.body())
    except RequestError:
        raise
    except ValueError as error:
        raise RequestError(str(error)) from None
    return check_fields(given, fields)


def check_fields(body: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """The object with just these fields, each of its type, defaults filled in.

    >>> check_fields({"n": 3}, {"n": int, "seed": (int, 0)})
    {'n': 3, 'seed': 0}
    >>> check_fields({"m": 3}, {"n": int})
    Traceback (most recent call last):
    elbowroom.studio.http.json.RequestError: unknown field 'm': the fields are n
    """
    if not isinstance(body, dict):
        raise RequestError(f"the body is {_describe_value(body)}: send an object with the fields {', '.join(fields)}")
    for name in body:
        if name not in fields:
            raise RequestError(f"unknown field '{str(name)[:40]}': the fields are {', '.join(fields)}")
    found = {}
    for name, kind in fields.items():
        kind, default = kind if isinstance(kind, tuple) else (kind, REQUIRED)
        if name not in body and default is REQUIRED:
            raise RequestError(f"the field '{name}' is missing: give {_describe_type(kind)}")
        found[name] = _check_field(name, body[name], kind, default) if name in body else default
    return found


def _check_field(name: str, value: Any, kind: Any, default: Any) -> Any:
    kinds = getattr(kind, "__args__", None) or (kind,)
    if value is None and (default is None or type(None) in kinds):
        return None
    for one in kinds:
        if one is Any or (isinstance(value, one) and (one is bool or not isinstance(value, bool))):
            return value
        if one is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    raise RequestError(f"the field '{name}' is {_describe_value(value)}: give {_describe_type(kind)}")


def _describe_type(kind: Any) -> str:
    kinds = getattr(kind, "__args__", None) or (kind,)
    return " or ".join(_TYPE_WORDS[one] for one in kinds if one in _TYPE_WORDS) or "a value"


def _describe_value(value: Any) -> str:
    return "null" if value is None else _TYPE_WORDS.get(type(value), "something else")


def error_response(request: Request, error: Exception) -> Response:
    """The answer to a request that failed: one line, and the status that says how."""
    if isinstance(error, HTTPException):
        known = {404: f"there is no {request.url.path} here", 405: f"{request.url.path} does not take {request.method}"}
        return json_response({"error": known.get(error.status_code, str(error.detail))}, error.status_code)
    return json_response({"error": one_line(error)}, getattr(error, "status", 400))


def internal_error_response(error: Exception) -> Response:
    """The answer to what nobody foresaw; the log has the rest."""
    return json_response({"error": f"the studio failed at this ({type(error).__name__}): its terminal says where"}, 500)


def one_line(error: Exception) -> str:
    """An error's words on one line.

    >>> one_line(ValueError("lr is\\n  negative"))
    'lr is negative'
    """
    return " ".join(str(error).split()) or type(error).__name__
