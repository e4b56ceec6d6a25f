"""OpenAPI: every endpoint is described, and the examples run."""

import base64
import html
import re
from urllib.parse import unquote

import pytest

from elbowroom.studio.api.endpoint import ENDPOINTS, ModelRequest
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
                schema = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
                assert set(schema["required"]) <= set(body["example"]) <= set(schema["properties"]) | {"n"}, path
    page = client.get("/api")
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall("<script[^>]*>", page.text) == [
        '<script type="module" src="/static/js/api_page.js" blocking="render">'
    ]
    assert all(path in page.text for path in document["paths"])


def test_examples_of_the_page_name_a_run_that_exists(client):
    runs = {run["run"] for run in get(client, "runs").json()["runs"]}
    commands = re.findall("<pre[^>]*>(.*?)</pre>", client.get("/api").text, flags=re.DOTALL)
    page = unquote(html.unescape("\n".join(commands)))
    named = set(re.findall(r"[?&]run=([\w./-]+)", page)) | set(re.findall(r'"run": "([^"]+)"', page))
    assert named
    assert named <= runs


def test_the_examples_of_every_endpoint_run(client):
    """The examples of requests to models, with latents of the model's size."""
    components = ok_json(client.get("/api/openapi.json"))["components"]["schemas"]
    for endpoint in ENDPOINTS.values():
        if endpoint.request_type.__origin__ is not ModelRequest and endpoint.name != "code":
            continue
        body = endpoint.example_fields | {"run": "vae"}
        if "z" in body:
            body["z"] = [0.0] * 20
        if "png" in body:
            body["png"] = base64.b64encode(get(client, "examples", run="vae", index="0", size=28).content).decode()
        answer = get(client, endpoint.name, **body) if endpoint.method == "GET" else post(client, endpoint.name, **body)
        assert answer.status_code == 200, (endpoint.path, answer.text)
        if "application/json" in answer.headers["content-type"]:
            properties = components[endpoint.answer_type.__name__]
            assert set(properties["required"]) <= set(answer.json()) <= set(properties["properties"]), endpoint.path
