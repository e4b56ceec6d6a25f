"""The contract of every likelihood in the registry."""

import pytest
import torch

from elbowroom.families import LIKELIHOODS, likelihood

SHAPES = [(1, 28, 28), (3, 5, 7), (9,), (2, 11)]
#: Likelihoods of examples whose shape says more than a size.
WITH_SHAPES = {"columns", "bins", "modes", "binned-columns", "tokens", "views"}


def random_parameters(family, *lead):
    return 2 * torch.randn(*lead, family.size, dtype=torch.float64)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in WITH_SHAPES])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_likelihood_scores_and_samples_every_shape(name, shape):
    family = likelihood(name, shape)
    phi = torch.randn(2, 3, family.size, requires_grad=True)
    p = family(phi)
    x = torch.rand(3, *shape)
    log_px = p.log_prob(x)
    assert log_px.shape == (2, 3)
    assert p.mean.shape == (2, 3, *shape)
    drawn = p.sample()
    assert drawn.shape == (2, 3, *shape)
    assert p.log_prob(drawn).isfinite().all()
    log_px.sum().backward()
    assert phi.grad.isfinite().all()
    assert (phi.grad != 0).any()


@pytest.mark.parametrize(
    "name", ["gaussian", "gaussian:optimal", "laplace", "laplace:optimal", "diagonal-normal", "continuous-bernoulli"]
)
def test_densities_integrate_to_one(name):
    family = likelihood(name, (1, 1, 1)).eval().double()
    p = family(random_parameters(family, 1))
    low, high = (0, 1) if family.support[0] == 0 else (-400, 400)
    x = torch.linspace(low, high, 800_001, dtype=torch.float64)
    assert torch.trapezoid(p.log_prob(x[:, None, None, None]).exp(), x).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "name", ["discretized-logistic", "logistic-mixture", "categorical", "diagonal-normal", "laplace"]
)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_extreme_numbers_give_finite_losses_and_gradients(name, size):
    family = likelihood(name, (3, 2, 2))
    phi = (size * torch.randn(20, family.size)).requires_grad_()
    loss = family(phi).log_prob(torch.rand(20, 3, 2, 2).round()).sum()
    loss.backward()
    assert loss.isfinite()
    assert phi.grad.isfinite().all()
    assert family(phi).mean.isfinite().all()
