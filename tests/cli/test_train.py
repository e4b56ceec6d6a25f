"""Train, resume and their settings: what the commands leave, presets and TOML files."""

import json

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.runs.command import repeat_command
from tests.cli.conftest import QUICK
from tests.warm_process import start_command


def test_train_leaves_a_run_directory(run):
    record = json.loads((run / "recipe.json").read_text())
    assert record["recipe"] == "vae"
    assert record["arguments"]["latent"] == 2
    assert record["data"]["name"] == "digits"
    assert record["training"]["seed"] == 0
    assert record["versions"]["torch"] == torch.__version__
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {row["split"] for row in rows if "split" in row} == {"train", "validation", "test"}
    assert {row["event"] for row in rows if "event" in row} == {"look", "checks", "end"}
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


def test_config_file_gives_defaults_and_flags_win(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('data = "digits"\nlatent = 3\nhidden = [32, 16]\nbatch-size = 64\nsteps = 5\n')
    out = tmp_path / "run"
    assert main(["train", "vae", "--config", str(file), "--latent", "4", "--out", str(out)]) == 0
    record = json.loads((out / "recipe.json").read_text())
    assert record["arguments"]["latent"] == 4
    assert record["arguments"]["hidden"] == [32, 16]
    assert record["training"]["batch_size"] == 64


@pytest.mark.parametrize(("flags", "code", "used"), [([], 0, 24), (["--batch-size", "500"], 2, None)])
def test_a_published_batch_size_is_a_default_as_far_as_there_are_examples(flags, code, used, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i * i % 7},{i * i % 11}\n" for i in range(30)))
    out = tmp_path / "run"
    command = ["train", "tvae", "--data", str(table), "--hidden", "8", "--steps", "1", "--no-report", "--out", str(out)]
    assert main([*command, *flags]) == code
    assert used is None or er.Run(out).record["training"]["batch_size"] == used


def test_preset_gives_defaults_that_file_and_flags_go_before(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("lr = 0.002\n")
    out = tmp_path / "run"
    arguments = ["train", "vae", "--config", str(file), "--preset", "fast", "--epochs", "1", "--out", str(out)]
    assert main(arguments) == 0
    training = json.loads((out / "recipe.json").read_text())["training"]
    assert training["epochs"] == 1
    assert training["lr"] == 0.002
    assert training["callbacks"] == [{"name": "LRSchedule", "arguments": {"schedule": "one-cycle"}}]


def test_mistakes_in_a_config_file(error_line, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("latnet = 3\n")
    assert "did you mean 'latent'" in error_line("train", "vae", "--config", file)
    file.write_text("latent = \n")
    assert "is not TOML" in error_line("train", "vae", "--config", file)
    for field, words in (
        ("latent = [1, 2]", "latent = 1,2: '1,2' is not a valid integer"),
        ("latent = true", "latent = true: 'true' is not a valid integer"),
        ("seed = 1.7", "seed = 1.7: '1.7' is not a valid integer"),
        ("seed = -1", "seed = -1: -1 is not in the range"),
        ("hidden = [1.5]", "hidden = 1.5: '1.5' is not a list of whole numbers"),
        ("lr = nan", "lr = nan: 'nan' is not a finite number"),
        ("batch-size = {a = 1}", "batch-size is a table: expected what --batch-size takes"),
        ("hidden = [[1]]", "hidden is a list within a list: expected what --hidden takes"),
        ("binarize = 3", "binarize = 3: '3' is not one of"),
    ):
        file.write_text(field + "\n")
        assert f"--config {file}: {words}" in error_line("train", "vae", "--config", file)


def test_a_field_of_a_config_file_means_what_its_flag_means(tmp_path):
    file, out = tmp_path / "mine.toml", tmp_path / "run"
    file.write_text('watch = ["test"]\nhidden = []\nlinear = true\nsteps = 2\nlr = 1\nlatent = "3"\n')
    assert main(["train", "autoencoder", "--config", str(file), "--out", str(out)]) == 0
    record = er.Run(out).record
    assert record["training"]["watch"] == ["test"]
    assert record["training"]["lr"] == 1
    assert record["arguments"] | {"hidden": [], "linear": True, "latent": 3} == record["arguments"]


def test_a_ladder_of_fewer_latents_takes_the_first_widths():
    for latent in ((20,), (32, 16)):
        model, _ = er.recipes.ladder_vae((1, 8, 8), latent=latent)
        assert [read.family.shape[0] for read in model.read] == list(latent)
        assert model.decoder.net.layers[0][0].out_features == 512


def test_ctrl_c_ends_cleanly_with_a_loadable_run(tmp_path):
    import signal
    import time

    path = tmp_path / "run"
    process = start_command("train", "vae", "--epochs", "100000", "--out", str(path))
    deadline = time.monotonic() + 60
    while not (path / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert f"elbowroom resume {path}" in out
    assert er.load(path).sample(2).shape == (2, 1, 8, 8)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("source", "given", "labels"),
    [("rows.csv", [], 3), ("rows.csv", ["--labels", "5"], 5), ("attributes.npz", [], 2)],
    ids=["counted", "as given", "attributes"],
)
def test_labels_are_counted_from_the_data_where_they_are_not_given(tmp_path, source, given, labels):
    x = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    lines = ["x,y,kind", *(f"{a},{b},{'abc'[i % 3]}" for i, (a, b) in enumerate(x))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    np.savez(tmp_path / "attributes.npz", x=x, y=(x > 0.5).astype(np.float32))
    label = ["--label", "kind"] if source == "rows.csv" else []
    words = ["--data", str(tmp_path / source), *label, "--hidden", "4", "--steps", "2", "--no-report"]
    assert main(["train", "cvae", *words, *given, "--out", str(tmp_path / "run")]) == 0
    assert er.Run(tmp_path / "run").record["arguments"]["labels"] == labels


def test_a_training_starts_from_a_run_with_its_recipe_arguments_and_coding(tmp_path, capfd):
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    words = ["--latent", "3", "--hidden", "8,4", "--binarize", "threshold", "--steps", "2", "--no-report"]
    assert main(["train", "vae", *words, "--out", str(base)]) == 0
    more = ["--freeze", "encoder", "--steps", "3", "--no-report", "--out", str(tuned)]
    assert main(["train", "--from", str(base), *more]) == 0
    a, b = er.Run(base).record, er.Run(tuned).record
    assert (b["recipe"], b["arguments"]) == (a["recipe"], a["arguments"])
    assert b["data"]["fingerprint"] == a["data"]["fingerprint"]
    assert (b["started_from"]["path"], b["training"]["freeze"]) == (str(base), ["encoder"])
    line = repeat_command(b).line
    assert line.endswith(f"--from {base} --freeze encoder --no-report")
    assert "--binarize" not in line
    capfd.readouterr()
    assert main(["train", "vae", "--from", str(base), "--resize", "4", "--out", str(tmp_path / "other")]) == 2
    assert "leave --resize out" in capfd.readouterr().err
    assert main(["resume", str(base), "--steps", "4"]) == 0
    assert "weights   the last, of step 4" in capfd.readouterr().out


def test_a_likelihood_that_is_named_is_not_replaced_where_it_is_the_default_of_other_data(error_line, tmp_path):
    views, table, out = tmp_path / "views.npz", tmp_path / "bits.csv", tmp_path / "run"
    np.savez(views, image=np.zeros((40, 4, 4), np.uint8), digit=np.arange(40) % 4)
    line = error_line("train", "vae", "--data", views, "--likelihood", "bernoulli", "--out", out)
    assert "these have the views image, digit: name the view, as views:image=bernoulli" in line
    assert not out.exists()
    table.write_text("a,b\n" + "0,1\n1,0\n" * 30)
    arguments = ["--data", str(table), "--likelihood", "bernoulli", "--steps", "2", "--quiet", "--no-report"]
    assert main(["train", "vae", *arguments, "--out", str(out)]) == 0
    run = er.Run(out)
    assert run.record["arguments"]["likelihood"] == "bernoulli"
    assert "--likelihood bernoulli" in repeat_command(run.record).line
