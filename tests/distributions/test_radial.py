"""Distances from a center: inverse distribution functions and their gradients, against quadrature."""

import math

import pytest
import torch
from scipy.integrate import quad

from elbowroom.distributions.hyperbolic import PoincareRadius
from elbowroom.distributions.spherical import PowerSphericalAngle, VonMisesFisherAngle

CASES = [
    *[(angle, a, size) for angle in (VonMisesFisherAngle, PowerSphericalAngle) for a in (1.0, 20.0) for size in (2, 5)],
    (VonMisesFisherAngle, 1e4, 128),
    (PowerSphericalAngle, 1e4, 128),
    (PoincareRadius, 0.5, 1),
    (PoincareRadius, 0.5, 2),
    (PoincareRadius, 40.0, 10),
]


def make_density(kind, a, size):
    extra = (1.2,) if kind is PoincareRadius else ()
    return kind(torch.tensor([a], dtype=torch.float64), size, *extra)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].__name__}-{case[1]:g}-{case[2]}")
def case(request):
    return request.param


def test_normalizer_and_mean_are_those_of_adaptive_quadrature(case):
    density = make_density(*case)
    low, high = float(density._edges[0, 0]), float(density._edges[0, -1])

    def term(r, power=0):
        r = torch.tensor(r, dtype=torch.float64)
        log_p = density.parameter * density.statistic(r) + density.log_base(r) - density.log_normalizer
        return float(log_p.exp() * density.statistic(r) ** power)

    assert quad(term, low, high, points=[(low + high) / 2], limit=200)[0] == pytest.approx(1, abs=1e-8)
    mean = quad(term, low, high, args=(1,), points=[(low + high) / 2], limit=200)[0]
    assert float(density.mean_statistic) == pytest.approx(mean, rel=1e-7)


def test_draws_invert_the_distribution_function(case):
    density = make_density(*case)
    u = torch.tensor([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6], dtype=torch.float64)[:, None]
    r = density.sample(u)
    assert r[:, 0].diff().gt(0).all()
    low = float(density._edges[0, 0])
    for probability, end in zip(u[:, 0].tolist(), r[:, 0].tolist(), strict=True):
        mass = quad(lambda s: float(density._density(torch.tensor([[s]], dtype=torch.float64))), low, end, limit=200)[0]
        assert mass == pytest.approx(probability, rel=1e-5, abs=1e-9)


def test_the_gradient_of_a_draw_is_that_of_the_inverse(case):
    kind, a, size = case
    u = torch.tensor([1e-4, 0.3, 0.8, 1 - 1e-4], dtype=torch.float64)[:, None]
    parameter = torch.tensor([a], dtype=torch.float64, requires_grad=True)
    extra = (1.2,) if kind is PoincareRadius else ()
    r = kind(parameter, size, *extra).sample(u)
    slopes = [torch.autograd.grad(x, parameter, retain_graph=True)[0] for x in r[:, 0]]
    step = 1e-4 * a
    high, low = (make_density(kind, a + sign * step, size).sample(u)[:, 0] for sign in (1, -1))
    torch.testing.assert_close(torch.cat(slopes), (high - low) / (2 * step), rtol=1e-4, atol=1e-9)


def test_a_draw_before_it_leaves_the_gradient_of_the_normalizer(case):
    kind, a, size = case
    extra = (1.2,) if kind is PoincareRadius else ()
    slopes = []
    for is_drawn in (False, True):
        parameter = torch.tensor([a], dtype=torch.float64, requires_grad=True)
        density = kind(parameter, size, *extra)
        if is_drawn:
            density.sample(torch.full((1, 1), 0.5, dtype=torch.float64))
        slopes.append(torch.autograd.grad(density.log_normalizer, parameter)[0])
    assert torch.equal(*slopes)
    torch.testing.assert_close(slopes[0], density.mean_statistic, rtol=1e-6, atol=1e-9)


def test_a_parameter_of_zero_is_the_uniform_sphere():
    for kind in (VonMisesFisherAngle, PowerSphericalAngle):
        density = make_density(kind, 0.0, 2)
        assert float(density.log_normalizer) == pytest.approx(math.log(math.pi))
        assert float(density.sample(torch.tensor([[0.25]], dtype=torch.float64))) == pytest.approx(math.pi / 4)
