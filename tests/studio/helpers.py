"""Requests to a studio and checks of its responses, shared by its tests."""

import base64
import io
import json

import numpy as np
import torch
from starlette.testclient import TestClient

from elbowroom.recipes import RECIPES
from elbowroom.studio.app import create_app
from tests.tiny_recipes import make_tiny

BASE_URL = "http://localhost"
CONDITIONAL = {
    name for name, recipe in RECIPES.items() if "labels" in recipe.arguments and make_tiny(name)[0].is_conditional
}


def open_client(folder, **options):
    """A client of a studio on a folder of runs."""
    return TestClient(create_app(folder, **options), base_url=BASE_URL)


def get(client, path, /, **query):
    return client.get(f"/api/{path}", params=query)


def post(client, path, /, **body):
    return client.post(f"/api/{path}", json=body)


def ok_json(response):
    """The body of a response that must be a success."""
    assert response.status_code == 200, response.text
    return response.json()


def error_of(response, status=400):
    """The message of a response that must be an error, on one line."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert "\n" not in error
    return error


def read_npz(response):
    """The arrays of a response that must be an NPZ file."""
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content), allow_pickle=False)


def model_info(client, run):
    return ok_json(get(client, "model", run=run))


def runs_by_name(client):
    return {run["run"]: run for run in client.get("/api/runs").json()["runs"]}


def condition(recipe, n):
    """Class 3 for n examples, for a conditional recipe."""
    return torch.full((n,), 3) if recipe in CONDITIONAL else None


def encode_image(image, file_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def to_base64(content):
    return base64.b64encode(content).decode()


def to_jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
