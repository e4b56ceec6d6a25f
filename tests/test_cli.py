"""The command line as a user meets it: what it makes, and what it says to a mistake."""

import json
import re
import shutil
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
    assert {row["split"] for row in rows if "split" in row} == {"train", "validation", "test"}
    assert {row["event"] for row in rows if "event" in row} == {"look", "end"}
    for row in (row for row in rows if "split" in row):
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
        (["train", "vae", "--latent", "0"], r"recipe vae\(latent=0\): .*at least 1, got"),
        (["train", "vae", "--latent", "-3"], r"recipe vae\(latent=-3\): .*at least 1, got"),
        (["train", "beta_vae", "--latent", "-3"], r"^elbowroom: recipe beta_vae\(latent=-3\): Diag.*at least 1, got"),
        (["train", "vq_vae", "--dim", "0"], r"recipe vq_vae\(dim=0\): .*at least 1, got"),
        (["train", "vae", "--hidden", "0"], "hidden widths must be at least 1"),
        (["train", "vae", "--activation", "rellu"], "unknown activation 'rellu': did you mean 'relu'"),
        (["train", "vae", "--likelihood", "bernouli"], "did you mean 'bernoulli'"),
        (["train", "vae", "--data", "mnits"], "unknown data set 'mnits': did you mean 'mnist'"),
        (["train", "vae", "--data", "no/such/place"], "no such file or folder"),
        (["train", "vae", "--batch-size", "5000"], "batch size 5000 is larger than the 1258 training examples"),
        (["train", "vae", "--epochs", "0"], "epochs must be at least 1"),
        (["train", "vae", "--epochs", "1", "--steps", "1"], "both epochs"),
        (["train", "vae", "--lr", "-1"], "learning rate must be above 0"),
        (["train", "vae", "--lr", "inf"], "--lr.*'inf' is not a finite number"),
        (["train", "beta_vae", "--beta", "nan"], "--beta.*'nan' is not a finite number"),
        (["train", "factor_vae", "--gamma", "nan"], "--gamma.*'nan' is not a finite number"),
        (["train", "vae", "--validation", "nan"], "--validation.*'nan' is not a finite number"),
        (["train", "vae", "--seed", "-1"], "--seed.*-1 is not in the range 0<=x<=4294967295"),
        (["sample", "nowhere", "--seed", "4294967296", "--out", "x.png"], "--seed.*is not in the range 0<=x<="),
        (["evaluate", "nowhere", "--seed", "-1"], "--seed.*-1 is not in the range 0<=x<=4294967295"),
        (["train", "vae", "--data", ""], "no data named: give a name"),
        (["train", "vae", "--optimizer", "adm"], "did you mean 'adam'"),
        (["train", "vae", "--device", "gpu"], "no device 'gpu' on this machine: choose from cpu"),
        (["train", "vae", "--device", "cuda:9"], "no device 'cuda:9'"),
        (["train", "vae", "--watch", "tests"], "unknown split 'tests': did you mean 'test'"),
        (["train", "vae", "--validation", "1.0"], "nothing to train on|expected a fraction"),
        (["train", "vae", "--validation", "some"], "neither a count of examples nor a fraction"),
        (["train", "vae", "--k", "0"], "k, the samples per example, must be at least 1"),
        (["train", "iwae", "--k", "0"], "k, the samples per example, must be at least 1"),
        (["train", "ladder_vae", "--hidden", "10"], "5 latents need 5 hidden widths, got 1"),
        (["train", "ladder_vae", "--hidden", "16,8,4", "--latent", "8,4"], "2 latents need 2 hidden widths, got 3"),
        (["train", "ladder_vae", "--latent", "none"], "a ladder needs at least one latent, got none"),
        (["train", "ladder_vae", "--latent", "7,6,5,4,3,2"], "6 latents need 6 hidden widths, got 5"),
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
    monkeypatch.chdir(tmp_path)
    assert re.search(words, said(*arguments))
    assert not list(tmp_path.iterdir())


