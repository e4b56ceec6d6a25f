"""The benchmark of samples of faces: every variant trains and draws, and scores are what they are called."""

import json
import math
import sys

import pytest
import torch

import elbowroom as er
from elbowroom.samplers import parse


@pytest.fixture
def benchmark(load_image_benchmark):
    return load_image_benchmark("face_samples", "our_recipes", "peers", "scores")


def test_a_recipe_trains_and_draws_from_its_densities(benchmark, color_images, monkeypatch):
    monkeypatch.setattr(benchmark.our_recipes, "TIMED_STEPS", 1)
    row = benchmark.our_recipes.RECIPES["faces"]
    small = row._replace(arguments=row.arguments | {"latent": 4}, sampler="gaussian")
    trained = benchmark.our_recipes.train_recipe(small, color_images, 1e-3, seed=0)
    assert trained.steps == 1
    assert {name: draw(3).shape for name, draw in trained.draws.items()} == dict.fromkeys(
        ("prior", "gaussian"), (3, 3, 64, 64)
    )


def test_recipes_and_their_samplers_are_there(benchmark):
    for row in benchmark.our_recipes.RECIPES.values():
        er.recipes.find(row.recipe)((3, 64, 64), **row.arguments)
        parse(row.sampler)


def test_the_row_of_faces_is_the_recipe(benchmark):
    """The settings measured are those that ``elbowroom train faces`` has."""
    row, recipe = benchmark.our_recipes.RECIPES["faces"], er.recipes.find("faces")
    assert {name: recipe.defaults[name] for name in row.settings} == row.settings
    assert (row.ema, row.sampler) == (recipe.defaults["average"], recipe.sampler)
    assert {name: recipe.arguments[name].default for name in row.arguments} == row.arguments


@pytest.mark.parametrize("name", ["VanillaVAE", "BetaVAE", "WAE_MMD", "VanillaVAE, half width"])
def test_the_networks_of_pytorch_vae_train_and_draw(benchmark, color_images, name):
    trained = benchmark.peers.PEER_VARIANTS[f"pytorch-vae {name}"](color_images, 1e-3, 0)
    assert trained.steps == 1
    drawn = trained.draws["prior"](2)
    assert drawn.shape == (2, 3, 64, 64)
    assert (drawn.min() >= 0).all()
    assert (drawn.max() <= 1).all()


def test_pythae_trains_and_draws(benchmark, color_images):
    pytest.importorskip("pythae", reason="the peer is not installed")
    trained = benchmark.peers.PEER_VARIANTS["pythae VAE, elbowroom's network"](color_images, 1e-3, 0)
    assert [draw(2).shape for draw in trained.draws.values()] == [(2, 3, 64, 64)] * 2


def test_the_published_network_has_the_published_size(benchmark):
    """3.94 million parameters: five convolutions of 32 to 512, two heads of 128, and the way back."""
    assert benchmark.variants.count_parameters(benchmark.peers.PyTorchVAE()) == 3_937_635


def test_the_mmd_leaves_out_equal_indices(benchmark):
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [3.0]])
    expected = (4 / (4 + 9) + 4 / (4 + 1)) / 2
    assert math.isclose(benchmark.peers.off_diagonal_kernel(a, b).item(), expected, rel_tol=1e-6)


def test_the_distance_is_to_the_nearest_other_image(benchmark):
    images = torch.zeros(3, 3, 2, 2)
    images[1] += 1
    images[2] += 1.5
    distance = benchmark.scores.nearest_distance(images[:1], images)
    assert math.isclose(distance, math.sqrt(12), rel_tol=1e-6)


def test_no_face_is_found_in_noise(benchmark):
    pytest.importorskip("cv2", reason="OpenCV has the detector")
    assert benchmark.scores.share_with_face(torch.rand(5, 3, 64, 64)) == 0


def test_a_variant_is_measured_once(benchmark, color_images, tmp_path, monkeypatch, capsys):
    pytest.importorskip("cv2", reason="OpenCV has the detector")
    calls = []

    def variant(data, cpu_s, seed):
        calls.append(seed)
        return benchmark.variants.Trained({"prior": lambda n: torch.rand(n, 3, 64, 64)}, 1, 2, cpu_s)

    monkeypatch.setattr(er, "load_data", lambda name, **amounts: color_images)
    monkeypatch.setattr(benchmark.run, "SAMPLES", 64)
    monkeypatch.setitem(benchmark.run.VARIANTS, "faces", variant)
    for seed in ("0", "0", "1"):
        words = ["run.py", "--cpu-seconds", "4", "--only", "faces", "--seed", seed, "--out", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", words)
        benchmark.run.main()
    assert calls == [0, 1]
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [row["task"] for row in rows].count("references") == 3
    assert {"fid", "kid", "faces", "nearest", "parameters"} <= rows[-1].keys()
    assert "| faces | prior |" in capsys.readouterr().out
    assert (tmp_path / "faces-prior-4s-0.png").exists()
