"""Models with a latent at each step: the linear-Gaussian state space model, whose log p(x) is known exactly."""

import math

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.networks import StepCell
from tests.tiny_recipes import make_tiny

STEPS = 5
A, C, Q, R = 0.8, 1.5, 0.5, 0.3


class LinearCell(StepCell):
    """z_t = A z_{t-1} + N(0, Q), x_t = C z_t + N(0, R); features of a step are shift, slope and log-variance of q."""

    latent = 1

    def initial_state(self, n):
        return torch.zeros(n, 1)

    def prior(self, state):
        return A * state, torch.full_like(state, math.log(Q))

    def posterior(self, state, features):
        shift, slope, log_var = features.split(1, -1)
        return shift + slope * state, log_var.expand_as(state)

    def emit(self, state, z):
        return C * z

    def update(self, state, z, x):
        return z


class ReadingCell(LinearCell):
    """The same model with the emission in the state, which a cell that reads x passes on."""

    reads_x = True

    def update(self, state, z, x):
        assert x is not None
        return z + 0 * x


def joint_covariance():
    """The covariance of (z, x), exactly."""
    transition = torch.tensor([[A ** (i - j) if i >= j else 0.0 for j in range(STEPS)] for i in range(STEPS)])
    z = transition @ (Q * torch.eye(STEPS)) @ transition.T
    return z, C**2 * z + R * torch.eye(STEPS), C * z


class ExactFeatures(nn.Module):
    """Features by which q(z_t | z_{t-1}, x) is the exact posterior, off by an error."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        z, xx, zx = joint_covariance()
        gain = zx @ torch.linalg.inv(xx)
        mean, covariance = x[:, 0] @ gain.T, z - gain @ zx.T
        before = covariance.diagonal(offset=1) / covariance.diagonal()[:-1]
        slope = torch.cat((torch.zeros(1), before))
        shift = mean - slope * torch.cat((torch.zeros(len(x), 1), mean[:, :-1]), 1)
        explained = torch.cat((torch.zeros(1), before**2 * covariance.diagonal()[:-1]))
        variance = (covariance.diagonal() - explained) * math.exp(self.error)
        return torch.stack((shift + self.error, slope.expand_as(shift), variance.log().expand_as(shift)), -1)


def make_model(error=0.0, cell=LinearCell):
    return er.SequentialModel(ExactFeatures(error), cell(), er.Gaussian((1, STEPS), scale=math.sqrt(R))).double()


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(3, 1, STEPS)


def log_px(x):
    return torch.distributions.MultivariateNormal(torch.zeros(STEPS), joint_covariance()[1]).log_prob(x[:, 0])


@pytest.mark.parametrize("cell", [LinearCell, ReadingCell])
def test_at_the_exact_posterior_every_weight_is_the_likelihood(x, cell):
    draw = make_model(cell=cell).draw(x, k=4)
    torch.testing.assert_close(draw.log_w.float(), log_px(x).expand(4, -1), rtol=0, atol=1e-4)


def test_bounds_are_below_the_likelihood_and_tighten(x):
    draw = make_model(error=0.1).draw(x, k=4000)
    exact, importance_bound = log_px(x), torch.logsumexp(draw.log_w, 0) - math.log(4000)
    assert (draw.elbo < exact - 0.02).all()
    torch.testing.assert_close(importance_bound.float(), exact, rtol=0, atol=0.05)
    # In closed form at each step, given the steps before, the KL varies less than its estimate by one draw.
    latent = draw.latents[0]
    torch.testing.assert_close(draw.kl, (latent.log_qz - latent.log_pz).mean(0), rtol=0, atol=0.1)


def test_samples_have_the_models_covariance():
    torch.manual_seed(0)
    samples = make_model().sample(20_000)[:, 0]
    assert (torch.cov(samples.T) - joint_covariance()[1]).abs().max() < 0.1


@pytest.mark.parametrize("name", ["vrnn", "dmm"])
def test_a_step_of_x_is_told_nothing_of_later_steps(name):
    """In standardized latents, too, only those up to a step reach it."""
    model, _ = make_tiny(name, (2, 6), latent=3)
    z = torch.randn(1, 6, 3, requires_grad=True)
    x = torch.rand(1, 2, 6)
    p = model.decode(z)
    p = p.conditionals(x) if model.is_autoregressive else p
    for step in range(6):
        (gradient,) = torch.autograd.grad(p.mean[0, :, step].sum(), z, retain_graph=True)
        assert not gradient[0, step + 1 :].any()
        assert gradient[0, step].any()


@pytest.mark.parametrize("name", ["vrnn", "dmm"])
def test_an_image_is_a_series_of_its_rows(name):
    model, _ = make_tiny(name, (3, 4, 5), likelihood="discretized-logistic")
    assert model.latent_shape == (4, 3)
    assert model.sample(2).shape == model.reconstruct(torch.rand(2, 3, 4, 5)).shape == (2, 3, 4, 5)


def test_a_vrnn_scores_what_it_makes_as_it_made_it():
    model, _ = make_tiny("vrnn", (2, 6))
    mean = model.decode(torch.randn(3, 6, 3)).mean
    p = model.decode(torch.zeros(3, 6, 3))
    torch.testing.assert_close(p.conditionals(p.mean).mean, p.mean)
    assert mean.shape == (3, 2, 6)


def test_where_its_network_is_silent_a_vrnn_repeats_the_last_value_that_was_there():
    model, _ = make_tiny("vrnn", er.MaskedShape((2, 4)), likelihood="observed:gaussian")
    torch.nn.init.zeros_(model.cell.emission.layers[-1].weight)
    torch.nn.init.zeros_(model.cell.emission.layers[-1].bias)
    x = torch.tensor([[[1.0, math.nan, 3.0, 4.0], [5.0, 6.0, math.nan, math.nan]]])
    p = model.decode(torch.randn(1, *model.latent_shape)).conditionals(x)
    torch.testing.assert_close(p.mean, torch.tensor([[[0.0, 1.0, 1.0, 3.0], [0.0, 5.0, 6.0, 6.0]]]))
