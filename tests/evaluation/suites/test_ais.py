"""Annealed importance sampling against models whose log p(x) is known exactly."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.evaluation.suites import ais, likelihood

D, LATENT, SIGMA = 6, 3, 0.4


@pytest.fixture(scope="module")
def linear():
    """A linear-Gaussian model with an untrained encoder, examples, and their log p(x)."""
    torch.manual_seed(0)
    encoder = er.Conditional.mlp(D, er.DiagonalNormal(LATENT), hidden=())
    decoder = er.Conditional(torch.nn.Linear(LATENT, D), er.Gaussian(D, SIGMA))
    with torch.no_grad():
        decoder.net.weight.copy_(torch.randn(D, LATENT))
    weight, bias = decoder.net.weight.detach().double(), decoder.net.bias.detach().double()
    marginal = torch.distributions.MultivariateNormal(bias, weight @ weight.T + SIGMA**2 * torch.eye(D))
    x = marginal.sample((12,))
    batch = Batch(x.float(), None, torch.arange(12))
    return er.Model(encoder, decoder, er.StandardNormal(LATENT)).eval(), batch, marginal.log_prob(x)


def test_estimates_the_likelihood_that_the_importance_bound_misses(linear):
    model, batch, exact = linear
    bound, accepted = ais.ais_bound(model, batch, chains=32, temperatures=300, leapfrog_steps=5)
    # Each is the mean of 32 weights whose logarithms have a standard deviation of about 0.5.
    assert (bound - exact).abs().max() < 0.4
    assert (bound - exact).mean().abs() < 0.1
    assert 0.5 < accepted < 0.8
    # The importance bound of 100 samples of an untrained encoder is far off.
    importance = likelihood.estimate_bounds(model, batch, 100, seed=0)["importance_bound"]
    assert (exact - importance).mean() > 1


def test_the_weights_average_to_the_likelihood_even_with_few_temperatures(linear):
    """Unbiased for any number of temperatures, which a wrong acceptance or a biased target would not be."""
    model, batch, exact = linear
    few = Batch(batch.x[:4], None, batch.index[:4])
    bound, _ = ais.ais_bound(model, few, chains=20_000, temperatures=6, leapfrog_steps=3)
    assert bound == pytest.approx(exact[:4], abs=0.06)


def test_more_temperatures_come_nearer_from_below(linear):
    model, batch, exact = linear
    gaps = [
        (exact - ais.ais_bound(model, batch, chains=1, temperatures=t, leapfrog_steps=3)[0]).mean().item()
        for t in (3, 20, 120)
    ]
    assert gaps[0] > gaps[1] > abs(gaps[2])


def test_a_bernoulli_decoder_by_quadrature():
    torch.manual_seed(1)
    encoder = er.Conditional.mlp((5,), er.DiagonalNormal(1))
    decoder = er.Conditional.mlp(1, er.Bernoulli((5,)), hidden=(8,), activation="tanh")
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(4)
    prior = er.Mixture(1, components=3)
    model = er.Model(encoder, decoder, prior).eval()
    x = torch.tensor([[1.0, 0, 1, 1, 0], [0, 0, 0, 1, 1]])
    with torch.no_grad():
        grid = torch.linspace(-12, 12, 20_001)[:, None]
        joint = prior().log_prob(grid)[:, None] + torch.stack([decoder(grid).log_prob(v) for v in x], 1)
        exact = (joint.double().logsumexp(0) + math.log(24 / 20_000)).tolist()
    bound, _ = ais.ais_bound(model, Batch(x, None, torch.arange(2)), chains=200, temperatures=100, leapfrog_steps=5)
    assert bound.tolist() == pytest.approx(exact, abs=0.02)


def test_independent_of_the_rest_of_the_batch(linear):
    model, batch, _ = linear
    settings = {"chains": 4, "temperatures": 12, "leapfrog_steps": 2}
    together, _ = ais.ais_bound(model, batch, **settings)
    alone, _ = ais.ais_bound(model, Batch(batch.x[5:6], None, batch.index[5:6]), **settings)
    assert alone.item() == pytest.approx(together[5].item(), abs=1e-4)
    other, _ = ais.ais_bound(model, batch, seed=1, **settings)
    assert (other - together).abs().max() > 1e-3


def test_a_conditional_model_has_its_own_prior(digits):
    """The prior depends on the label: chains start from each example's own."""

    class Shifted(torch.nn.Module):
        def forward(self, c):
            return er.distributions.Normal(c.expand(-1, 2), torch.zeros(len(c), 2))

    torch.manual_seed(0)
    net = er.MLP((1, 8, 8), 1, size=4, hidden=(8,))
    decoder = er.Conditional(er.MLP(2, 1, size=64, hidden=()), er.Gaussian((1, 8, 8), 0.5))
    condition = torch.nn.Module()
    condition.forward = lambda c: c.float()[:, None] / 10
    model = er.Model(er.Conditional(net, er.DiagonalNormal(2)), decoder, Shifted(), condition).eval()
    batch = digits.test.first(5)
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        model.decoder(torch.zeros(3, 5, 2))  # it needs the condition
    bound, _ = ais.ais_bound(model, batch, chains=16, temperatures=100, leapfrog_steps=5)
    weight, bias = (p.detach().double() for p in model.decoder.net.layers[0].parameters())
    c = batch.y.double()[:, None] / 10
    loc = bias + c.expand(-1, 2) @ weight[:, :2].T + c @ weight[:, 2:].T
    covariance = weight[:, :2] @ weight[:, :2].T + 0.25 * torch.eye(64)
    exact = torch.distributions.MultivariateNormal(loc, covariance).log_prob(batch.x.flatten(1).double())
    assert (bound - exact).abs().max() < 0.3


def test_the_suite_measures_both_bounds(digits, monkeypatch):
    for name, value in (("MAX_EXAMPLES", 3), ("N_CHAINS", 4), ("N_TEMPERATURES", 15), ("LEAPFROG_STEPS", 2)):
        monkeypatch.setattr(ais, name, value)
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))
    metrics = er.evaluate(model, digits, metrics="ais", samples=50)
    gain = metrics["annealed_bound"].value - metrics["importance_bound_there"].value
    assert metrics["annealed_gain"].value == pytest.approx(gain)
    assert {m.examples for m in metrics.values()} == {3}
    assert "15 temperatures, 4 chains, 2 leapfrog steps" in metrics["annealed_bound"].estimator
    assert "lower bound" in metrics["annealed_bound"].estimator


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [("autoencoder", "no prior"), ("vq_vae", "codes are discrete"), ("ladder_vae", "several latents")],
)
def test_undefined_metrics_say_why(digits, recipe, reason):
    model, _ = er.recipes.RECIPES[recipe]((1, 8, 8))
    metrics = er.evaluate(model, digits, metrics="ais", samples=2)
    assert all(m.value is None and reason in m.note for m in metrics.values())
