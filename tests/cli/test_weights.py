"""``--weights best`` on every command that uses the model of a run."""

import json

import numpy as np
import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.cli.main import commands
from tests.training.helpers import train


@er.on.step
def spoil(now):
    if now[er.training.state.EPOCH] > 1:
        for parameter in now[er.training.state.MODEL].decoder.parameters():
            parameter.data.mul_(1.2)


@pytest.fixture(scope="module")
def run(tmp_path_factory, digits):
    """A run whose best weights are those of its first epoch, and not the last."""
    return train(digits, tmp_path_factory.mktemp("weights") / "run", spoil, report=False).path


MODEL_COMMANDS = (
    *("evaluate", "sample", "reconstruct", "encode", "interpolate", "plot", "report", "export", "anomalies"),
    *("audit", "doctor", "fit-sampler"),
)


@pytest.mark.parametrize("name", MODEL_COMMANDS)
def test_a_command_takes_weights(name):
    assert "--weights" in {flag for option in commands.commands[name].params for flag in option.opts}


def test_the_best_weights_are_used_and_kept_apart(run, tmp_path, capfd):
    decoded, elbo = {}, {}
    for name in ("final", "best"):
        out = tmp_path / f"{name}.npz"
        assert main(["sample", str(run), "--z", "0,0", "--weights", name, "--out", str(out)]) == 0
        decoded[name] = np.load(out)["x"]
        capfd.readouterr()
        words = ["evaluate", str(run), "--samples", "2", "--metrics", "likelihood", "--json", "--weights", name]
        assert main(words) == 0
        answer = json.loads(capfd.readouterr().out)
        elbo[name] = answer["metrics"]["elbo"]["value"] if "metrics" in answer else answer["elbo"]["value"]
    assert not np.allclose(decoded["final"], decoded["best"])
    assert elbo["best"] > elbo["final"]
    kept = er.runs.evaluations.read_evaluations(run)
    assert [one.description.partition(", measured")[0] for one in kept] == [
        "digits test, 2 samples, seed 0, best weights, at step 10",
        "digits test, 2 samples, seed 0, at step 20",
    ]


def test_the_weights_of_the_last_checkpoint_are_not_averaged(tmp_path, digits, capfd):
    run = train(digits, tmp_path / "run", er.EMA(0.5), report=False)
    final, raw = (dict(er.load(run, name).named_parameters()) for name in ("final", "checkpoint"))
    assert any(not final[name].equal(raw[name]) for name in final)
    view = er.Run(run, "checkpoint")
    assert view.describe_weights().startswith(f"those of the last checkpoint, of step {run.metrics()[-1]['step']}")
    assert main(["audit", str(run.path), "--weights", "checkpoint"]) == 0
    assert "(checkpoint weights)" in capfd.readouterr().out
    for file in run.checkpoint_files:
        file.unlink()
    assert main(["doctor", str(run.path), "--weights", "checkpoint"]) == 0
    assert main(["audit", str(run.path), "--weights", "checkpoint"]) == 2
    assert "has no checkpoint: take the final weights" in capfd.readouterr().err


def test_evaluations_of_a_run_that_has_gone_on_are_outdated_wherever_they_are_printed(tmp_path, digits, capfd):
    run = train(digits, tmp_path / "run", report=False)
    er.evaluate(run, samples=2, metrics="likelihood", device="cpu")
    before = run.weights_step
    assert main(["resume", str(run.path), "--steps", str(before + 3), "-q"]) == 0
    kept = er.runs.evaluations.read_evaluations(run.path)
    assert kept[0].is_outdated
    assert kept[0].description.endswith(f"; outdated, the weights are of step {before + 3} now")
    capfd.readouterr()
    assert main(["runs", str(tmp_path)]) == 0
    assert f"outdated: of step {before}" in capfd.readouterr().out
    er.evaluate(run.path, samples=2, metrics="likelihood", device="cpu")
    assert main(["runs", str(tmp_path)]) == 0
    assert "outdated" not in capfd.readouterr().out


def test_the_list_shows_the_metrics_of_the_weights(tmp_path, digits, capfd):
    run = train(digits, tmp_path / "run", spoil, er.EarlyStopping(patience=1), report=False)
    rows = run.metrics("validation")
    assert run.weights_step < rows[-1]["step"]
    at_weights = next(row["elbo"] for row in rows if row["step"] == run.weights_step)
    assert main(["runs", str(tmp_path)]) == 0
    out = capfd.readouterr().out
    assert f" −{-at_weights:.2f} " in out
    assert f" −{-rows[-1]['elbo']:.2f} " not in out
