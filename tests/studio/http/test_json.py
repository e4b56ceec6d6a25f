"""JSON: fields and their types, errors that name them, numbers that are not finite."""

import json
from typing import Annotated, Literal

import msgspec
import numpy as np
import pytest
import torch
from msgspec import Meta

from elbowroom.studio.errors import RequestError
from elbowroom.studio.http.json import RequestFields, convert_fields, parse_json, to_json


class Options(RequestFields):
    size: int


class Fields(RequestFields):
    n: Annotated[int, Meta(ge=1, le=9)]
    x: float = 0.5
    index: int | Annotated[list[int], Meta(min_length=1)] | None = None
    seed: Annotated[int, Meta(ge=0)] = 0
    name: Literal["a", "b"] = "a"
    is_drawn: bool = False
    options: Options | None = None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (3, "the body is 3: expected an object"),
        ([1], "the body is a list: expected an object"),
        ({"n": True}, "the field 'n' is true: expected an integer from 1 to 9"),
        ({"n": 0}, "the field 'n' is 0: expected an integer from 1 to 9"),
        ({"n": 2**70}, f"the field 'n' is {2**70}: expected an integer from 1 to 9"),
        ({"n": 1, "x": "a"}, "the field 'x' is 'a': expected a number"),
        (
            {"n": 1, "x": 10**400},
            f"the field 'x' is {str(10**400)[:40]}: expected another value, as this is out of range",
        ),
        ({"n": 1, "index": "a\nb"}, "the field 'index' is 'a\\nb': expected an integer or a list"),
        ({"n": 1, "index": [1, {}]}, "the field 'index[1]' is an object: expected an integer"),
        ({"n": 1, "index": []}, "the field 'index' is a list: expected a list, its length at least 1"),
        ({"n": 1, "seed": -1}, "the field 'seed' is -1: expected an integer, at least 0"),
        ({"n": 1, "name": "c"}, "the field 'name' is 'c': expected one of a, b"),
        ({"n": 1, "is_drawn": None}, "the field 'is_drawn' is null: expected true or false"),
        ({"n": 1, "options": {"size": "x"}}, "the field 'options.size' is 'x': expected an integer"),
        ({"n": 1, "options": {}}, "the field 'options.size' is missing: the fields are size"),
        ({"n": 1, "options": {"size": 1, "color": 2}}, "unknown field 'options.color': the fields are size"),
        (
            {"n": 1, "m" * 90: 2},
            f"unknown field '{'m' * 40}': the fields are n, x, index, seed, name, is_drawn, options",
        ),
        ({}, "the field 'n' is missing: the fields are n, x, index, seed, name, is_drawn, options"),
    ],
)
def test_wrong_fields_are_refused_with_their_path_and_value(body, message):
    with pytest.raises(RequestError) as caught:
        convert_fields(body, Fields)
    assert str(caught.value) == message


def test_text_of_a_query_becomes_numbers():
    fields = convert_fields({"n": "3", "x": "0.25", "index": "7", "is_drawn": "true"}, Fields, is_text=True)
    assert fields == Fields(3, 0.25, 7, 0, "a", True)
    with pytest.raises(RequestError, match="the field 'n' is 'many': expected an integer from 1 to 9"):
        convert_fields({"n": "many"}, Fields, is_text=True)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"NaN", b"[Infinity]", b"[1e400]", b"\xff", b'"\xff"', b"[" * 100_000, b"1 2", "\ud800", b"1" * 5000],
)
def test_what_is_not_json_is_refused_on_one_line(text):
    with pytest.raises(ValueError, match="JSON") as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_not_finite_are_null():
    values = [
        float("nan"),
        float("-inf"),
        np.float64("nan"),
        torch.tensor([1.0, float("inf")]),
        np.float32(0.5),
        (1, 2),
    ]
    assert json.loads(to_json({"values": values})) == {"values": [None, None, None, [1, None], 0.5, [1, 2]]}
    with pytest.raises(TypeError, match="object is not JSON"):
        to_json({"value": object()})
    assert to_json(2**70) == str(2**70)
    assert msgspec.json.decode(to_json("\u2212")) == "\u2212"
