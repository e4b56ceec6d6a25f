"""OpenAPI: every endpoint is described, and the examples run."""

import base64

import pytest

from elbowroom.studio.api.openapi import ENDPOINTS, example_fields
from tests.studio.helpers import get, ok_json, post


@pytest.fixture
def client(recipe_client):
    return recipe_client


def test_every_endpoint_is_described(client):
    document = ok_json(client.get("/api/openapi.json"))
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            if method == "post":
                body = operation["requestBody"]["content"]["application/json"]
                assert set(body["example"]) <= set(body["schema"]["properties"]) | {"n"}, path
    page = client.get("/api")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert all(path in page.text for path in document["paths"])


def test_the_examples_of_every_endpoint_run(client):
    """The examples of the description, with latents of the model's size."""
    for endpoint in ENDPOINTS:
        body = example_fields(endpoint) | {"run": "vae"}
        if "z" in body:
            body["z"] = [0.0] * 20
        if "png" in body:
            body["png"] = base64.b64encode(get(client, "examples", run="vae", index="0", size=28).content).decode()
        answer = (
            get(client, endpoint.path[5:], **body)
            if endpoint.method == "GET"
            else post(client, endpoint.path[5:], **body)
        )
        assert answer.status_code == 200, (endpoint.path, answer.text)
        if "application/json" in answer.headers["content-type"]:
            assert set(endpoint.response_fields) - {"x"} <= set(answer.json()) | {"pngs"}, endpoint.path
