"""Student-t and log-cosh densities: against scipy, total mass, limits, draws."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

from elbowroom.distributions import ScaledLogCosh, ScaledStudentT

X = torch.tensor([-40.0, -1.0, 0.2, 0.3, 5.0, 1000.0], dtype=torch.float64)


def tensors(*numbers):
    return [torch.tensor(number, dtype=torch.float64) for number in numbers]


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 100.0])
def test_student_t_is_that_of_scipy(df):
    loc, scale = 0.3, 0.7
    p = ScaledStudentT(*tensors(loc, math.log(scale), math.log(df)))
    np.testing.assert_allclose(p.log_prob(X), scipy.stats.t.logpdf(X.numpy(), df, loc, scale), rtol=1e-9)


def test_sharpness_one_is_the_hyperbolic_secant():
    p = ScaledLogCosh(*tensors(0.3, math.log(0.7)), sharpness=1.0)
    # scipy's hyperbolic secant density has the argument t, the density 1 / (π cosh t).
    np.testing.assert_allclose(p.log_prob(X[:-1]), scipy.stats.hypsecant.logpdf(X[:-1].numpy(), 0.3, 0.7), rtol=1e-9)


@pytest.mark.parametrize("sharpness", [0.3, 10.0, 100.0])
def test_log_cosh_integrates_to_one_and_differs_from_the_loss_by_a_constant(sharpness):
    p = ScaledLogCosh(*tensors(0.3, math.log(0.7)), sharpness=sharpness)
    mass, _ = scipy.integrate.quad(lambda x: p.log_prob(torch.tensor(x)).exp().item(), -60, 60, points=[0.3], limit=500)
    assert mass == pytest.approx(1, abs=1e-6)
    t = (X[1:5] - 0.3) / 0.7
    loss = torch.cosh(sharpness * t).log() / sharpness
    finite = loss.isfinite()
    constants = (p.log_prob(X[1:5]) + loss)[finite]
    torch.testing.assert_close(constants, constants[:1].expand_as(constants))


def test_a_sharp_log_cosh_is_a_laplace():
    p = ScaledLogCosh(*tensors(0.3, math.log(0.7)), sharpness=1e6)
    np.testing.assert_allclose(p.log_prob(X[:-1]), scipy.stats.laplace.logpdf(X[:-1].numpy(), 0.3, 0.7), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "cdf"),
    [
        (lambda loc, s: ScaledStudentT(loc, s, torch.tensor(3.0).log()), lambda t: scipy.stats.t.cdf(t, 3)),
        (lambda loc, s: ScaledLogCosh(loc, s, 1.0), scipy.stats.hypsecant.cdf),
        (lambda loc, s: ScaledLogCosh(loc, s, 1000.0), scipy.stats.laplace.cdf),
    ],
)
def test_draws_have_the_distribution(make, cdf):
    torch.manual_seed(0)
    p = make(torch.tensor([0.3]), torch.tensor(0.7).log())
    drawn = (p.sample((4000,)).flatten() - 0.3) / 0.7
    assert p.mean.item() == pytest.approx(0.3)
    assert scipy.stats.kstest(drawn.double().numpy(), cdf).pvalue > 0.01


def test_far_errors_have_finite_gradients():
    loc = torch.tensor([0.0], requires_grad=True)
    for p in (ScaledLogCosh(loc, torch.tensor(-5.0)), ScaledStudentT(loc, torch.tensor(-5.0), torch.tensor(0.0))):
        (gradient,) = torch.autograd.grad(p.log_prob(torch.tensor([1e6])).sum(), loc)
        assert gradient.isfinite().all()
