"""The algebra of terms, and the players of an objective."""

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)


STEP = torch.tensor(0)


def test_terms_add_and_scale(draw):
    r, kl = er.Reconstruction(), er.KL()
    assert (r + 4 * kl - 1)(draw, STEP) == pytest.approx((r(draw, STEP) + 4 * kl(draw, STEP) - 1).item())
    assert (2 - kl)(draw, STEP) == pytest.approx((2 - kl(draw, STEP)).item())
    assert abs(kl - 1000)(draw, STEP) == pytest.approx((1000 - kl(draw, STEP)).item())
    assert (-kl * 0.5)(draw, STEP) == pytest.approx((-0.5 * kl(draw, STEP)).item())
    assert repr(er.Reconstruction() + 1000 * abs(er.KL() - er.ramp(0, 25, 100))) == (
        "(reconstruction + (1000 * abs((kl - ramp(0 to 25 in 100 steps)))))"
    )


def test_capacity_is_a_composition(draw):
    objective = er.Reconstruction() + 1000 * abs(er.KL() - er.ramp(0, 25, 100))
    kl = draw.kl.mean()
    for step, capacity in ((0, 0.0), (50, 12.5), (100, 25.0), (10_000, 25.0)):
        expected = -draw.log_px.mean() + 1000 * (kl - capacity).abs()
        torch.testing.assert_close(objective(draw, torch.tensor(step)), expected)


def test_k_is_the_largest_of_the_terms():
    assert (er.Reconstruction(3) + er.KL()).k == 3
    assert abs(0.5 * er.ImportanceBound(7)).k == 7


def test_terms_refuse_what_they_cannot_add():
    with pytest.raises(TypeError, match="adds and scales with terms"):
        er.KL() + "kl"


def test_terms_divide_and_take_any_real_number(draw):
    import numpy as np

    kl = er.KL()(draw, STEP)
    assert (er.KL() / 2)(draw, STEP) == pytest.approx(kl.item() / 2)
    assert (np.float32(2) * er.KL())(draw, STEP) == pytest.approx(2 * kl.item())


def test_players_share_no_parameter_and_leave_none_out():
    model, objective = er.recipes.factor_vae(SHAPE, critic=(10, 10))
    players = objective.players(model)
    assert [p.name for p in players] == ["model", "critic"]
    ids = [id(parameter) for player in players for parameter in player.parameters]
    all_ids = {id(p) for module in (model, objective) for p in module.parameters()}
    assert len(ids) == len(set(ids))
    assert set(ids) == all_ids
