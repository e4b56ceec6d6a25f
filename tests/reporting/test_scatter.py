"""The points and thumbnails of a report are the latents and the examples."""

import base64

import numpy as np
import torch

import elbowroom as er
from tests.reporting.page import read_report


def test_the_points_are_the_latents_of_the_examples(runs, digits):
    run = runs("beta_vae")
    scatter = read_report(run, examples=500).data["latents"]
    x, y = digits.test.first(1000).x, digits.test.first(1000).y
    z = er.load(run).encode(x)
    assert sorted(scatter["index"]) == list(range(359))
    coordinates = scatter["views"][0]["x"], scatter["views"][0]["y"]
    for choice, values in zip(scatter["dimensions"][:2], coordinates, strict=True):
        dim = int(choice["name"][1:].translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))) - 1
        np.testing.assert_allclose(values, z[scatter["index"], dim], rtol=1e-3, atol=1e-3)
    assert scatter["labels"] == y[scatter["index"]].tolist()
    assert [view["name"] for view in scatter["views"]] == ["two dimensions", "PCA", "t-SNE"]


def test_the_thumbnails_are_the_examples(runs, digits):
    from io import BytesIO

    from PIL import Image

    scatter = read_report(runs("vae"), examples=60).data["latents"]
    sheet = scatter["sheet"]
    image = Image.open(BytesIO(base64.b64decode(sheet["source"].partition(",")[2]))).convert("L")
    pixels = torch.from_numpy(np.asarray(image).copy()).float() / 255
    x = digits.test.first(400).x[torch.tensor(scatter["index"])]
    size, across = sheet["width"], sheet["across"]
    thumbnails = torch.stack([pixels[i // across * size :, i % across * size :][:size, :size] for i in range(60)])
    nearest = torch.cdist(thumbnails.flatten(1), x.flatten(1)).argmin(1)
    assert torch.equal(nearest, torch.arange(60))
