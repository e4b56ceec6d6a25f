"""The linear-Gaussian model, whose log p(x) is known exactly; Pyro as a second opinion."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import elbowroom as er
from elbowroom.evaluation.registry import EvalContext
from elbowroom.evaluation.suites import samplers
from elbowroom.samplers import fit_to_model
from tests.oracles.conftest import LATENT, SIGMA, D, ExactPosterior, TooBroad


def test_elbo_at_the_exact_posterior_is_the_likelihood(linear_gaussian):
    weight, bias, decoder, x, log_px = linear_gaussian
    model = er.Model(ExactPosterior(weight, bias), decoder, er.StandardNormal(LATENT))
    draw = model.draw(x, k=5)
    # Every importance weight is p(x) itself, whatever was drawn.
    assert (draw.log_w.double() - log_px).abs().max() < 1e-4
    data = er.load_data(x.numpy(), validation=0, test=0)
    metrics = er.evaluate(model, data, samples=2000, split="train")
    assert metrics["importance_bound"].value == pytest.approx(log_px.mean().item(), abs=1e-4)
    assert metrics["effective_sample_size"].value == pytest.approx(2000, rel=1e-3)
    assert metrics["elbo"].value == pytest.approx(log_px.mean().item(), abs=0.01)


def test_bounds_order_themselves_and_close_with_k(linear_gaussian):
    weight, bias, decoder, x, log_px = linear_gaussian
    model = er.Model(TooBroad(weight, bias), decoder, er.StandardNormal(LATENT))
    data = er.load_data(x.numpy(), validation=0, test=0)
    exact = log_px.mean().item()
    metrics = {k: er.evaluate(model, data, samples=k, split="train") for k in (2, 8, 32, 5000)}
    elbo = metrics[5000]["elbo"].value
    bounds = [elbo, *(metrics[k]["importance_bound"].value for k in (2, 8, 32)), exact]
    assert bounds == sorted(bounds)
    # With 5,000 samples the gap is below the noise of the samples.
    assert metrics[5000]["importance_bound"].value == pytest.approx(exact, abs=0.005)
    gap = torch.distributions.kl_divergence(model.encoder(x), ExactPosterior(weight, bias)(x)).mean().item()
    assert exact - elbo == pytest.approx(gap, abs=0.01)


def test_the_bound_with_the_gaussian_sampler_is_the_likelihood_where_the_latents_are_off_the_prior(linear_gaussian):
    """The data has latents N(2, 0.25 I), which the prior, N(0, I), does not know, and a fitted normal finds.

    At a posterior that is exact for that density the weights with it are p(x) of the model that the data came from.
    """
    weight, bias, decoder, *_ = linear_gaussian
    loc, variance = 2.0, 0.25
    x = bias + (loc + variance**0.5 * torch.randn(4000, LATENT)) @ weight.T + SIGMA * torch.randn(4000, D)
    covariance = variance * weight @ weight.T + SIGMA**2 * torch.eye(D)
    mean = bias + loc * weight.sum(1)
    log_px = torch.distributions.MultivariateNormal(mean.double(), covariance.double()).log_prob(x.double())
    posterior = ExactPosterior(weight, bias)
    precision = (weight**2).sum(0) / SIGMA**2 + 1 / variance
    posterior.map, posterior.log_var = weight.T / SIGMA**2 / precision[:, None], -precision.log()
    posterior.bias = bias - weight @ (loc / variance * SIGMA**2 / (weight**2).sum(0))
    model = er.Model(posterior, decoder, er.StandardNormal(LATENT)).eval()
    data = er.load_data(x.numpy(), validation=0, test=0.5)
    fitted = {"gaussian": fit_to_model(model, data.train, "gaussian")}
    metrics = samplers.metrics(EvalContext(model, data, "test", data.test, 200, 100, 0, fitted))
    bound, exact = metrics["importance_bound[gaussian]"], log_px.mean().item()
    assert bound.value == pytest.approx(exact, abs=0.1)
    assert bound.value > metrics["importance_bound"].value + 1
    assert metrics["density_gain[gaussian]"].value > 1


@pytest.fixture(scope="module")
def points():
    """2,000 points near a three-dimensional plane in ten dimensions."""
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.normal(size=(10, 3)))[0] * [3.0, 2.0, 1.2]
    return (rng.normal(size=(2000, 3)) @ plane.T + 0.4 * rng.normal(size=(2000, 10)) + 0.3).astype(np.float32)


def test_a_trained_linear_vae_reaches_the_probabilistic_pca_likelihood(points, tmp_path):
    """Tipping & Bishop 1999; that a linear VAE shares its optimum: Lucas et al. 2019, arXiv 1911.02469."""
    torch.manual_seed(0)
    data = er.load_data(points, validation=0, test=0)
    model, objective = er.recipes.vae((10,), latent=3, hidden=(), likelihood="gaussian")
    er.fit(model, objective, data, steps=400, batch_size=500, lr=3e-2, out=tmp_path / "a", device="cpu")
    run = er.fit(model, objective, data, steps=200, batch_size=2000, lr=1e-3, out=tmp_path / "b", device="cpu")
    best = PCA(3).fit(points).score(points)
    weight, bias = model.decoder.net.layers[0].weight.double(), model.decoder.net.layers[0].bias.double()
    covariance = weight @ weight.T + (2 * model.decoder.family.log_scale.double()).exp() * torch.eye(10)
    x = torch.tensor(points).double()
    log_likelihood = torch.distributions.MultivariateNormal(bias, covariance).log_prob(x).mean().item()
    assert best - 0.05 < log_likelihood <= best + 1e-3
    elbo = er.evaluate(run, data, samples=50, split="train")["elbo"].value
    assert best - 0.05 < elbo < best + 0.02


def test_a_trained_linear_autoencoder_spans_the_principal_components(points, tmp_path):
    torch.manual_seed(0)
    data = er.load_data(points, validation=0, test=0)
    model, objective = er.recipes.autoencoder((10,), latent=3, linear=True)
    er.fit(model, objective, data, steps=400, batch_size=500, lr=1e-2, out=tmp_path / "a", device="cpu")
    er.fit(model, objective, data, steps=150, batch_size=2000, lr=1e-3, out=tmp_path / "b", device="cpu")
    weight = model.decoder.net.layers[0].weight.detach().numpy()
    angles = subspace_angles(weight, PCA(3).fit(points).components_.T)
    assert np.degrees(angles.max()) < 1


def test_pyro_agrees(digits):
    """The same encoder and decoder as Pyro's guide and model, the same noise: the same bounds."""
    pyro = pytest.importorskip("pyro", reason="pyro-ppl is not installed")
    import pyro.distributions as dist

    torch.manual_seed(0)
    vae, _ = er.recipes.vae((1, 8, 8), latent=3)
    x = digits.test.first(50).x.round()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 3), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=vae.decoder.net(z)).to_event(1), obs=x.flatten(1))

    def guide(x):
        q = vae.encoder(x)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(q.loc, q.variance.sqrt()).to_event(1))

    torch.manual_seed(1)
    draw = vae.draw(x)
    for bound, expected in (
        (pyro.infer.Trace_ELBO(), -draw.log_w.sum()),
        (pyro.infer.TraceMeanField_ELBO(), -draw.elbo.sum()),
    ):
        torch.manual_seed(1)
        assert bound.loss(model, guide, x) == pytest.approx(expected.item(), rel=1e-5)
