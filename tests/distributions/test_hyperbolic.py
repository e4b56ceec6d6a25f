"""Normals on the Poincaré ball: quadrature over it, the flat limit, and numbers at its border."""

import math

import pytest
import torch

from elbowroom import noise
from elbowroom.distributions import PoincareRiemannianNormal, PoincareWrappedNormal
from elbowroom.distributions.hyperbolic import log_sinh_ratio
from elbowroom.manifolds import PoincareBall

KINDS = [PoincareWrappedNormal, PoincareRiemannianNormal]


def make(kind, loc, scale, ball):
    scale = torch.full_like(loc, scale) if kind is PoincareWrappedNormal else torch.full(loc.shape[:-1], scale)
    return kind(loc, scale, ball)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("curvature", [0.3, 1.5])
def test_densities_integrate_to_one_over_the_hyperbolic_plane(kind, curvature):
    """In polar coordinates about the center, which is not the mean: the volume is sinh(√c r) / √c dr dφ."""
    ball = PoincareBall(curvature)
    p = make(kind, ball.project(torch.tensor([0.3, -0.4])), 0.7, ball)
    r = (torch.arange(600) + 0.5) / 600 * 8
    angle = torch.arange(200) / 200 * 2 * math.pi
    directions = torch.stack((angle.cos(), angle.sin()), -1)
    z = ball.exp(torch.zeros(600, 200, 2), r[:, None, None] * directions)
    volume = (ball.root * r).sinh() / ball.root * (8 / 600) * (2 * math.pi / 200)
    assert (p.log_prob(z).exp() * volume[:, None]).sum() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_at_no_curvature_it_is_the_normal(kind):
    """Hyperbolic distances are twice those of the ball near its center."""
    ball = PoincareBall(1e-6)
    loc, z = torch.tensor([0.1, 0.2, -0.1]), torch.randn(5, 3)
    flat = torch.distributions.Normal(2 * loc, 0.5).log_prob(2 * z).sum(-1)
    torch.testing.assert_close(make(kind, loc, 0.5, ball).log_prob(z), flat, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("scale", [0.1, 1.0, 2.0])
def test_the_normalizer_of_a_riemannian_normal_of_the_plane(scale):
    ball = PoincareBall(0.8)
    p = make(PoincareRiemannianNormal, torch.zeros(2), scale, ball)
    x = ball.root * scale
    total = 2 * math.pi * math.sqrt(math.pi / 2) * scale / ball.root * math.exp(x * x / 2) * math.erf(x / math.sqrt(2))
    assert -p.log_prob(torch.zeros(2)).item() == pytest.approx(math.log(total), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_have_the_density_that_they_are_scored_by(kind):
    """The mean of p(z)/q(z) over draws of q is one, for a narrower p."""
    torch.manual_seed(0)
    ball = PoincareBall(1.0)
    q = make(kind, torch.tensor([0.5, 0.0, 0.1]), 1.0, ball)
    p = make(kind, torch.tensor([0.4, 0.1, 0.1]), 0.6, ball)
    z = q.rsample((8000,))
    weights = (p.log_prob(z) - q.log_prob(z)).exp()
    assert abs(weights.mean() - 1) < 5 * weights.std() / math.sqrt(8000)


def test_the_gradient_of_a_riemannian_draw_is_that_of_the_expectation():
    torch.manual_seed(0)
    ball = PoincareBall(1.0)
    scale = torch.full((4000,), 0.8, requires_grad=True)
    z = PoincareRiemannianNormal(torch.zeros(4000, 4), scale, ball).rsample()
    squares = ball.distance(torch.zeros(4), z).square()
    squares.sum().backward()

    def mean(scale):
        radius = PoincareRiemannianNormal(torch.zeros(1, 4), torch.tensor([scale]).double(), ball).radius
        return -2 * radius.mean_statistic.item()

    assert abs(squares.mean() - mean(0.8)) < 5 * squares.std() / math.sqrt(4000)
    by_scale = (mean(0.801) - mean(0.799)) / 0.002
    assert abs(scale.grad.mean() - by_scale) < 5 * scale.grad.std() / math.sqrt(4000)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_finite_at_the_border(kind):
    ball = PoincareBall(1.0)
    loc = ball.project(torch.tensor([[5.0, 0.0], [0.0, 0.0], [-0.999, 0.001]])).requires_grad_()
    q = make(kind, loc, 3.0, ball)
    z = q.rsample((50,))
    assert (z.norm(dim=-1) < 1).all()
    total = q.log_prob(z).sum() + q.log_prob(loc).sum()
    total.backward()
    assert total.isfinite()
    assert loc.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_draw_depends_on_its_example_alone_and_is_the_mean_without_noise(kind):
    ball = PoincareBall(1.0)
    q = make(kind, 0.3 * torch.eye(3), 0.5, ball)
    with noise.keyed_noise(0, torch.arange(3)):
        z = q.rsample((2,))
    with noise.keyed_noise(0, torch.tensor([1])):
        alone = make(kind, 0.3 * torch.eye(3)[1:2], 0.5, ball).rsample((2,))
    torch.testing.assert_close(alone, z[:, 1:2], rtol=0, atol=1e-6)
    with noise.zero_noise():
        torch.testing.assert_close(q.rsample(), q.mean)


def test_log_sinh_ratio_and_its_gradient():
    x = torch.tensor([0.0, 0.005, 0.0099, 0.0101, 1.0, 30.0], dtype=torch.float64, requires_grad=True)
    y = log_sinh_ratio(x)
    torch.testing.assert_close(y[1:].exp(), x[1:].sinh() / x[1:])
    y.sum().backward()
    torch.testing.assert_close(x.grad[1:], 1 / x[1:].tanh() - 1 / x[1:], atol=1e-7, rtol=1e-7)
    assert x.grad[0] == 0
