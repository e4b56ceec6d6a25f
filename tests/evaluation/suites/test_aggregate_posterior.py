"""The aggregate posterior against enumeration and quadrature."""

import itertools
import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.evaluation.suites import aggregate_posterior

N = 40


class LookupEncoder(torch.nn.Module):
    """q(z|x) of N discrete examples, looked up by x, the number of the example, (B, 1)."""

    def __init__(self, loc, log_var):
        super().__init__()
        self.family = er.DiagonalNormal(loc.shape[1])
        self.loc, self.log_var = loc, log_var

    def forward(self, x):
        index = x[:, 0].round().long()
        return Normal(self.loc[index], self.log_var[index])


def make_lookup_model(latent, scale, prior=None, n=N, seed=0):
    """A model of n numbered examples, as data, with posterior means of standard deviation ``scale``."""
    torch.manual_seed(seed)
    loc, log_var = scale * torch.randn(n, latent), 0.3 * torch.randn(n, latent) - 1
    decoder = er.Conditional.mlp(latent, er.Gaussian(1, 1.0), hidden=())
    model = er.Model(LookupEncoder(loc, log_var), decoder, prior or er.StandardNormal(latent))
    return model, er.load_data(torch.arange(float(n))[:, None].numpy(), validation=0, test=0)


def repeat_examples(data, times):
    """Repeat the examples: the same mixture, with one latent for each copy."""
    return er.load_data(np.tile(data.train.x.numpy(), (times, 1)), validation=0, test=0)


def integrate_metrics(model, points=4001, width=9.0):
    """Mutual information and aggregate gap of a one-dimensional latent, integrated over a grid."""
    grid = torch.linspace(-width, width, points, dtype=torch.float64)
    q = torch.distributions.Normal(model.encoder.loc.double(), (model.encoder.log_var.double() / 2).exp())
    log_each = q.log_prob(grid)  # (n, points)
    log_q = log_each.logsumexp(0) - math.log(len(log_each))
    log_p = model.prior().log_prob(grid[:, None].float()).double()
    step = grid[1] - grid[0]
    information = (log_each.exp() * (log_each - log_q)).sum(1).mean() * step
    gap = (log_q.exp() * (log_q - log_p)).sum() * step
    return information.item(), gap.item()


