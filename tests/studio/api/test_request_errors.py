"""Wrong requests: one line and a status of the 400s, never an internal error."""

import json
import re

import pytest

from elbowroom.studio.api.endpoint import ENDPOINTS
from tests.studio.helpers import error_of, get


@pytest.fixture
def client(recipe_client):
    return recipe_client


NONSENSE = [None, 0, -1, 1e300, "", "x", [], [[]], [None], ["a"], [[1, [2]]], {}, {"z": {}}, True, "NaN", 2**70]


def test_nonsense_never_causes_an_internal_error(client):
    """Every field of every endpoint with values of wrong types and sizes."""
    for endpoint in ENDPOINTS.values():
        for name in endpoint.fields_type.__struct_fields__:
            for value in NONSENSE:
                body = endpoint.example_fields | {"run": "vae", name: value}
                if endpoint.method == "POST":
                    answer = client.post(endpoint.path, json=body)
                else:
                    answer = client.get(endpoint.path, params=body | {name: json.dumps(value)})
                assert answer.status_code in (200, 400, 404, 409, 503), (endpoint.path, name, value, answer.text)
    for text in (
        "",
        "{",
        "[]",
        "1",
        '{"id": 1}',
        '{"id": -1, "z": [0]}',
        '{"id": 1, "z": "x"}',
        '{"id": {}, "z": [[]]}',
    ):
        with client.websocket_connect("ws://localhost/ws/decode?run=vae") as socket:
            socket.send_text(text)
            assert "error" in json.loads(socket.receive_text())
    with client.websocket_connect("ws://localhost/ws/decode?run=nothing") as socket:
        socket.send_text('{"id": 1, "z": [0]}')
        assert "no run 'nothing'" in json.loads(socket.receive_text())["error"]


MISTAKES = [
    ("decode", {"z": [[1, 2]]}, "give 20 numbers each"),
    ("decode", {"z": "a"}, "the field 'z' is 'a': expected a list"),
    ("decode", {"z": [["a"] * 20]}, "expected numbers in lists of equal lengths"),
    ("decode", {"z": [[1e400] * 20]}, "not JSON|not finite|no number"),
    ("decode", {"z": [[0.0] * 20] * 1025}, "at most 1024"),
    ("decode", {"z": [[0.0] * 20], "c": 3}, "not conditional"),
    (
        "decode",
        {"z": [[0.0] * 20], "format": "bmp"},
        "'format' is 'bmp': expected one of json, png, csv, npz",
    ),
    ("decode", {"z": [[0.0] * 20], "colour": 1}, "unknown field 'colour'"),
    ("sample", {"n": 0}, "the field 'n' is 0: expected an integer from 1 to 256"),
    ("sample", {"n": 257}, "expected an integer from 1 to 256"),
    ("sample", {"n": 1, "temperature": -1}, "expected a number from 0 to 10"),
    ("sample", {"n": 1, "seed": -1}, "expected an integer from 0 to"),
    ("encode", {}, "give one of x, png, index"),
    ("encode", {"index": 0, "x": [0.0]}, "x and index given"),
    ("encode", {"index": 359}, "give 0 to 358"),
    ("encode", {"index": -1}, "give 0 to 358"),
    ("encode", {"index": [0.5]}, r"the field 'index\[0\]' is 0.5: expected an integer"),
    ("encode", {"index": 0, "split": "dev"}, "choose from train, validation, test"),
    ("encode", {"x": [2.0] * 64}, r"outside \[0, 1\], the range of Bernoulli"),
    ("interpolate", {"a": {"index": 0}, "b": {"place": 1}}, "unknown field 'b.place': the fields are z, index, split"),
    ("interpolate", {"a": {"index": 0}, "b": {"split": "test"}}, "b: give"),
    ("interpolate", {"a": {"index": 0}, "b": {"index": 1}, "steps": 65}, "expected an integer from 2 to 64"),
    ("interpolate", {"a": {"index": 0}, "b": {"index": 1}, "path": "sferical"}, "did you mean 'spherical'"),
    ("traverse", {"z": [0.0] * 20, "dims": [20], "offsets": [1]}, "no dimension 20"),
    (
        "traverse",
        {"z": [0.0] * 20, "dims": [], "offsets": [1]},
        "the field 'dims' is a list: expected a list, its length at least 1",
    ),
    ("traverse", {"z": [0.0] * 20, "dims": [0], "offsets": []}, "offsets"),
    ("own", {"png": "hello"}, "not base64"),
    ("code", {"do": "train"}, "unknown value of 'do' 'train'"),
]


@pytest.mark.parametrize(("path", "body", "words"), MISTAKES)
def test_wrong_bodies_are_explained(client, path, body, words):
    answer = client.post(
        f"/api/{path}", content=json.dumps({"run": "vae"} | body), headers={"content-type": "application/json"}
    )
    assert re.search(words, error_of(answer))


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("plane", {"view": "umap"}, "unknown view"),
        ("plane", {"view": "dims:0,0"}, "two dimensions of 0 to 19"),
        ("plane", {"view": "dims:0,20"}, "two dimensions of 0 to 19"),
        ("plane", {"n": "many"}, "the field 'n' is 'many': expected an integer from 5 to 5000"),
        ("plane", {"n": "100000"}, "the field 'n' is '100000': expected an integer from 5 to 5000"),
        ("examples", {"index": "1;2"}, "whole numbers"),
        ("examples", {"index": "1", "size": 4000}, "expected an integer from 8 to 512"),
        ("attribute", {"name": "nine"}, "unknown class 'nine'"),
    ],
)
def test_wrong_queries_are_explained(client, path, query, words):
    assert words in error_of(get(client, path, run="vae", **query))
