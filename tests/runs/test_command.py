"""The command that repeats a run, and what it cannot repeat."""

import shlex

import click
import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.recipes import RECIPES
from elbowroom.runs import repeat_command
from tests.reporting.page import read_report

LONG = [
    *("--epochs", "1", "--lr", "1e-4", "--batch-size", "200", "--seed", "7", "--watch", "validation"),
    *(
        "--optimizer",
        "sgd(momentum=0.9)",
        "--clip",
        "1",
        "--skip",
        "1e6",
        "--accumulate",
        "2",
        "--likelihood",
        "laplace",
    ),
]


LONGER = [
    *("--epochs", "1", "--schedule", "cosine", "--average", "0.9", "--kl-warmup", "0.5", "--free-bits", "0.1"),
    *("--patience", "3", "--checkpoint-every", "5", "--on-nan", "rollback"),
    *("--binarize", "dynamic", "--validation", "100"),
]


REPEATED = [
    ("vae", ["--latent", "2", "--hidden", "none", "--steps", "4"]),
    ("vae", LONG),
    ("vae", LONGER),
    ("autoencoder", ["--linear", "--latent", "3", "--steps", "4"]),
    ("ladder_vae", ["--latent", "6,3", "--hidden", "16,8", "--steps", "4"]),
]


@pytest.mark.parametrize(("recipe", "words"), REPEATED)
def test_the_command_repeats_the_run(tmp_path, recipe, words):
    """The same record and the same weights, from the flags that differ from the defaults alone."""
    assert main(["train", recipe, *words, "--device", "cpu", "--out", str(tmp_path / "first")]) == 0
    first = er.Run(tmp_path / "first")
    # As a command line leaves it; here it was called from Python.
    command = repeat_command(first.record | {"command": "elbowroom train"})
    assert command.caveats == []
    repeated = [*shlex.split(command.line)[1:], "--device", "cpu", "--out", str(tmp_path / "second")]
    assert main(repeated) == 0
    second = er.Run(tmp_path / "second")
    for field in ("recipe", "arguments", "data", "objective"):
        assert second.record[field] == first.record[field]
    assert second.record["training"] | {"products": ""} == first.record["training"] | {"products": ""}
    assert second.weights.read_bytes() == first.weights.read_bytes()
    flags = [word for word in repeated if word.startswith("--") and word not in ("--data", "--device", "--out")]
    given = [word for word in words if word.startswith("--")]
    assert set(flags) <= set(given), "nothing that is a default"


def test_every_setting_is_a_flag_with_its_default():
    from elbowroom.cli.train import TrainGroup
    from elbowroom.runs.settings import SETTINGS_WITHOUT_FLAG, train_options

    context = click.Context(click.Command("train"))
    given = TrainGroup("train").get_command(context, "vae").make_context("vae", []).params
    settings, arguments = train_options(), RECIPES["vae"].arguments
    assert set(given) == {"data", "out", "overwrite", *settings, *arguments}
    assert {name: given[name] for name in settings} == {name: one.default for name, one in settings.items()}
    assert not (er.TrainConfig().record.keys() | er.DataConfig().record.keys()) - {*settings, *SETTINGS_WITHOUT_FLAG}


def test_what_no_command_can_repeat_is_a_caveat(digits, tmp_path):
    model, _ = er.recipes.vae(digits.shape, latent=2, seed=4)
    callbacks = [er.EarlyStopping(3, metric="kl"), er.on.step(lambda state: None), er.GradientClipping(1.0)]
    run = er.fit(
        model,
        er.Reconstruction() + 3 * er.KL(),
        digits,
        steps=3,
        out=tmp_path / "run",
        callbacks=callbacks,
        device="cpu",
    )
    command = repeat_command(run.record)
    assert command.line == "elbowroom train vae --data digits --latent 2 --steps 3 --clip 1.0"
    assert command.caveats == [
        "The callback EarlyStopping(patience=3, metric='kl', min_delta=0.0) was given in Python, and has no flag.",
        "The callback Callback was given in Python, and has no flag.",
        "The objective was composed in Python: reconstruction + 3·KL, where the recipe's is reconstruction + KL.",
        "The weights were drawn with seed 4, the training ran with 0; a command has one.",
    ]
    data = er.load_data(digits.train.first(100).x, seed=5)
    run = er.fit(
        *er.recipes.vae(digits.shape, seed=4), data, steps=1, out=tmp_path / "other", device="cpu", batch_size=16
    )
    assert "was given as a Python object: save it as .npy or .npz" in repeat_command(run.record).caveats[0]
    assert "--data … " in repeat_command(run.record).line
    page = read_report(run, data)
    assert command.caveats[-1] in page.words
