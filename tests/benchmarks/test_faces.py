"""The benchmark on faces compares the same work on both sides."""

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er


@pytest.fixture
def jpegs(tmp_path):
    """A few JPEG files of the size of CelebA's at half."""
    rng = np.random.default_rng(0)
    for name in "abc":
        small = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
        small.resize((89, 109), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.jpg")
    return tmp_path


def test_both_loaders_give_the_same_pixels(load_script, jpegs):
    faces = load_script("benchmarks/faces.py")
    crop = faces.crop_size(jpegs)
    assert crop == 74
    x = er.load_data(jpegs, crop=crop, resize=faces.SIDE, validation=0, test=0).train.first(3).x
    images = faces.JpegDataset(sorted(jpegs.glob("*.jpg")), crop)
    assert torch.equal(x, torch.stack([images[i] for i in range(len(images))]))


def test_plain_network_has_the_loss_and_gradients_of_the_recipe(load_script):
    faces = load_script("benchmarks/faces.py")
    x = torch.rand(4, 3, faces.SIDE, faces.SIDE)
    model, objective = faces.recipe_model()
    parameters, loss_of = faces.plain_network()
    torch.manual_seed(1)
    expected = objective(model.draw(x), torch.tensor(0))
    torch.manual_seed(1)
    loss = loss_of(x)
    torch.testing.assert_close(loss, expected)
    expected.backward(), loss.backward()
    for a, b in zip(model.parameters(), parameters, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-3 * b.grad.abs().max().item())
