"""JSON requests and responses: typed fields, errors that name the field, null for numbers that are not finite."""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from elbowroom.studio.errors import RequestError, one_line

#: Length of a name or value in an error message.
MAX_SHOWN_CHARS = 40
_TYPE_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}

T = TypeVar("T")


class RequestFields(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a query string, a JSON body or a message; a subclass declares them."""


def json_response(value: Any, status: int = 200) -> Response:
    """Create a JSON response; numbers that are not finite become null, arrays and tensors lists.

    >>> bytes(json_response({"elbo": float("nan"), "z": (1, 2.5)}).body)
    b'{"elbo":null,"z":[1,2.5]}'
    """
    return Response(_ENCODER.encode(value), status, media_type="application/json")


def to_json(value: Any) -> str:
    """Return a value as strict JSON, which has neither NaN nor Infinity."""
    return _ENCODER.encode(value).decode()


def _to_jsonable(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return value.tolist()


_ENCODER = msgspec.json.Encoder(enc_hook=_to_jsonable)


def parse_json(data: bytes | str) -> Any:
    """Parse strict JSON: without NaN and Infinity, and not nested too deeply.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply: send it flat") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f'the body is not JSON ({error}): send an object, as {{"run": "vae-digits-1"}}') from None


def convert_fields(values: Any, kind: type[T], is_text: bool = False) -> T:
    """Return parsed JSON as an object of this type.

    Args:
        values: parsed JSON.
        kind: the type, such as a :class:`RequestFields`.
        is_text: whether numbers are given as text, as in a query string.

    Raises:
        RequestError: a field is unknown, missing or of another type.

    >>> class Sample(RequestFields):
    ...     n: int
    ...     seed: int = 0
    >>> convert_fields({"n": 3}, Sample)
    Sample(n=3, seed=0)
    >>> convert_fields({"n": "x"}, Sample)
    Traceback (most recent call last):
    elbowroom.studio.errors.RequestError: the field 'n' is 'x': expected an integer
    """
    try:
        return msgspec.convert(values, kind, strict=not is_text)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise RequestError(_explain_error(message, re.findall(r"\w+", path), values, kind)) from None


def _explain_error(message: str, path: list[str], values: Any, kind: type) -> str:
    """Return an error of msgspec in our words, with the path of the field and its value."""
    hint: Any = kind
    bounds: tuple[Meta, ...] = ()
    for name in path:
        values = values[int(name)] if isinstance(values, list) else values.get(name, values)
        if not name.isdigit():
            owner = _find_struct(hint)
            hint = get_type_hints(owner)[name]
            bounds = getattr(get_type_hints(owner, include_extras=True)[name], "__metadata__", ())
    shown = "the field '{}'".format(re.sub(r"\.(\d+)", r"[\1]", ".".join(path)[:MAX_SHOWN_CHARS]))
    if match := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", message, re.DOTALL):
        name = ".".join([*path, match[2][:MAX_SHOWN_CHARS]])
        what = f"the field '{name}' is missing" if match[1].startswith("missing") else f"unknown field '{name}'"
        return f"{what}: the fields are {', '.join(_find_struct(hint).__struct_fields__)}"
    if message.startswith("Invalid enum value"):
        expected = f"one of {', '.join(get_args(hint))}"
    else:
        expected = _expected_words(message, *((meta.ge, meta.le) for meta in bounds))
    return f"{shown if path else 'the body'} is {_show_value(values)}: expected {expected}"


def _find_struct(hint: Any) -> Any:
    """Return the struct in a type, which may be a union.

    >>> _find_struct(RequestFields | None) is RequestFields
    True
    """
    return next((kind for kind in get_args(hint) if hasattr(kind, "__struct_fields__")), hint)


def _expected_words(message: str, bounds: tuple[float | None, float | None] = (None, None)) -> str:
    """Return what msgspec expected, in words.

    >>> _expected_words("Expected `int | array | null`, got `str`"), _expected_words("Expected `int` >= 1", (1, 9))
    ('an integer or a list', 'an integer from 1 to 9')
    """
    match = re.match(r"Expected `([^`]+)`( of length)?( [<>]= \d+)?", message)
    if match is None:
        return "another value, as this is out of range"
    words = " or ".join(_TYPE_WORDS.get(name, name) for name in match[1].split(" | ") if name != "null")
    if None not in bounds:
        return f"{words} from {bounds[0]} to {bounds[1]}"
    bound = (match[3] or "").replace(" >=", " at least").replace(" <=", " at most")
    return words + (f", its length{bound}" if match[2] else bound and f",{bound}")


def _show_value(value: Any) -> str:
    if isinstance(value, dict | list):
        return _TYPE_WORDS["object" if isinstance(value, dict) else "array"]
    return repr(value)[:MAX_SHOWN_CHARS] if isinstance(value, str) else to_json(value)[:MAX_SHOWN_CHARS]


def error_response(request: Request, error: Exception) -> Response:
    """Create the response to a request that failed: one line, with the status of a RequestError, or else 400."""
    if isinstance(error, HTTPException):
        path = request.url.path
        messages = {404: f"there is no {path} here", 405: f"{path} does not take {request.method}"}
        return json_response({"error": messages.get(error.status_code, str(error.detail))}, error.status_code)
    if isinstance(error, RequestError):
        field = {} if error.field is None else {"field": error.field}
        return json_response({"error": one_line(error)} | field, error.status)
    return json_response({"error": one_line(error)}, 400)


def internal_error_response(error: Exception) -> Response:
    """Create the response to an unexpected error, whose traceback is in the log."""
    message = f"internal error of the studio ({type(error).__name__}): the terminal it runs in has the traceback"
    return json_response({"error": message}, 500)
