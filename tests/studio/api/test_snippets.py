"""Snippets: the command line and the Python program give the same as the API."""

import io
import shlex

import numpy as np
import pytest

from elbowroom.cli import main
from tests.studio.helpers import post


@pytest.fixture
def client(trained_client):
    return trained_client


REQUESTS = {
    "sample": {"n": 5, "seed": 3},
    "sample warm": {"do": "sample", "n": 5, "seed": 3, "temperature": 0.7},
    "decode": {"z": [[0.5, -1.25, 0.1], [-3.0, 1e-7, 2.0]]},
    "interpolate": {"a": {"index": 1}, "b": {"index": 2, "split": "train"}, "steps": 5},
    "interpolate spherical": {
        "do": "interpolate",
        "a": {"z": [1, 0, 0]},
        "b": {"z": [0, 2, 0.3]},
        "steps": 3,
        "path": "spherical",
    },
    "traverse": {"z": [0.5, -1.25, 0.1], "dims": [2, 0], "offsets": [-1, 0, 0.5]},
    "reconstruct": {"index": [0, 1, 2], "split": "test"},
    "reconstruct some": {"do": "reconstruct", "index": [7, 4], "split": "train"},
    "reconstruct numbers": {"do": "reconstruct", "x": [[0.25] * 64], "c": 2},
    "encode": {"index": [0, 1]},
}


CONDITIONS = {"vae": {}, "cvae": {"c": 4}, "m2": {"c": 4}, "cvae in turn": {}, "m2 in turn": {}}


@pytest.mark.parametrize("conditions", CONDITIONS)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_snippets_give_the_same_as_the_api(client, tmp_path, monkeypatch, request_name, conditions):
    run, do = conditions.partition(" ")[0], REQUESTS[request_name].get("do", request_name)
    body = {"run": run} | {key: value for key, value in REQUESTS[request_name].items() if key != "do"}
    takes_label = "index" not in body and do != "encode"
    if takes_label:
        body |= CONDITIONS[conditions]
    if run == "vae" or (conditions == "cvae in turn" and "x" not in body):
        body.pop("c", None)
    code = post(client, "code", do=do, **body)
    assert code.status_code == 200, code.text
    format_field = {} if do == "encode" else {"format": "npz"}
    response = post(client, do, **format_field, **body)
    assert response.status_code == 200, response.text
    key = {"encode": "z", "reconstruct": "reconstruction"}.get(do, "x")
    expected = np.array(response.json()["z"]) if do == "encode" else np.load(io.BytesIO(response.content))[key]
    namespace = {}
    exec(compile(code.json()["python"], "pasted", "exec"), namespace)
    computed = namespace["z" if do == "encode" else "x"].numpy()
    np.testing.assert_allclose(computed.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    command = code.json()["command"]
    if request_name in ("sample warm", "reconstruct some", "reconstruct numbers"):
        assert command is None
        return
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    assert program == "elbowroom"
    assert main(words) == 0
    np.testing.assert_allclose(np.load(words[-1])[key].reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
