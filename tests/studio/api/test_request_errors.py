"""Wrong requests: one line and a status of the 400s, never an internal error."""

import json
import re

import pytest

from elbowroom.studio.api.openapi import ENDPOINTS, example_fields
from tests.studio.helpers import error_of, get, post


@pytest.fixture
def client(recipe_client):
    return recipe_client


NONSENSE = [None, 0, -1, 1e300, "", "x", [], [[]], [None], ["a"], [[1, [2]]], {}, {"z": {}}, True, "NaN", 2**70]


def test_nonsense_never_causes_an_internal_error(client):
    """Every field of every endpoint with values of wrong types and sizes."""
    for endpoint in ENDPOINTS:
        if endpoint.method != "POST":
            continue
        for name in endpoint.fields:
            for value in NONSENSE:
                answer = post(client, endpoint.path[5:], **example_fields(endpoint) | {"run": "vae", name: value})
                assert answer.status_code in (200, 400), (endpoint.path, name, value, answer.text)
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
    ("decode", {"z": "a"}, "give a list"),
    ("decode", {"z": [["a"] * 20]}, "expected numbers in lists of equal lengths"),
    ("decode", {"z": [[1e400] * 20]}, "not JSON|not finite|no number"),
    ("decode", {"z": [[0.0] * 20] * 1025}, "at most 1024"),
    ("decode", {"z": [[0.0] * 20], "c": 3}, "not conditional"),
    ("decode", {"z": [[0.0] * 20], "format": "bmp"}, "choose from json, png, npz"),
    ("decode", {"z": [[0.0] * 20], "colour": 1}, "unknown field 'colour'"),
    ("sample", {"n": 0}, "give 1 to 256"),
    ("sample", {"n": 257}, "give 1 to 256"),
    ("sample", {"n": 1, "temperature": -1}, "give 0 to 10"),
    ("sample", {"n": 1, "seed": -1}, "whole number from 0"),
    ("encode", {}, "give one of x, png, index"),
    ("encode", {"index": 0, "x": [0.0]}, "x and index given"),
    ("encode", {"index": 359}, "give 0 to 358"),
    ("encode", {"index": -1}, "give 0 to 358"),
    ("encode", {"index": [0.5]}, "whole numbers"),
    ("encode", {"index": 0, "split": "dev"}, "choose from train, validation, test"),
    ("encode", {"x": [2.0] * 64}, r"outside \[0, 1\], the range of Bernoulli"),
    ("interpolate", {"a": {"index": 0}, "b": {"place": 1}}, "b: give"),
    ("interpolate", {"a": {"index": 0}, "b": {"index": 1}, "steps": 65}, "give 2 to 64"),
    ("interpolate", {"a": {"index": 0}, "b": {"index": 1}, "path": "sferical"}, "did you mean 'spherical'"),
    ("traverse", {"z": [0.0] * 20, "dims": [20], "offsets": [1]}, "no dimension 20"),
    ("traverse", {"z": [0.0] * 20, "dims": [], "offsets": [1]}, "dims: give whole numbers"),
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
        ("plane", {"n": "many"}, "give a number"),
        ("plane", {"n": "100000"}, "give 5 to 5000"),
        ("examples", {"index": "1;2"}, "whole numbers"),
        ("examples", {"index": "1", "size": 4000}, "sizes of 8 to 512"),
        ("attribute", {"name": "nine"}, "unknown class 'nine'"),
    ],
)
def test_wrong_queries_are_explained(client, path, query, words):
    assert words in error_of(get(client, path, run="vae", **query))
