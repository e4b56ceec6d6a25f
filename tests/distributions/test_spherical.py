"""Distributions on the sphere: closed forms, quadrature, Monte Carlo, and numbers where others overflow."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import digamma, gammaln, ive
from torch.distributions import kl_divergence

from elbowroom import noise
from elbowroom.distributions import PowerSpherical, SphericalUniform, VonMisesFisher
from elbowroom.distributions.spherical import log_sphere_area

KINDS = [PowerSpherical, VonMisesFisher]


def make(kind, size, concentration):
    return kind(torch.eye(size)[:1], torch.tensor([float(concentration)]))


def log_normalizer(kind, size, k):
    """The closed form: log p(z) = k μ·z + it, or k log(1 + μ·z) + it."""
    if kind is VonMisesFisher:
        order = size / 2 - 1
        return order * np.log(k) - size / 2 * np.log(2 * np.pi) - np.log(ive(order, k)) - k
    b, a = (size - 1) / 2, (size - 1) / 2 + k
    return -((a + b) * np.log(2) + b * np.log(np.pi) + gammaln(a) - gammaln(a + b))


def kl_from_uniform(kind, size, k):
    if kind is VonMisesFisher:
        mean = ive(size / 2, k) / ive(size / 2 - 1, k)
        return k * mean + log_normalizer(kind, size, k) + log_sphere_area(size)
    b, a = (size - 1) / 2, (size - 1) / 2 + k
    return k * (np.log(2) + digamma(a) - digamma(a + b)) + log_normalizer(kind, size, k) + log_sphere_area(size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "k"), [(2, 0.5), (2, 1e4), (3, 10), (21, 10), (128, 1e3), (512, 1e3), (512, 1e6)])
def test_density_and_kl_are_the_closed_forms(kind, size, k):
    q = make(kind, size, k)
    top = k if kind is VonMisesFisher else k * math.log(2)
    assert q.log_prob(q.loc).item() == pytest.approx(top + log_normalizer(kind, size, k), rel=1e-6, abs=1e-5)
    z = torch.nn.functional.normalize(torch.eye(size)[0] + torch.randn(size) / math.sqrt(size * k), dim=0)
    t = float(z.double()[0] / z.double().norm())
    score = k * t if kind is VonMisesFisher else k * math.log1p(t)
    assert q.log_prob(z).item() == pytest.approx(score + log_normalizer(kind, size, k), rel=1e-5, abs=1e-4)
    kl = kl_divergence(q, SphericalUniform(torch.zeros(size))).item()
    assert kl == pytest.approx(kl_from_uniform(kind, size, k), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [0.0, 3.0, 80.0])
def test_densities_integrate_to_one(kind, k):
    circle = torch.arange(2000) / 2000 * 2 * math.pi
    q = make(kind, 2, k)
    assert q.log_prob(torch.stack((circle.cos(), circle.sin()), -1)).exp().mean() * 2 * math.pi == pytest.approx(
        1, abs=1e-5
    )
    height = torch.linspace(-1, 1, 20001)  # of the sphere in three numbers, whose slices have equal areas
    z = torch.stack((height, (1 - height.square()).sqrt(), torch.zeros_like(height)), -1)
    assert torch.trapezoid(make(kind, 3, k).log_prob(z).exp(), height) * 2 * math.pi == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 3, 10])
def test_the_kl_is_the_mean_over_draws(kind, size):
    torch.manual_seed(0)
    q, p = make(kind, size, 4.0), SphericalUniform(torch.zeros(size))
    z = q.rsample((4000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(4000, 1))
    logs = (q.log_prob(z) - p.log_prob(z))[:, 0]
    assert abs(logs.mean() - q.kl_from_uniform) < 5 * logs.std() / math.sqrt(4000)


def integrate(kind, size, k, f):
    """E[f(cos θ)] by adaptive quadrature."""

    def weight(angle):
        score = (
            k * (math.cos(angle) - 1) if kind is VonMisesFisher else k * math.log((1 + math.cos(angle)) / 2 + 1e-300)
        )
        return math.exp(score) * math.sin(angle) ** (size - 2)

    total, _ = quad(weight, 0, math.pi)
    return quad(lambda angle: weight(angle) * f(math.cos(angle)), 0, math.pi)[0] / total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 3, 6])
def test_gradients_of_draws_are_those_of_expectations(kind, size):
    """Of f(z) = a·z + (b·z)², by concentration and mean direction, a and b orthonormal."""
    torch.manual_seed(0)
    k = torch.full((4000,), 3.0, requires_grad=True)
    raw = torch.eye(size)[:1].repeat(4000, 1).requires_grad_()
    z = kind(raw / raw.norm(dim=-1, keepdim=True), k).rsample()
    (z[:, 0] + z[:, 1].square()).sum().backward()

    def mean(k):
        return integrate(kind, size, k, lambda t: t + (1 - t * t) / (size - 1))

    by_k = (mean(3.001) - mean(2.999)) / 0.002
    assert abs(k.grad.mean() - by_k) < 5 * k.grad.std() / math.sqrt(4000)
    raw.grad = None
    z = kind(raw / raw.norm(dim=-1, keepdim=True), k.detach()).rsample()
    z[:, 1].sum().backward()  # E z = A(k) μ, which turns with μ
    by_mean = integrate(kind, size, 3.0, lambda t: t)
    assert abs(raw.grad[:, 1].mean() - by_mean) < 5 * raw.grad[:, 1].std() / math.sqrt(4000)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_finite_at_any_concentration_in_any_dimension(kind):
    for size in (2, 512):
        loc = torch.eye(size)[:1].repeat(5, 1).requires_grad_()
        k = torch.tensor([0.0, 1e-6, 1.0, 1e5, 1e8], requires_grad=True)
        q = kind(loc, k)
        z = q.rsample((3,))
        total = q.log_prob(z).sum() + q.kl_from_uniform.sum() + z.sum()
        total.backward()
        assert total.isfinite()
        assert k.grad.isfinite().all()
        assert loc.grad.isfinite().all()


def test_a_draw_depends_on_its_example_and_sample_alone():
    loc = torch.nn.functional.normalize(torch.randn(4, 3), dim=-1)
    k = torch.tensor([1.0, 5.0, 50.0, 500.0])
    with noise.keyed_noise(0, torch.arange(4)):
        z = VonMisesFisher(loc, k).rsample((6,))
    with noise.keyed_noise(0, torch.tensor([2]), first_sample=4):
        torch.testing.assert_close(VonMisesFisher(loc[2:3], k[2:3]).rsample((2,)), z[4:, 2:3], rtol=0, atol=1e-6)
    with noise.zero_noise():
        torch.testing.assert_close(VonMisesFisher(loc, k).rsample((2,))[1], loc)