@pytest.mark.parametrize("prior", [None, "mixture"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_information_and_gap_by_quadrature(scale, prior):
    model, data = make_lookup_model(1, scale, er.Mixture(1, components=3) if prior else None)
    information, gap = integrate_metrics(model, width=25.0, points=20_001)
    # Many latents of each example, so that the standard error is small.
    metrics = er.evaluate(model, repeat_examples(data, 80), metrics="aggregate_posterior", split="train")
    for name, expected in (("mutual_information", information), ("aggregate_gap", gap)):
        metric = metrics[name]
        assert metric.value == pytest.approx(expected, abs=max(4 * metric.standard_error, 2e-3)), name
        assert metric.examples == 80 * N


def test_total_correlation_by_quadrature():
    """Two dimensions, correlated through the examples alone; the grid has both."""
    model, data = make_lookup_model(2, 1.5)
    grid = torch.linspace(-8, 8, 400, dtype=torch.float64)
    each = torch.distributions.Normal(
        model.encoder.loc.double()[:, :, None], (model.encoder.log_var.double() / 2).exp()[:, :, None]
    )
    first, second = each.log_prob(grid).exp().unbind(1)
    joint = torch.einsum("na,nb->ab", first, second) / N
    product = first.mean(0)[:, None] * second.mean(0)
    area = (grid[1] - grid[0]) ** 2
    expected = ((joint * (joint / product).log()).sum() * area).item()
    metrics = er.evaluate(model, repeat_examples(data, 80), metrics="aggregate_posterior", split="train")
    correlation = metrics["total_correlation"]
    assert correlation.value == pytest.approx(expected, abs=4 * correlation.standard_error)
    assert expected > 10 * correlation.standard_error


def test_the_kl_divides_into_its_parts(digits):
    """Hoffman & Johnson 2016: information and gap; Chen et al. 2018: the gap into correlation and dimensions."""
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=4)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(2)
    metrics = er.evaluate(model, digits, metrics="aggregate_posterior,likelihood", samples=1)
    parts = [metrics[name].value for name in ("mutual_information", "total_correlation", "dimension_gap")]
    assert metrics["aggregate_gap"].value == pytest.approx(parts[1] + parts[2], abs=1e-4)
    # Of the same latents: the sampled KL is the importance weight without the reconstruction.
    sampled = -metrics["reconstruction"].value - metrics["importance_bound"].value
    assert sum(parts) == pytest.approx(sampled, abs=1e-3)
    assert sampled == pytest.approx(metrics["kl"].value, abs=0.2)


def test_uninformative_and_identifying_latents():
    model, data = make_lookup_model(3, 0.0)
    model.encoder.log_var.fill_(0.0)
    metrics = er.evaluate(model, data, metrics="aggregate_posterior", split="train")
    for name in metrics:
        assert metrics[name].value == pytest.approx(0, abs=1e-5), name
        assert metrics[name].note is None
    model, data = make_lookup_model(3, 100.0)
    metrics = er.evaluate(model, data, metrics="aggregate_posterior", split="train")
    assert metrics["mutual_information"].value == pytest.approx(math.log(N), abs=1e-5)
    assert "ceiling, log N = 3.69" in metrics["mutual_information"].note
    assert "more examples would lower this" in metrics["total_correlation"].note


def test_quantized_latents_are_counted():
    """Each latent has its own probability in the mixture: entropies by enumeration."""
    torch.manual_seed(0)
    model, _ = er.recipes.vq_vae((1, 8, 8), latent=2, codes=3, dim=2, hidden=(16,))
    data = er.load_data("digits")
    with torch.no_grad():
        model.prior.logits.normal_()
        indices = model.eval().encoder(data.test.first(len(data.test)).x).indices[..., 0]
    metrics = er.evaluate(model, data, metrics="aggregate_posterior")
    share = torch.stack(
        [(indices == torch.tensor(code)).all(1).double().mean() for code in itertools.product(range(3), repeat=2)]
    )
    marginals = torch.stack([(indices == code).double().mean(0) for code in range(3)])
    entropy = -torch.xlogy(share, share).sum().item()
    marginal_entropy = -torch.xlogy(marginals, marginals).sum().item()
    prior = model.prior.logits.detach().double().log_softmax(-1)
    cross_entropy = -(marginals.T * prior).sum().item()
    assert metrics["mutual_information"].value == pytest.approx(entropy, abs=1e-6)
    assert metrics["total_correlation"].value == pytest.approx(marginal_entropy - entropy, abs=1e-6)
    assert metrics["aggregate_gap"].value == pytest.approx(cross_entropy - entropy, abs=1e-5)
    assert metrics["dimension_gap"].value == pytest.approx(cross_entropy - marginal_entropy, abs=1e-5)


def test_a_posterior_that_is_not_a_product_has_no_total_correlation(monkeypatch):
    """Densities of any kind are mixed by their log_prob alone."""

    class FullCovarianceEncoder(LookupEncoder):
        def forward(self, x):
            q = super().forward(x)
            return torch.distributions.MultivariateNormal(q.loc, torch.diag_embed(q.variance))

    model, data = make_lookup_model(2, 1.0)
    diagonal = er.evaluate(model, data, metrics="aggregate_posterior", split="train")
    full = er.Model(FullCovarianceEncoder(model.encoder.loc, model.encoder.log_var), model.decoder, model.prior)
    metrics = er.evaluate(full, data, metrics="aggregate_posterior", split="train")
    assert metrics["total_correlation"].value is None
    assert "does not factorise" in metrics["total_correlation"].note
    error = metrics["mutual_information"].standard_error + diagonal["mutual_information"].standard_error
    assert metrics["mutual_information"].value == pytest.approx(diagonal["mutual_information"].value, abs=4 * error)


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("autoencoder", "point posterior"),
        ("avb", "implicit posterior"),
        ("ladder_vae", "several latents"),
        ("cvae", "conditional"),
        ("m2", "several latents"),
    ],
)
def test_undefined_metrics_say_why(digits, recipe, reason):
    model, _ = er.recipes.RECIPES[recipe]((1, 8, 8))
    metrics = er.evaluate(model, digits, metrics="aggregate_posterior")
    assert all(m.value is None and reason in m.note for m in metrics.values())


def test_a_learned_prior_that_does_not_factorise(digits):
    torch.manual_seed(0)
    model, _ = er.recipes.vamp_vae((1, 8, 8), latent=2, components=5)
    metrics = er.evaluate(model, digits, metrics="aggregate_posterior")
    assert metrics["dimension_gap"].value is None
    assert "prior does not factorise" in metrics["dimension_gap"].note
    assert metrics["aggregate_gap"].value is not None


def test_the_number_of_mixed_examples_is_limited_and_shown(digits, monkeypatch):
    monkeypatch.setattr(aggregate_posterior, "MAX_EXAMPLES", 50)
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    a, b = (er.evaluate(model, digits, metrics="aggregate_posterior", batch_size=size) for size in (7, 300))
    assert a["mutual_information"].examples == 50
    assert "of 50 examples" in a["mutual_information"].estimator
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-4)
    other = er.evaluate(model, digits, metrics="aggregate_posterior", seed=1)
    assert other["mutual_information"].value != a["mutual_information"].value
