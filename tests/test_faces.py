"""Faces: what the benchmark compares is the same work, and the page's script draws what it measures."""

import importlib.util
import math

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.training.precision import choose_matmul_mode, use_matmul_mode


@pytest.fixture
def script(root):
    """A script of the checkout as a module, by its path."""

    def load(path):
        spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), root / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def jpegs(tmp_path):
    """A few JPEG files of the size of CelebA's at half."""
    rng = np.random.default_rng(0)
    for name in "abc":
        small = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
        small.resize((89, 109), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.jpg")
    return tmp_path


def test_both_ways_of_the_benchmark_see_the_same_pixels(script, jpegs):
    faces = script("benchmarks/faces.py")
    crop = faces.cropped_to(jpegs)
    assert crop == 74
    ours = er.load_data(jpegs, crop=crop, resize=faces.SIDE, validation=0, test=0).train.first(3).x
    pictures = faces.Pictures(sorted(jpegs.glob("*.jpg")), crop)
    assert torch.equal(ours, torch.stack([pictures[i] for i in range(len(pictures))]))


def test_the_network_written_out_has_the_loss_and_the_gradient_of_the_recipe(script):
    faces = script("benchmarks/faces.py")
    x = torch.rand(4, 3, faces.SIDE, faces.SIDE)
    model, objective = faces.recipe()
    parameters, loss_of = faces.written_out()
    torch.manual_seed(1)
    ours = objective(model.draw(x), torch.tensor(0))
    torch.manual_seed(1)
    theirs = loss_of(x)
    torch.testing.assert_close(ours, theirs)
    ours.backward(), theirs.backward()
    for a, b in zip(model.parameters(), parameters, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-3 * b.grad.abs().max().item())


def test_rounded_products_follow_the_weights():
    """A cache of rounded weights that outlived the step would let a training stand still."""
    layer, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    with use_matmul_mode("autocast", torch.device("cpu")), torch.no_grad():
        before = layer(x)
        layer.weight.add_(1.0)
        torch.testing.assert_close(layer(x), before + 4, rtol=0.02, atol=0.02)


def test_bf16_trains_convolutions_as_single_precision_does(tmp_path, digits):
    losses = {}
    for precision in ("float32", "bf16"):
        torch.manual_seed(0)
        model, objective = er.recipes.conv_vae(digits.shape, latent=8, widths=(8, 16))
        assert choose_matmul_mode("bf16", torch.device("cpu"), model) == "autocast"
        settings = {"epochs": 4, "lr": 3e-3, "device": "cpu", "watch": ("test",), "precision": precision}
        run = er.fit(model, objective, digits, out=tmp_path / precision, **settings)
        losses[precision] = [row["loss"] for row in run.metrics("test")]
    assert losses["float32"][-1] < losses["float32"][0] - 10
    assert losses["bf16"] == pytest.approx(losses["float32"], abs=2)


@pytest.mark.parametrize(("count", "batch_size", "epochs"), [(1258, 128, 100), (1258, 1, 10)])
def test_a_small_set_is_gone_through_until_there_are_enough_steps(tmp_path, digits, count, batch_size, epochs):
    assert len(digits.train) == count

    @er.on.step
    def enough(state):
        state[er.training.state.STOP] = "seen"

    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=())
    run = er.fit(
        model, objective, digits, batch_size=batch_size, device="cpu", out=tmp_path / "run", callbacks=[enough]
    )
    assert run.record["training"]["epochs"] == epochs


def test_the_page_of_likelihoods_draws_a_line_for_each(script, tmp_path, digits):
    page = script("docs/likelihoods.py")
    run = page.trained("discretised-logistic", digits, 1, tmp_path / "run")
    assert page.trained("discretised-logistic", digits, 1, tmp_path / "run").path == run.path
    faces, again, samples, draws = page.row(run, digits)
    assert faces.shape == again.shape == (page.FACES, 1, 8, 8)
    assert page.strip(faces).shape == (8 + 2, (8 + 1) * page.FACES)
    page.save(page.sheet(["one", "two"], 2 * [[faces, again, samples, draws]]), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").width > 600


def test_bits_of_a_density_are_those_of_uniform_pixels_where_it_is_uniform(script, monkeypatch):
    """A density of 1 over [0, 1] says of every pixel that its 256 levels are alike: 8 bits."""
    page = script("docs/likelihoods.py")
    monkeypatch.setattr(page.er, "evaluate", lambda *_, **__: {"importance_bound": type("Figure", (), {"value": 0.0})})
    assert page.bits(type("Run", (), {"record": {"shape": [1, 28, 20]}})) == pytest.approx(math.log2(256))