def test_preset_gives_defaults_that_file_and_flags_go_before(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("lr = 0.002\n")
    out = tmp_path / "run"
    arguments = ["train", "vae", "--config", str(file), "--preset", "fast", "--epochs", "1", "--out", str(out)]
    assert main(arguments) == 0
    training = json.loads((out / "recipe.json").read_text())["training"]
    assert training["epochs"] == 1
    assert training["lr"] == 0.002
    assert training["callbacks"] == [{"name": "Rate", "arguments": {"shape": "one-cycle"}}]


def test_mistakes_in_a_config_file(said, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("latnet = 3\n")
    assert "did you mean 'latent'" in said("train", "vae", "--config", file)
    file.write_text("latent = \n")
    assert "is not TOML" in said("train", "vae", "--config", file)
    for field, words in (
        ("latent = [1, 2]", "latent = 1,2: '1,2' is not a valid integer"),
        ("latent = true", "latent = true: 'true' is not a valid integer"),
        ("seed = 1.7", "seed = 1.7: '1.7' is not a valid integer"),
        ("seed = -1", "seed = -1: -1 is not in the range"),
        ("hidden = [1.5]", "hidden = 1.5: '1.5' is not a list of whole numbers"),
        ("lr = nan", "lr = nan: 'nan' is not a finite number"),
        ("batch-size = {a = 1}", "batch-size is a table: expected what --batch-size takes"),
        ("hidden = [[1]]", "hidden is a list within a list: expected what --hidden takes"),
        ("binarise = 3", "binarise = 3: '3' is not one of"),
    ):
        file.write_text(field + "\n")
        assert f"--config {file}: {words}" in said("train", "vae", "--config", file)


def test_a_field_of_a_config_file_means_what_its_flag_means(tmp_path):
    file, out = tmp_path / "mine.toml", tmp_path / "run"
    file.write_text('watch = ["test"]\nhidden = []\nlinear = true\nsteps = 2\nlr = 1\nlatent = "3"\n')
    assert main(["train", "autoencoder", "--config", str(file), "--out", str(out)]) == 0
    record = er.Run(out).record
    assert record["training"]["watch"] == ["test"]
    assert record["training"]["lr"] == 1
    assert record["arguments"] | {"hidden": [], "linear": True, "latent": 3} == record["arguments"]


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
    assert re.search(r"value 1.7 in (row|example) 7\b", line)
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
    for code in ("nan,0", "inf,0"):
        assert f"code 1, '{code}', is not finite" in said("sample", run, "--z", code, "--out", "x.png")
    assert "both -n 5 and --z" in said("sample", run, "--z", "0,0", "-n", "5", "--out", "x.png")
    assert "holds no code" in said("sample", run, "--z", ";", "--out", "x.png")
    assert "must end in .png" in said("sample", run, "--out", "x.gif")
    assert "there is no folder" in said("sample", run, "--out", tmp_path / "no" / "x.png")
    assert "-n must be at least 1" in said("sample", run, "-n", "0", "--out", "x.png")
    assert "no such file or folder" in said("reconstruct", run, "--input", "gone.png", "--out", "x.png")
    assert "has no 'tests' split" in said("reconstruct", run, "--split", "tests", "--out", "x.png")
    wide = tmp_path / "wide.png"
    Image.new("L", (9, 8)).save(wide)
    assert "--resize 8,8" in said("reconstruct", run, "--input", wide, "--out", "x.png")
    np.save(tmp_path / "wide.npy", np.zeros((3, 9, 8)))
    line = said("reconstruct", run, "--input", tmp_path / "wide.npy", "--out", "x.png")
    assert "holds examples of 1x9x8, the model takes 1x8x8: give examples of 1x8x8" in line
    assert "no data named" in said("reconstruct", run, "--input", "", "--out", "x.png")
    assert not Path("x.png").exists()


def test_weights_cut_short_or_another_recipes(run, said, tmp_path):
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
    assert "cannot write the run" in said("train", "vae", "--steps", "1", "--out", tmp_path / "file")
    for name in ("checkpoints", "images"):
        (tmp_path / f"with-{name}").mkdir()
        (tmp_path / f"with-{name}" / name).write_text("in the way")
        line = said("train", "vae", "--steps", "1", "--out", tmp_path / f"with-{name}")
        assert f"holds other files ({name})" in line
        assert [p.name for p in (tmp_path / f"with-{name}").iterdir()] == [name]


@pytest.fixture
def damaged(run, tmp_path):
    """A copy of the run, and its record to be changed."""
    path = shutil.copytree(run, tmp_path / "damaged")

    def write(**changes):
        record = json.loads((run / "recipe.json").read_text()) | changes
        (path / "recipe.json").write_text(json.dumps({k: v for k, v in record.items() if v is not Ellipsis}))
        return path

    return write


def test_a_record_that_lacks_something(damaged, said):
    for field in ("recipe", "arguments", "shape", "data", "training"):
        path = damaged(**{field: ...})
        for command in (["evaluate", path], ["resume", path], ["sample", path, "--out", "x.png"]):
            assert f"recipe.json is damaged: it lacks the field '{field}'" in said(*command)
    training = er.Run(damaged()).record["training"]
    path = damaged(training={k: v for k, v in training.items() if k != "lr"})
    assert "lacks the field 'training.lr'" in said("resume", path)


def test_a_record_of_the_wrong_kind(damaged, said):
    path = damaged()
    for text in ("[]", "3", "null"):
        (path / "recipe.json").write_text(text)
        assert "recipe.json is damaged: it is no object" in said("evaluate", path)
        assert main(["runs", str(path.parent)]) == 0
    arguments = er.Run(damaged()).record["arguments"]
    line = said("evaluate", damaged(arguments=arguments | {"latent": "two"}))
    assert "recipe.json: recipe vae: latent='two': expected a whole number" in line
    line = said("evaluate", damaged(arguments=arguments | {"hidden": [1.5]}))
    assert "hidden=[1.5]: expected whole numbers" in line
    assert "unknown argument of vae 'latnet': did you mean" in said("evaluate", damaged(arguments={"latnet": 2}))
    assert "its field 'arguments' is 3" in said("evaluate", damaged(arguments=3))
    assert "its field 'shape' is [1, '8', 8], not sizes" in said("evaluate", damaged(shape=[1, "8", 8]))


def test_one_damaged_run_does_not_hide_the_others(run, damaged, capsys):
    path = damaged()
    shutil.copytree(run, path.parent / "whole")
    (path / "recipe.json").write_text("{}")
    assert main(["runs", str(path.parent)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any("whole" in row and "finished" in row for row in rows)
    assert any(str(path) in row and "damaged" in row for row in rows)


def test_only_whole_rows_of_the_metrics_count(damaged, capsys):
    path = damaged()
    kept = er.Run(path).metrics()
    with (path / "metrics.jsonl").open("ab") as file:
        file.write(b'3\n\xff\xfe\x00\x9c\n[]\nnull\n{"a": 1}\n{"step": 1}\n{"step": "1", "epoch": 1}\n{"step": 99, "ep')
    assert er.Run(path).metrics() == kept
    assert er.Run(path).seconds == max(row.get("seconds", 0.0) for row in kept)
    assert main(["runs", str(path.parent)]) == 0
    er.Run(path).rewind(10**9)
    assert [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()] == kept


def test_data_that_changed_since(damaged, said, tmp_path):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).random((60, 8, 8)))
    path = tmp_path / "own"
    assert (
        main(["train", "vae", "--data", str(tmp_path / "mine.npy"), "--batch-size", "8", *QUICK, "--out", str(path)])
        == 0
    )
    assert main(["evaluate", str(path), "--samples", "1"]) == 0
    np.save(tmp_path / "mine.npy", np.random.default_rng(1).random((60, 8, 8)))
    line = said("evaluate", path, "--samples", "1")
    assert re.search(
        r"the data at .*mine.npy has changed since .*own was trained \(fingerprint \w+, now \w+\): restore", line
    )
    assert er.evaluate(path, np.random.default_rng(1).random((60, 8, 8)), samples=1)
    assert "unknown argument of the data" in said(
        "evaluate", damaged(data={"source": "digits", "arguments": {"foo": 1}})
    )


def test_a_split_given_in_python_is_given_again(tmp_path):
    own = np.random.default_rng(0).random((20, 8, 8))
    data = er.load_data("digits", validation=own)
    run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out=tmp_path / "run")
    with pytest.raises(ValueError, match="was trained on data given in Python: pass the same as data="):
        er.evaluate(run)
    assert er.evaluate(run, er.load_data("digits", validation=own), split="validation", samples=1)


def test_a_run_is_taken_wherever_its_path_is(run):
    held = er.Run(run)
    assert er.load(held).latent_shape == er.load(str(run)).latent_shape == (2,)
    assert er.evaluate(held, samples=1).protocol["model"] == str(run)


def test_the_command_on_record_can_be_pasted(monkeypatch):
    from elbowroom.runs import run as module

    words = ["train", "vae", "--data", "my pictures", "--optimizer", "sgd(momentum=0.9)"]
    pasted = "elbowroom train vae --data 'my pictures' --optimizer 'sgd(momentum=0.9)'"
    for program in ("/somewhere/bin/elbowroom", "elbowroom.exe", str(Path(module.__file__).parents[1] / "__main__.py")):
        monkeypatch.setattr(sys, "argv", [program, *words])
        assert module.provenance()["command"] == pasted
    for program in ("/somewhere/else.py", "/a/package/__main__.py"):
        monkeypatch.setattr(sys, "argv", [program, *words])
        assert module.provenance()["command"] is None


def test_the_commit_of_a_surrounding_repository_is_not_ours(tmp_path, monkeypatch):
    from elbowroom.runs import run as module

    def git(*words):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", "somebody's project")
    for place, ours in ((".venv/lib/elbowroom", False), ("src/elbowroom", True)):
        (tmp_path / place).mkdir(parents=True)
        monkeypatch.setattr(module, "__file__", str(tmp_path / place / "runs" / "run.py"))
        assert (module.provenance()["commit"] is not None) == ours


def test_resume_on_another_device(said, run):
    assert "no device 'cuda:9'" in said("resume", run, "--device", "cuda:9")


def test_labels_of_codes_are_as_typed_and_the_sheet_is_not_mostly_paper(tmp_path):
    from elbowroom.cli.evaluate_sample import latent_label
    from elbowroom.plotting import sample_grid

    assert latent_label([0.0, -0.9]) == "0,-0.9"
    label = latent_label([i / 10 for i in range(20)])
    assert label == "0,0.1,0.2,… (20)"
    for text in ("0,0", label, "-0.123457,-0.123457,-0.123457,-0.123457"):
        sheet = np.asarray(sample_grid(torch.zeros(9, 1, 8, 8), labels=[text] * 9))
        assert (sheet == 255).all(-1).mean() < 0.5


def test_curves_of_few_points_show_them_all(run):
    from elbowroom.plotting import plot_curves

    figure = plot_curves(er.Run(run))
    for axes in figure.axes:
        low, high = axes.get_ylim()
        for line in axes.get_lines():
            assert line.get_marker() == "o"
            assert all(low <= y <= high for y in line.get_ydata())


def test_an_error_about_pictures_does_not_wake_the_plotting(run, tmp_path):
    """It would print lines of its own where it cannot write to its folder."""
    code = (
        "import sys; from elbowroom.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(f'imported matplotlib' if 'matplotlib' in sys.modules or code else 0)"
    )
    arguments = ["sample", str(run), "-n", "2", "--out", str(tmp_path / "x.png")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_ladder_of_fewer_latents_takes_the_first_widths():
    for latent in ((20,), (32, 16)):
        model, _ = er.recipes.ladder_vae((1, 8, 8), latent=latent)
        assert [read.family.shape[0] for read in model.read] == list(latent)
        assert model.decoder.net.layers[0][0].out_features == 512


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
