"""Gamma and Dirichlet draws from normals: their distribution functions, their gradients, their KL."""

import math

import pytest
import scipy.stats
import torch
from torch.distributions import kl_divergence

from elbowroom import noise
from elbowroom.distributions import IndependentGamma, KeyedDirichlet, kl_elements


@pytest.mark.parametrize("shape", [0.2, 1.0, 7.0])
def test_draws_are_gamma_variables(shape):
    """By the test of Kolmogorov and Smirnov; the mean's gradient by the shape is 1."""
    torch.manual_seed(0)
    alpha = torch.full((20000, 1), shape, requires_grad=True)
    z = IndependentGamma(alpha, torch.ones(20000, 1)).rsample()
    assert scipy.stats.kstest(z.detach()[:, 0].numpy(), scipy.stats.gamma(shape).cdf).pvalue > 1e-3
    z.sum().backward()
    assert abs(alpha.grad.mean() - 1) < 5 * alpha.grad.std() / math.sqrt(20000)


def test_kls_are_means_over_draws_and_sums_over_elements():
    torch.manual_seed(0)
    q = IndependentGamma(torch.tensor([[0.7, 3.0]]), torch.tensor([[1.0, 0.5]]))
    p = IndependentGamma(torch.full((2,), 2.0), torch.ones(2))
    torch.testing.assert_close(kl_elements(q, p).sum(-1), kl_divergence(q, p))
    dirichlets = KeyedDirichlet(torch.tensor([[0.7, 3.0, 1.0]])), KeyedDirichlet(torch.ones(3))
    for a, b in ((q, p), dirichlets):
        z = a.rsample((8000,))
        logs = (a.log_prob(z) - b.log_prob(z))[:, 0]
        assert abs(logs.mean() - kl_divergence(a, b)) < 5 * logs.std() / math.sqrt(8000)


def test_the_gradient_of_dirichlet_draws_is_that_of_their_mean():
    torch.manual_seed(0)
    alpha = torch.tensor([0.8, 2.0, 1.2]).repeat(20000, 1).requires_grad_()
    KeyedDirichlet(alpha).rsample()[:, 0].sum().backward()
    expected = torch.tensor([(4.0 - 0.8) / 16, -0.8 / 16, -0.8 / 16])
    error = alpha.grad.std(0) / math.sqrt(20000)
    assert ((alpha.grad.mean(0) - expected).abs() < 5 * error).all()


@pytest.mark.parametrize("make", [lambda a: IndependentGamma(a, torch.ones_like(a)), KeyedDirichlet])
def test_a_draw_depends_on_its_example_alone_and_is_the_mean_without_noise(make):
    alpha = torch.tensor([[0.5, 2.0], [1.0, 9.0], [3.0, 0.1]])
    with noise.keyed_noise(0, torch.arange(3)):
        z = make(alpha).rsample((4,))
    with noise.keyed_noise(0, torch.tensor([1])):
        torch.testing.assert_close(make(alpha[1:2]).rsample((4,)), z[:, 1:2], rtol=0, atol=1e-6)
    with noise.zero_noise():
        torch.testing.assert_close(make(alpha).rsample(), make(alpha).mean)


def test_numbers_are_finite_at_small_shapes():
    alpha = torch.full((200, 3), 0.05, requires_grad=True)
    for q in (IndependentGamma(alpha, torch.ones(200, 3)), KeyedDirichlet(alpha)):
        alpha.grad = None
        z = q.rsample()
        (q.log_prob(z).sum() + z.log().sum()).backward()
        assert alpha.grad.isfinite().all()
