"""CIWAE at its ends: IWAE and the VAE's bound."""

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)
STEP = torch.tensor(0)


@pytest.mark.parametrize(("mix", "bound"), [(0.0, er.ImportanceBound(7)), (1.0, er.ELBO(7))])
def test_ciwae_is_iwae_at_0_and_the_elbo_at_1(mix, bound):
    model, objective = er.recipes.ciwae(SHAPE, k=7, mix=mix)
    draw = model.draw(torch.rand(9, *SHAPE), k=objective.k)
    torch.testing.assert_close(objective(draw, STEP), bound(draw, STEP))


def test_ciwae_lies_between_its_ends():
    model, objective = er.recipes.ciwae(SHAPE, k=7)
    draw = model.draw(torch.rand(9, *SHAPE), k=7)
    assert er.ImportanceBound(7)(draw, STEP) < objective(draw, STEP) < er.ELBO(7)(draw, STEP)


def test_a_weight_that_is_none_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        er.recipes.ciwae(SHAPE, mix=2)
