"""The critic's estimate of a KL that is known, and a posterior that is drawn alone."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import noise
from tests.tiny_recipes import make_tiny

STEP = torch.tensor(0)


class LinearEncoder(nn.Module):
    """z = x + noise / 2: a normal whose divergence from the standard normal is known."""

    def forward(self, x, eps):
        return x + 0.5 * eps


class ExactRatio(nn.Module):
    """log q(z|x) − log p(z) of that encoder."""

    def forward(self, x, z):
        q, p = torch.distributions.Normal(x, 0.5), torch.distributions.Normal(0.0, 1.0)
        return (q.log_prob(z) - p.log_prob(z)).sum(-1, keepdim=True)


def make_model():
    encoder = er.Conditional(LinearEncoder(), er.Point(2))
    return er.ImplicitModel(encoder, er.Conditional.mlp(2, er.Gaussian(2)), er.StandardNormal(2), noise_size=2)


def test_with_the_best_critic_it_is_the_divergence():
    torch.manual_seed(0)
    x = torch.tensor([[0.0, 1.0], [-1.0, 0.5]])
    q = torch.distributions.Normal(x, 0.5)
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean()
    estimate = er.PosteriorRatio(ExactRatio())(make_model().draw(x, k=20_000), STEP)
    assert estimate.item() == pytest.approx(expected.item(), rel=0.02)


def test_the_best_critic_has_a_loss_without_gradient():
    """The scale of the best critic is at its optimum: its classification loss does not fall on either side."""
    torch.manual_seed(0)
    draw = make_model().draw(torch.tensor([[0.0, 1.0], [-1.0, 0.5]]), k=20_000)
    scale = torch.ones((), requires_grad=True)

    class Scaled(ExactRatio):
        def forward(self, x, z):
            return scale * super().forward(x, z)

    (player,) = er.PosteriorRatio(Scaled()).adversaries()
    player.loss(draw, STEP).backward()
    assert scale.grad.abs().item() < 0.01


def test_an_implicit_posterior_draws_by_its_noise_and_has_no_density():
    model, x = make_model(), torch.randn(3, 2)
    q = model.infer(x)
    assert torch.equal(q.mean, x)
    with noise.explicit_noise([torch.ones(4, 3, 2)]):
        assert torch.equal(q.rsample((4,)), (x + 0.5).expand(4, 3, 2))
    with pytest.raises(ValueError, match=r"the density of an implicit posterior.* is unknown, so KL and ELBO"):
        _ = model.draw(x).kl
    with pytest.raises(ValueError, match="needs noise of at least 1"):
        er.recipes.avb((1, 8, 8), noise=0)


def test_its_draws_differ_and_its_critic_is_a_player():
    model, objective = make_tiny("avb")
    z = model.draw(torch.rand(2, 1, 8, 8), k=3).z
    assert not torch.equal(z[0], z[1])
    assert [player.name for player in objective.players(model)] == ["model", "critic"]
