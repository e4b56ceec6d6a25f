"""A recipe of one's own is a few lines in a file of one's own."""

import os
import subprocess
import sys

import pytest

import elbowroom as er
from elbowroom.cli import main

OWN = '''
import elbowroom as er


@er.recipe("Zhao, Song & Ermon 2019, arXiv 1706.02262", extends=er.recipes.vae)
def info_vae(shape, weight: float = 100.0, **rest):
    """The VAE whose KL is traded for a distance between aggregate posterior and prior.

    Args:
        weight: of the distance
    """
    model, _ = er.recipes.vae(shape, **rest)
    return model, er.Reconstruction() + weight * er.MMD()
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.setenv("ELBOWROOM_RECIPES", str(tmp_path / "own.py"))
    yield tmp_path / "own.py"
    er.recipes.RECIPES.pop("info_vae", None)
    from elbowroom.recipes import table

    table._READ.clear()


def test_it_is_listed_trains_saves_loads_and_is_judged(own, tmp_path, capsys):
    assert main(["recipes"]) == 0
    assert "info_vae" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "info_vae" in capsys.readouterr().out
    assert main(["train", "info_vae", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--weight" in out
    assert "--latent" in out
    run = tmp_path / "run"
    assert main(["train", "info_vae", "--weight", "10", "--latent", "2", "--steps", "5", "--out", str(run)]) == 0
    assert main(["evaluate", str(run), "--samples", "3"]) == 0
    assert er.Run(run).metrics("train")[-1]["mmd"] is not None
    model = er.load(run)
    assert model.origin.arguments["weight"] == 10
    assert model.sample(3).shape == (3, 1, 8, 8)


def test_it_works_from_another_process(own, tmp_path):
    command = [sys.executable, "-m", "elbowroom", "train", "info_vae", "--steps", "2", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    environment = {k: v for k, v in os.environ.items() if k != "ELBOWROOM_RECIPES"}
    command = [sys.executable, "-m", "elbowroom", "evaluate", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "unknown recipe 'info_vae'" in done.stderr
    assert "set ELBOWROOM_RECIPES" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setenv("ELBOWROOM_RECIPES", "gone.py")
    assert main(["recipes"]) == 2
    assert "which is not a file" in capsys.readouterr().err
