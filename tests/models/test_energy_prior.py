"""The energy prior: with f(z) = a·z it is N(a, I), whose density, draws and gradients are known."""

import math

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import noise
from elbowroom.models.langevin import run_chains
from elbowroom.models.priors.energy import TILT_SCALE

LATENT = 6


class Linear(nn.Module):
    """f(z) = a·z, whose Z is exp(|a|² / 2)."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, z):
        return (z @ self.a)[..., None] / TILT_SCALE


@pytest.fixture
def prior():
    torch.manual_seed(0)
    prior = er.EnergyPrior(LATENT).eval()
    prior.network = Linear(torch.linspace(-0.8, 0.8, LATENT))
    return prior


def shifted_normal(prior):
    return torch.distributions.Independent(torch.distributions.Normal(prior.network.a, 1.0), 1)


def test_a_linear_energy_is_a_shifted_normal(prior):
    z = torch.randn(5, 4, LATENT)
    with torch.no_grad():
        exact = shifted_normal(prior).log_prob(z)
        torch.testing.assert_close(prior().log_prob(z), exact, atol=4 * prior.log_z_error.item(), rtol=0)
        assert prior().log_z.item() == pytest.approx(prior.network.a.square().sum().item() / 2, abs=0.1)
    assert prior.log_z_error < 0.03


def test_its_draws_are_those_of_the_shifted_normal(prior):
    n = 20_000
    z = prior().sample((n,))
    # 60 steps leave e^(-30 s²) of the start, which is 1 %; the annealed half lags behind less.
    torch.testing.assert_close(z.mean(0), prior.network.a.detach(), atol=4 / math.sqrt(n) + 0.02, rtol=0)
    torch.testing.assert_close(z.var(0), torch.ones(LATENT), atol=4 * math.sqrt(2 / n) + 0.02, rtol=0)
    correlation = torch.corrcoef(z.T) - torch.eye(LATENT)
    assert correlation.abs().max() < 4.5 / math.sqrt(n) + 0.01


def test_the_steps_keep_a_density_that_is_no_normal():
    """Two modes, of a tilt of 2.5 cos(2 z): moments against quadrature, at a scale where unadjusted steps miss them."""

    def tilt(z):
        return 2.5 * (2 * z).cos().sum(-1)

    torch.manual_seed(0)
    chains = run_chains(tilt, torch.Size((20_000,)), torch.zeros(1), 200, 1.0)
    axis = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]
    density = (tilt(axis) - 0.5 * axis[:, 0].square()).exp()
    step = (axis[1] - axis[0]).item()
    log_z = (density.sum() * step / math.sqrt(2 * math.pi)).log().item()
    second = ((axis[:, 0].square() * density).sum() / density.sum()).item()
    fourth = ((axis[:, 0] ** 4 * density).sum() / density.sum()).item()
    assert chains.log_z.item() == pytest.approx(log_z, abs=4 * chains.log_z_error.item())
    error = math.sqrt((fourth - second**2) / 20_000)
    assert chains.z.square().mean().item() == pytest.approx(second, abs=4 * error)


def test_weights_are_those_of_annealed_importance_sampling_without_bias(prior):
    """With few, rough steps each mean of weights is still Z on average."""
    exact = prior.network.a.square().sum().item() / 2
    torch.manual_seed(0)
    chains = run_chains(prior.tilt, torch.Size((50_000,)), prior.origin, 4, 0.8)
    assert chains.log_z.item() == pytest.approx(exact, abs=4 * chains.log_z_error.item())


@pytest.mark.parametrize("is_training", [True, False])
def test_the_gradient_by_the_energy_is_that_of_the_shifted_normal(prior, is_training):
    """Of the mean of log p(z) over draws of a posterior: mean(z) - a, but for the error of the chains."""
    prior.train(is_training)
    z = torch.randn(200, LATENT) + 1
    expected = z.mean(0) - prior.network.a.detach()
    repeats = 20 if is_training else 1
    total = torch.zeros(LATENT)
    for _ in range(repeats):
        total += torch.autograd.grad(prior().log_prob(z).mean(), prior.network.a)[0]
    n = repeats * (100 if is_training else 1024)
    torch.testing.assert_close(total / repeats, expected, atol=4 / math.sqrt(n) + 0.02, rtol=0)


def test_the_gradient_is_the_papers_difference_of_means():
    """E_q[∇f] - E_p[∇f], to the last digit, with the draws of p that the density holds."""
    prior = er.EnergyPrior(LATENT).train()
    z, density = torch.randn(7, LATENT), prior()
    found = torch.autograd.grad(density.log_prob(z).mean(), list(prior.parameters()))
    expected = torch.autograd.grad(prior.tilt(z).mean() - prior.tilt(density.z).mean(), list(prior.parameters()))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_a_model_descends_it(prior):
    model, objective = er.recipes.vae((9,), latent=LATENT, hidden=(8,), prior="energy:10", likelihood="gaussian:1")
    model.prior.network = Linear(torch.zeros(LATENT))
    draw = model.draw(torch.rand(30, 9))
    gradient = torch.autograd.grad(objective(draw, torch.tensor(0)), model.prior.network.a)[0]
    torch.testing.assert_close(gradient, draw.prior.z.mean(0) - draw.z[0].mean(0).detach())


def test_outside_training_it_is_the_same_until_weights_change(prior):
    with torch.no_grad():
        first = prior().log_z
        torch.randn(3)
        assert prior().log_z == first
        prior.network.a.mul_(2)
        assert prior().log_z != first
    prior.train()
    assert prior().log_z != prior().log_z


def test_it_works_in_inference_mode_on_maps_and_without_noise():
    prior = er.EnergyPrior((2, 3, 3), steps=2).eval()
    with torch.inference_mode():
        assert prior().sample((4, 5)).shape == (4, 5, 2, 3, 3)
        assert prior().log_prob(torch.randn(4, 5, 2, 3, 3)).shape == (4, 5)
        with noise.zero_noise():
            torch.testing.assert_close(prior().sample((2,)), prior().mean.expand(2, 2, 3, 3))


@pytest.mark.parametrize(
    ("name", "words"),
    [("energy:1", "need at least 2 steps, got 1"), ("energy:x", "prior 'energy:x': write energy:STEPS")],
)
def test_settings_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        er.recipes.vae((1, 8, 8), prior=name)
