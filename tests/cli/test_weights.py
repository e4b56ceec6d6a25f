"""``--weights best`` on every command that uses the model of a run."""

import json

import numpy as np
import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.cli.main import commands
from tests.training.helpers import train


@pytest.fixture(scope="module")
def run(tmp_path_factory, digits):
    """A run whose best weights are those of its first epoch, and not the last."""

    @er.on.step
    def spoil(now):
        if now[er.training.state.EPOCH] > 1:
            for parameter in now[er.training.state.MODEL].decoder.parameters():
                parameter.data.mul_(1.2)

    return train(digits, tmp_path_factory.mktemp("weights") / "run", spoil, report=False).path


@pytest.mark.parametrize(
    "name", ["evaluate", "sample", "reconstruct", "encode", "interpolate", "plot", "report", "export", "anomalies"]
)
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
