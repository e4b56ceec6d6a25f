"""Evaluate, sample and reconstruct."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from elbowroom.formatting import format_fixed
from tests.cli.conftest import QUICK


def test_evaluate_prints_json_and_a_table(run, capsys):
    assert main(["evaluate", str(run), "--samples", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    elbo = found["metrics"]["elbo"]
    assert elbo["unit"] == "nats"
    assert elbo["examples"] == 359
    assert elbo["samples"] == 5
    assert elbo["split"] == "test"
    assert elbo["standard_error"] > 0
    assert len(found["metrics"]["kl_per_dimension"]["value"]) == 2
    assert sum(found["metrics"]["kl_per_dimension"]["value"]) == pytest.approx(found["metrics"]["kl"]["value"])
    assert "not a likelihood" in found["protocol"]["likelihood"]
    assert main(["evaluate", str(run), "--samples", "5"]) == 0
    table = capsys.readouterr().out
    assert "importance bound" in table
    assert format_fixed(elbo["value"]) in table


def test_sample_from_the_prior_and_from_latents(run, tmp_path, capsys):
    grid, arrays = tmp_path / "grid.png", tmp_path / "codes.npz"
    assert main(["sample", str(run), "-n", "9", "--out", str(grid)]) == 0
    with Image.open(grid) as image:
        assert image.width > 150
    assert main(["sample", str(run), "--z", "0,0; 0,1; -0.9,-0.9", "--out", str(arrays)]) == 0
    held = np.load(arrays)
    np.testing.assert_allclose(held["z"], [[0, 0], [0, 1], [-0.9, -0.9]], rtol=1e-6)
    expected = er.load(run).sample(z=torch.tensor(held["z"]))
    np.testing.assert_allclose(held["x"], expected.numpy(), atol=1e-6)
    assert held["x"].min() >= 0
    assert held["x"].max() <= 1


def test_reconstruct_the_test_split_and_ones_own(run, tmp_path):
    out = tmp_path / "out.npz"
    assert main(["reconstruct", str(run), "-n", "4", "--out", str(out)]) == 0
    held = np.load(out)
    x = er.load_data("digits").test.first(4).x
    np.testing.assert_allclose(held["x"], x.numpy())
    np.testing.assert_allclose(held["reconstruction"], er.load(run).reconstruct(x).numpy(), atol=1e-6)
    picture = tmp_path / "mine.png"
    Image.fromarray(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)).save(picture)
    assert main(["reconstruct", str(run), "--input", str(picture), "--out", str(tmp_path / "mine-again.png")]) == 0
    colour = tmp_path / "colour.png"
    Image.new("RGB", (30, 20), (255, 0, 0)).save(colour)
    arguments = ["reconstruct", str(run), "--input", str(colour), "--resize", "8", "--out", str(out)]
    assert main(arguments) == 0
    np.testing.assert_allclose(np.load(out)["x"], 76 / 255, atol=0.01)


def test_labels_of_latents_are_as_typed_and_the_grid_is_not_mostly_background(tmp_path):
    from elbowroom.cli.evaluate_sample import latent_label
    from elbowroom.plotting import sample_grid

    assert latent_label([0.0, -0.9]) == "0,-0.9"
    label = latent_label([i / 10 for i in range(20)])
    assert label == "0,0.1,0.2,… (20)"
    for text in ("0,0", label, "-0.123457,-0.123457,-0.123457,-0.123457"):
        sheet = np.asarray(sample_grid(torch.zeros(9, 1, 8, 8), labels=[text] * 9))
        assert (sheet == 255).all(-1).mean() < 0.5


def test_curves_of_few_points_show_them_all(tmp_path):
    from elbowroom.plotting import plot_curves

    model, objective = er.recipes.vae((1, 8, 8), latent=2, hidden=(8,))
    figure = plot_curves(er.fit(model, objective, "digits", steps=6, out=tmp_path / "run", device="cpu"))
    for axes in figure.axes:
        low, high = axes.get_ylim()
        for line in axes.get_lines():
            assert line.get_marker() == "o"
            assert all(low <= y <= high for y in line.get_ydata())


@pytest.mark.parametrize(
    ("trained_with", "asked", "is_said"), [(None, [], True), ("none", [], False), (None, ["--sampler", "prior"], False)]
)
def test_a_sampler_that_the_recipe_has_and_the_run_has_not_is_said(
    tmp_path, capsys, digits, trained_with, asked, is_said
):
    """After a training that was interrupted; not where nobody wanted one."""
    model, objective = er.recipes.two_stage_vae(digits.shape, latent=2, hidden=(8,))
    run = er.fit(model, objective, digits, steps=1, out=tmp_path / "run", sampler=trained_with)
    assert main(["sample", str(run.path), *asked, "--out", str(tmp_path / "x.png")]) == 0
    said = f"'elbowroom fit-sampler {run.path} two-stage' fits it"
    assert (said in capsys.readouterr().err) == is_said


def test_no_prior_to_sample_from(error_line, tmp_path):
    path = tmp_path / "ae"
    assert main(["train", "autoencoder", "--latent", "2", *QUICK, "--out", str(path)]) == 0
    assert "no prior to sample from: give latents" in error_line("sample", path, "--out", tmp_path / "x.png")
    assert main(["sample", str(path), "--z", "0,0", "--out", str(tmp_path / "x.png")]) == 0
    assert main(["evaluate", str(path), "--samples", "2"]) == 0


def test_tables_have_no_images(error_line, tmp_path):
    np.save(tmp_path / "table.npy", np.random.default_rng(0).normal(size=(60, 5)))
    path = tmp_path / "run"
    arguments = ["train", "vae", "--data", tmp_path / "table.npy", "--likelihood", "gaussian", "--batch-size", "16"]
    assert main([str(a) for a in [*arguments, *QUICK, "--out", path]]) == 0
    assert "not images: give an --out that ends in .npz" in error_line("sample", path, "--out", tmp_path / "x.png")
    assert main(["sample", str(path), "-n", "3", "--out", str(tmp_path / "x.npz")]) == 0
    assert np.load(tmp_path / "x.npz")["x"].shape == (3, 5)


def test_an_error_about_images_imports_no_plotting(run, tmp_path):
    """It would print lines of its own where it cannot write to its folder."""
    code = (
        "import sys; from elbowroom.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(f'imported matplotlib' if 'matplotlib' in sys.modules or code else 0)"
    )
    arguments = ["sample", str(run), "-n", "2", "--out", str(tmp_path / "x.png")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
