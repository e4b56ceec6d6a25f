"""GECO and ControlVAE on the embedded digits: the constraint is met, and the state of its weight is resumed."""

import numpy as np
import pytest

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import checkpoint
from tests.training.helpers import interrupt_at

RECIPES = {
    "geco_vae": ("reconstruction", {"target": 22.0}),
    "control_vae": ("kl", {"target": 5.0, "integral": 1e-3}),
}
#: Until the constraint is met, and for a quarter of them after.
STEPS = {"geco_vae": 1200, "control_vae": 720}


def train(name, digits, out, **settings):
    make = er.recipes.RECIPES[name]
    model, objective = make(digits.shape, latent=4, hidden=(32,), seed=0, **RECIPES[name][1])
    return er.fit(model, objective, digits, out=out, device="cpu", **settings)


@pytest.mark.parametrize("name", RECIPES)
def test_the_constraint_is_met(name, digits, tmp_path):
    steps = STEPS[name]
    rows = train(name, digits, tmp_path / "a", steps=steps, lr=5e-3, watch=()).metrics("train")
    term, target = RECIPES[name][0], RECIPES[name][1]["target"]
    last = [row for row in rows if row["step"] > 0.75 * steps]
    assert np.mean([row[term] for row in last]) == pytest.approx(target, abs=0.5)
    multipliers = [row["multiplier"] for row in last]
    assert np.std(multipliers) < 0.25 * np.mean(multipliers)
    assert all(row["constraint"] == pytest.approx(row[term] - target, abs=1e-3) for row in rows)


@pytest.mark.parametrize("name", RECIPES)
def test_a_resumed_training_has_the_same_weight(name, digits, tmp_path):
    paths = [tmp_path / half for half in "ab"]
    train(name, digits, paths[0], steps=24)
    train(name, digits, paths[1], steps=24, callbacks=[interrupt_at(15)])
    er.resume(paths[1], callbacks=[])
    whole, resumed = (serialization.read(checkpoint.list_checkpoints(er.Run(path))[0])[0] for path in paths)
    states = [key for key in whole if ".controller." in key]
    assert states
    assert all(whole[key].equal(resumed[key]) for key in whole)
