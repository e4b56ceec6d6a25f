"""Latents of labels: the prior's density and Bayes' rule, and the bound as the paper writes it."""

import math

import pytest
import torch

import elbowroom as er
from tests.tiny_recipes import make_tiny

STEP = torch.tensor(0)


def make_prior(labels=1):
    prior = er.CharacteristicPrior(2, labels)
    with torch.no_grad():
        prior.logits.fill_(-1.0)
        prior.log_var.copy_(torch.tensor([0.3, -1.0]).expand(labels, 2))
    return prior


def test_the_prior_integrates_to_one_and_draws_as_dense():
    prior, axis = make_prior(), torch.linspace(-7, 7, 141)
    grid = torch.cartesian_prod(axis, axis)
    mass = prior().log_prob(grid).exp() * (axis[1] - axis[0]) ** 2
    assert mass.sum().item() == pytest.approx(1, abs=1e-4)
    torch.manual_seed(0)
    drawn = prior().sample((20_000,))
    torch.testing.assert_close(drawn.mean(0), mass @ grid, atol=0.04, rtol=0)
    torch.testing.assert_close(prior().mean, mass @ grid, atol=1e-4, rtol=0)


def test_labels_given_latents_are_those_of_bayes_rule():
    prior, z = make_prior(2), torch.linspace(-2, 2, 10).reshape(5, 2)
    joint = [prior.conditional(torch.full((5, 2), y)).log_prob(z) for y in (0.0, 1.0)]
    expected = joint[1] - joint[0] + prior.logits.sum()
    torch.testing.assert_close(prior.label_logits(z).sum(-1), expected)


def make_draw(labels, k=1):
    model, _ = make_tiny("ccvae", latent=3, labels=2)
    torch.manual_seed(1)
    x = torch.rand(4, 1, 8, 8)
    return model.draw(x, labels, k)


@pytest.mark.parametrize("labels", [None, torch.full((4,), -1), torch.full((4, 2), torch.nan)])
def test_without_labels_it_is_the_elbo(labels):
    draw = make_draw(labels, k=3)
    assert er.CharacteristicELBO(3)(draw, STEP).item() == pytest.approx(-draw.elbo.mean().item(), rel=1e-5)


def test_the_bound_of_labels_is_that_of_the_paper():
    """With p(z|y) p(y) / q(y|z) as it stands there; both are estimates of one number."""
    y = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    draw = make_draw(y, k=4000)
    prior = draw.prior.prior
    log_qyz = (2 * y - 1).mul(prior.label_logits(draw.z)).sigmoid().log().sum(-1)
    log_qyx = log_qyz.logsumexp(0) - math.log(4000)
    log_pzy = prior.conditional(y).log_prob(draw.z)
    log_py = (2 * y - 1).mul(prior.logits).sigmoid().log().sum(-1)
    inner = draw.log_px + log_pzy - log_qyz - draw.log_qz
    expected = ((log_qyz - log_qyx).exp() * inner).mean(0) + log_qyx + log_py
    loss = er.CharacteristicELBO(1)(draw, STEP)
    assert loss.item() == pytest.approx(-expected.mean().item(), rel=0.05)


def test_a_prior_without_labels_is_refused():
    model, _ = make_tiny("vae")
    with pytest.raises(ValueError, match="is for a CharacteristicPrior"):
        er.CharacteristicELBO()(model.draw(torch.rand(4, 1, 8, 8)), STEP)
    with pytest.raises(ValueError, match="each of 10 labels takes a latent"):
        er.recipes.ccvae((1, 8, 8), latent=3)
