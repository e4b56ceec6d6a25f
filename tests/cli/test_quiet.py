"""``--quiet`` of the commands that show progress."""

import re
import shutil

import pytest
import torch

from elbowroom import samplers
from elbowroom.cli import evaluate_sample, main
from elbowroom.cli.main import _find_command
from elbowroom.samplers.optimization import minimize

#: A command line, and what its progress looks like.
PROGRESS = {
    "compare RUN --baselines --out page.html": r"\[1/2\] baseline=linear\n.*epoch 1",
    "fit-sampler RUN": r"step 2/2  held-out loss",
}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    assert (
        main(["train", "vae", "--latent", "2", "--steps", "2", "--device", "cpu", "--no-report", "--out", str(path)])
        == 0
    )
    return path


@pytest.mark.parametrize("path", ["train vae", "sweep vae", "tune vae", "resume", "compare", "fit-sampler"])
def test_commands_that_show_progress_can_be_quiet(path):
    (option,) = [one for one in _find_command(path.split())[0].params if "--quiet" in one.opts]
    assert "-q" in option.opts
    assert option.help.startswith("show no progress")


def fit_two_steps(run, name, source):
    weights = torch.nn.Linear(1, 1)
    minimize(weights, lambda x: weights(x).square().mean(), torch.ones(20, 1), steps=2)
    return run.path


@pytest.mark.parametrize("line", PROGRESS)
@pytest.mark.parametrize("flags", [["-q"], []], ids=["quiet", "shown"])
def test_a_quiet_command_shows_no_progress(line, flags, run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluate_sample, "FIT_PROGRESS_INTERVAL_S", 0.0)
    monkeypatch.setattr(samplers, "fit_sampler", fit_two_steps)
    monkeypatch.chdir(tmp_path)
    run = shutil.copytree(run_folder, tmp_path / "runs" / "run")
    capsys.readouterr()
    assert main([*line.replace("RUN", str(run)).split(), *flags]) == 0
    printed = capsys.readouterr().err
    assert bool(re.search(PROGRESS[line], printed, re.DOTALL)) is not bool(flags)
