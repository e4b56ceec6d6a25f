"""Imputation: observed values stay, missing ones are draws given them; and latents of a whole split."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.data import InMemorySplit
from elbowroom.latent import encode_split, impute
from elbowroom.noise import seeded_rng
from elbowroom.table_shape import TableShape


@pytest.fixture
def model():
    torch.manual_seed(0)
    return er.recipes.vae(TableShape((1, 3, 1)), latent=2, hidden=(8,))[0].eval()


ROWS = torch.tensor([[0.5, math.nan, 2.0], [math.nan, 1.0, math.nan], [1.0, 2.0, 3.0]])


@pytest.mark.parametrize("gibbs_steps", [0, 2])
def test_observed_values_stay_and_missing_ones_are_drawn(model, gibbs_steps):
    filled = impute(model, ROWS, draws=50, gibbs_steps=gibbs_steps)
    observed = ~ROWS.isnan()
    assert filled.shape == (50, 3, 3)
    assert not filled.isnan().any()
    assert (filled == ROWS)[:, observed].all()
    assert set(filled[:, 0, 1].tolist()) == {0.0, 1.0, 2.0}
    assert filled[:, 1, 0].std() > 0


def test_draws_are_those_of_the_posterior_and_the_likelihood(model):
    with seeded_rng(1):
        filled = impute(model, ROWS, draws=4)
    with seeded_rng(1), torch.no_grad():
        drawn = model.draw(ROWS, k=4).p.sample()
    assert torch.equal(filled, torch.where(ROWS.isnan(), drawn, ROWS))


def test_a_split_is_encoded_as_its_examples_are():
    model, _ = er.recipes.ladder_vae((1, 8, 8), latent=(4, 2), hidden=(8, 8))
    x = torch.rand(700, 1, 8, 8)
    all_latents = encode_split(model.eval(), InMemorySplit(x), has_all=True)
    assert {name: z.shape for name, z in all_latents.items()} == {"z1": (700, 4), "z2": (700, 2)}
    torch.testing.assert_close(all_latents["z2"], model.encode(x))
    torch.testing.assert_close(encode_split(model, InMemorySplit(x))["z"], model.encode(x))
