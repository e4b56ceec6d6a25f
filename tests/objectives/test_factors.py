"""Supervision by labels of factors: the cross-entropy of those that are known, as attributes or as classes."""

import pytest
import torch
import torch.nn.functional as F

import elbowroom as er
from elbowroom.distributions import Normal

STEP = torch.tensor(0)


def make_draw(c, size=3):
    torch.manual_seed(0)
    q = Normal(torch.randn(4, size), torch.zeros(4, size))
    return er.Draw(torch.rand(4, 1), None, er.Latent(q.rsample((1,)), q, None), c=c)


def test_it_is_the_cross_entropy_of_the_first_latents():
    values = torch.rand(4, 2)
    draw = make_draw(values)
    expected = F.binary_cross_entropy_with_logits(draw.q.loc[:, :2], values, reduction="none").sum(1).mean()
    torch.testing.assert_close(er.FactorLabels(2)(draw, STEP), expected)


def test_classes_are_a_factor_each_and_unknown_ones_count_for_nothing():
    draw = make_draw(torch.tensor([0, -1, 2, -1]))
    values = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    expected = F.binary_cross_entropy_with_logits(draw.q.loc[[0, 2]], values, reduction="none").sum(1).mean()
    torch.testing.assert_close(er.FactorLabels(3)(draw, STEP), expected)
    assert er.FactorLabels(3)(make_draw(torch.full((4,), -1)), STEP) == 0
    assert er.FactorLabels(2)(make_draw(torch.full((4, 2), torch.nan)), STEP) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: er.FactorLabels(0), "must be at least 1, got 0"),
        (lambda: er.FactorLabels(2)(make_draw(None), STEP), "these data have no labels"),
        (lambda: er.FactorLabels(2)(make_draw(torch.rand(4, 3)), STEP), "give factors=3"),
        (lambda: er.FactorLabels(5)(make_draw(torch.rand(4, 5)), STEP), "give a larger latent"),
        (lambda: er.recipes.s2_vae((1, 8, 8), latent=4), "each of 5 factors takes a latent"),
    ],
)
def test_errors_advise(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_first_latents_learn_the_factors(tmp_path):
    data = er.load_data("digits")
    model, objective = er.recipes.s2_vae(data.shape, latent=12, factors=10, hidden=(64,), weight=30.0)
    er.fit(model, objective, data, steps=200, lr=3e-3, out=tmp_path / "run")
    x, y, _ = data.test.first(200)
    assert (model.encode(x)[:, :10].argmax(1) == y).float().mean() > 0.8
