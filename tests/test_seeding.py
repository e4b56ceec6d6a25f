"""Seeds of a program and of initial weights: what is on record draws the same again."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.recipes.registry import seed_of_weights
from tests.training.helpers import assert_same_tensors, same_weights, train
from tests.warm_process import run_script

#: Prints a sum of the weights of two models that were made one after the other, and their seeds.
SCRIPT = """
import torch, elbowroom as er
{first}
for _ in range(2):
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))
    print(model.recipe_call.seed, repr(sum(p.double().sum().item() for p in model.parameters())))
"""


def run_cold(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def run_warm(program, folder):
    """In a process of its own, which has imported torch before."""
    code, out, err = run_script(program, folder, dict(os.environ))
    assert code == 0, err
    return out.split()


@pytest.mark.parametrize(
    "first", ["", pytest.param("er.seed(5)", marks=pytest.mark.exhaustive), "torch.manual_seed(5)"]
)
def test_a_program_that_runs_again_begins_with_the_same_weights(first, tmp_path):
    program = SCRIPT.format(first=first)
    a, b = run_warm(program, tmp_path), run_warm(program, tmp_path) if first else run_cold(program)
    assert a == b
    assert a[0] == ("5" if first else "0")
    assert a[1] != a[3], "two models of one program have weights of their own"


def test_a_seed_is_of_all_generators():
    def draw():
        er.seed(3)
        return torch.rand(1).item(), np.random.rand(), __import__("random").random()

    assert draw() == draw()
    with pytest.raises(ValueError, match=r"seed=-1: expected a whole number"):
        er.seed(-1)


@pytest.mark.parametrize("recipe", ["vae", "beta_vae", "ladder_vae", "vamp_vae"])
@pytest.mark.parametrize("drawn_before", [0, 1])
def test_a_model_is_made_again_from_its_call(recipe, drawn_before):
    torch.manual_seed(7)
    torch.rand(drawn_before)
    model, _ = er.recipes.RECIPES[recipe]((1, 8, 8))
    call = model.recipe_call
    assert (call.seed == 7) == (not drawn_before)
    again, _ = er.recipes.RECIPES[recipe](call.shape, seed=call.seed, **call.arguments)
    assert_same_tensors(*map(serialization.named_tensors, (model, again)))


def test_the_record_claims_a_seed_of_the_weights_only_where_it_holds(digits, tmp_path):
    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=(16,), seed=4)
    first = er.fit(model, objective, digits, steps=2, out=tmp_path / "a", device="cpu", seed=1)
    again = er.fit(model, objective, digits, steps=2, out=tmp_path / "b", device="cpu", seed=1)
    assert (first.record["weights_seed"], again.record["weights_seed"]) == (4, None)
    assert seed_of_weights(er.Run(first.path).build()[0]) == 4
    assert seed_of_weights(er.load(first.path)) is None
    assert seed_of_weights(torch.nn.Linear(1, 1)) is None


def test_the_same_training_writes_the_same_bytes(digits, tmp_path):
    """Not only the same tensors: metadata have one order."""
    a, b = (train(digits, tmp_path / name, er.EMA()) for name in "ab")
    assert same_weights(a.weights, b.weights)
    assert a.weights.read_bytes() == b.weights.read_bytes()
    assert a.best_weights.read_bytes() == b.best_weights.read_bytes()
