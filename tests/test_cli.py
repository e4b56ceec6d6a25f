"""The command line as a user meets it: what it makes, and what it says to a mistake."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli import main

QUICK = ["--steps", "12", "--device", "cpu"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on the digits, with a two-dimensional code."""
    path = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", "vae", "--data", "digits", "--latent", "2", *QUICK, "--out", str(path)]) == 0
    return path


@pytest.fixture
def said(capsys):
    """Run a command line that is a mistake; its one line."""

    def say(*arguments):
        capsys.readouterr()
        assert main([str(a) for a in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("elbowroom: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return say


def test_train_leaves_a_run_directory(run):
    record = json.loads((run / "recipe.json").read_text())
    assert record["recipe"] == "vae"
    assert record["arguments"]["latent"] == 2
    assert record["data"]["name"] == "digits"
    assert record["training"]["seed"] == 0
    assert record["versions"]["torch"] == torch.__version__
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {row.get("split") for row in rows[:-1]} == {"train", "validation", "test"}
    for row in rows[:-1]:
        assert {"step", "epoch", "split", "loss", "elbo", "reconstruction", "kl", "seconds"} <= set(row)
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["kl"], abs=1e-3)
        assert row["elbo"] == pytest.approx(-row["loss"], abs=1e-3)
    assert rows[-1]["reason"] == "finished"
    assert (run / "model.safetensors").is_file()
    names = {picture.name for picture in (run / "images").iterdir()}
    assert {"reconstructions-0002.png", "samples-0002.png", "curves.png"} <= names


def test_the_same_command_gives_the_same_weights(run, tmp_path):
    main(["train", "vae", "--data", "digits", "--latent", "2", *QUICK, "--out", str(tmp_path / "again")])
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()


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
    assert f"{elbo['value']:.2f}" in table


def test_sample_from_the_prior_and_from_codes(run, tmp_path, capsys):
    grid, arrays = tmp_path / "grid.png", tmp_path / "codes.npz"
    assert main(["sample", str(run), "-n", "9", "--out", str(grid)]) == 0
    assert Image.open(grid).size[0] > 150
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


def test_lists(run, capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    for name in er.recipes.RECIPES:
        assert name in out
    assert main(["data"]) == 0
    assert "fashion-mnist" in capsys.readouterr().out
    assert main(["runs", str(run.parent)]) == 0
    out = capsys.readouterr().out
    assert "first" in out
    assert "finished" in out


def test_config_file_gives_defaults_and_flags_win(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('data = "digits"\nlatent = 3\nhidden = [32, 16]\nbatch-size = 64\nsteps = 5\n')
    out = tmp_path / "run"
    assert main(["train", "vae", "--config", str(file), "--latent", "4", "--out", str(out)]) == 0
    record = json.loads((out / "recipe.json").read_text())
    assert record["arguments"]["latent"] == 4
    assert record["arguments"]["hidden"] == [32, 16]
    assert record["training"]["batch_size"] == 64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tarin", "vae"], "unknown command 'tarin': did you mean 'train'"),
        (["train", "bvae"], "unknown recipe 'bvae': did you mean 'vae'"),
        (["train", "vae", "--latnet", "2"], "No such option.*--latnet.*--latent"),
        (["train", "vae", "--latent", "two"], "--latent.*'two' is not a valid integer"),
        (["train", "vae", "--hidden", "4,x"], "--hidden.*not a list of whole numbers"),
        (["train", "vae", "--latent", "0"], "at least 1, got"),
        (["train", "vae", "--hidden", "0"], "hidden widths must be at least 1"),
        (["train", "vae", "--activation", "rellu"], "unknown activation 'rellu': did you mean 'relu'"),
        (["train", "vae", "--likelihood", "bernouli"], "did you mean 'bernoulli'"),
        (["train", "vae", "--data", "mnits"], "unknown data set 'mnits': did you mean 'mnist'"),
        (["train", "vae", "--data", "no/such/place"], "no such file or folder"),
        (["train", "vae", "--batch-size", "5000"], "batch size 5000 is larger than the 1258 training examples"),
        (["train", "vae", "--epochs", "0"], "epochs must be at least 1"),
        (["train", "vae", "--epochs", "1", "--steps", "1"], "both epochs"),
        (["train", "vae", "--lr", "-1"], "learning rate must be above 0"),
        (["train", "vae", "--optimizer", "adma"], "did you mean 'adam'"),
        (["train", "vae", "--device", "gpu"], "no device 'gpu' on this machine: choose from cpu"),
        (["train", "vae", "--device", "cuda:9"], "no device 'cuda:9'"),
        (["train", "vae", "--watch", "tests"], "unknown split 'tests': did you mean 'test'"),
        (["train", "vae", "--validation", "1.0"], "nothing to train on|expected a fraction"),
        (["train", "vae", "--validation", "some"], "neither a count of examples nor a fraction"),
        (["train", "vae", "--k", "0"], "k, the samples per example, must be at least 1"),
        (["train", "iwae", "--k", "0"], "k, the samples per example, must be at least 1"),
        (["train", "ladder_vae", "--hidden", "10"], "5 latents need 5 hidden widths, got 1"),
        (["train", "ladder_vae", "--warmup", "0"], "a ramp needs at least 1 step"),
        (["train", "vq_vae", "--codes", "1"], "at least 2 codes"),
        (["train", "vamp_vae", "--components", "0"], "at least 1 pseudo-input"),
        (["train", "vae", "--config", "none.toml"], "cannot read --config none.toml"),
        (["evaluate", "nowhere"], "nowhere holds no run"),
        (["resume", "nowhere"], "nowhere holds no run"),
        (["runs", "nowhere"], "no folder nowhere"),
        (["sample", "nowhere", "--out", "x.png"], "nowhere holds no run"),
        (["sample", "nowhere"], "Missing option.*--out"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, words, said, tmp_path, monkeypatch):
    import re

    monkeypatch.chdir(tmp_path)
    assert re.search(words, said(*arguments))
    assert not list(tmp_path.iterdir())


def test_mistakes_in_a_config_file(said, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("latnet = 3\n")
    assert "did you mean 'latent'" in said("train", "vae", "--config", file)
    file.write_text("latent = \n")
    assert "is not TOML" in said("train", "vae", "--config", file)


def pictures(folder, n=30, size=(8, 8)):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def test_mistakes_in_ones_own_data(said, tmp_path):
    out = tmp_path / "run"

    def train(path, *more):
        return said("train", "vae", "--data", path, "--steps", "1", "--batch-size", "4", *more, "--out", out)

    (tmp_path / "empty").mkdir()
    assert "no pictures in" in train(tmp_path / "empty")
    damaged = pictures(tmp_path / "damaged")
    (damaged / "004.png").write_bytes((damaged / "004.png").read_bytes()[:80])
    (damaged / "009.png").write_text("not a picture")
    line = train(damaged)
    assert "2 of 30 pictures" in line
    assert "004.png (cut short)" in line
    assert "009.png (not a picture)" in line
    mixed = pictures(tmp_path / "mixed")
    Image.new("L", (9, 9)).save(mixed / "x.png")
    line = train(mixed)
    assert "2 sizes" in line
    assert "--resize" in line
    x = np.random.default_rng(0).random((40, 5)).astype(np.float32)
    x[7, 2] = np.nan
    np.save(tmp_path / "nan.npy", x)
    line = train(tmp_path / "nan.npy")
    assert "NaN or infinite" in line
    assert "index 7" in line
    x[7, 2] = 1.7
    np.save(tmp_path / "range.npy", x)
    line = train(tmp_path / "range.npy", "--validation", "0")
    assert "value 1.7 in example" in line
    assert "outside [0, 1]" in line
    assert "--likelihood gaussian" in line
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        archive.writestr("a.png", b"x" * 100)
    whole = (tmp_path / "broken.zip").read_bytes()
    (tmp_path / "broken.zip").write_bytes(whole[:60])
    assert "broken.zip is not a whole .zip file" in train(tmp_path / "broken.zip")
    assert not out.exists()


def test_mistakes_with_a_run(run, said, tmp_path):
    assert "already holds a run" in said("train", "vae", "--steps", "1", "--out", run)
    assert "is finished" in said("resume", run)
    assert "has no 'tests' split" in said("evaluate", run, "--split", "tests")
    assert "samples" in said("evaluate", run, "--samples", "0")
    assert "has 3 numbers; this model's codes have 2" in said("sample", run, "--z", "0,0; 1,2,3", "--out", "x.png")
    assert "is not numbers" in said("sample", run, "--z", "0,a", "--out", "x.png")
    assert "holds no code" in said("sample", run, "--z", ";", "--out", "x.png")
    assert "must end in .png" in said("sample", run, "--out", "x.gif")
    assert "there is no folder" in said("sample", run, "--out", tmp_path / "no" / "x.png")
    assert "-n must be at least 1" in said("sample", run, "-n", "0", "--out", "x.png")
    assert "no such file or folder" in said("reconstruct", run, "--input", "gone.png", "--out", "x.png")
    assert "has no 'tests' split" in said("reconstruct", run, "--split", "tests", "--out", "x.png")
    wide = tmp_path / "wide.png"
    Image.new("L", (9, 8)).save(wide)
    assert "--resize" in said("reconstruct", run, "--input", wide, "--out", "x.png")
    assert not Path("x.png").exists()


def test_weights_cut_short_or_another_recipes(run, said, tmp_path):
    import shutil

    short = shutil.copytree(run, tmp_path / "short")
    weights = short / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "is cut short or damaged" in said("evaluate", short)
    other = shutil.copytree(run, tmp_path / "other")
    assert main(["train", "beta_vae", "--latent", "3", *QUICK, "--out", str(tmp_path / "beta")]) == 0
    shutil.copy(tmp_path / "beta" / "model.safetensors", other / "model.safetensors")
    assert "belongs to another model" in said("evaluate", other)
    (other / "model.safetensors").unlink()
    assert "no weights at" in said("sample", other, "--out", "x.png")
    (other / "recipe.json").write_text("{")
    assert "not readable as JSON" in said("evaluate", other)


def test_an_out_that_cannot_be_written(said, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot write the run" in said("train", "vae", "--steps", "1", "--out", tmp_path / "file" / "run")


def test_no_prior_to_sample_from(said, tmp_path):
    path = tmp_path / "ae"
    assert main(["train", "autoencoder", "--latent", "2", *QUICK, "--out", str(path)]) == 0
    assert "no prior to sample from: give codes" in said("sample", path, "--out", tmp_path / "x.png")
    assert main(["sample", str(path), "--z", "0,0", "--out", str(tmp_path / "x.png")]) == 0
    assert main(["evaluate", str(path), "--samples", "2"]) == 0


def test_tables_have_no_pictures(said, tmp_path):
    np.save(tmp_path / "table.npy", np.random.default_rng(0).normal(size=(60, 5)))
    path = tmp_path / "run"
    arguments = ["train", "vae", "--data", tmp_path / "table.npy", "--likelihood", "gaussian", "--batch-size", "16"]
    assert main([str(a) for a in [*arguments, *QUICK, "--out", path]]) == 0
    assert "not pictures: give an --out that ends in .npz" in said("sample", path, "--out", tmp_path / "x.png")
    assert main(["sample", str(path), "-n", "3", "--out", str(tmp_path / "x.npz")]) == 0
    assert np.load(tmp_path / "x.npz")["x"].shape == (3, 5)


def test_help_imports_no_torch():
    """What makes ``import elbowroom`` and ``elbowroom --help`` quick, without a clock."""
    for arguments in (["--help"], ["train", "--help"], ["train", "vae", "--help"], ["recipes"]):
        code = (
            "import sys; from elbowroom.cli import main; code = main(sys.argv[1:]); "
            "heavy = {'torch', 'numpy', 'matplotlib', 'sklearn', 'PIL'} & set(sys.modules); "
            "sys.exit(f'imported {heavy}' if heavy or code else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "vae" in done.stdout


def test_no_arguments_is_help(capsys):
    assert main([]) == 2
    assert "Train, judge and sample" in capsys.readouterr().out


def test_ctrl_c_ends_cleanly_with_a_loadable_run(tmp_path):
    import os
    import signal
    import time

    path = tmp_path / "run"
    command = [sys.executable, "-m", "elbowroom", "train", "vae", "--epochs", "100000", "--out", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (path / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert f"elbowroom resume {path}" in out
    assert er.load(path).sample(2).shape == (2, 1, 8, 8)
    assert "Traceback" not in err
