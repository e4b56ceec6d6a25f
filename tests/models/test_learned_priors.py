"""Priors beyond mixtures: flows, exemplars, resampled and correlated normals."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal, kl_divergence
from elbowroom.distributions.autocorrelated import committed_rate

SHAPE = (1, 8, 8)


def make_model(prior, latent=2, **arguments):
    torch.manual_seed(0)
    return er.recipes.vae(SHAPE, latent=latent, hidden=(16,), prior=prior, **arguments)[0]


def integrate(density, limit=8.0, n=161):
    axis = torch.linspace(-limit, limit, n)
    with torch.no_grad():
        return (density.log_prob(torch.cartesian_prod(axis, axis)).exp().sum() * (axis[1] - axis[0]) ** 2).item()


@pytest.mark.parametrize(
    "name", ["flow:maf:2", "flow:nsf", "flow:planar:3", "exemplar:4", "resampled", "autocorrelated:2"]
)
def test_densities_integrate_to_one(name):
    prior = make_model(name).eval().prior
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.05 if "flow" in name else 0.3)
    with torch.no_grad():
        assert integrate(prior()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", ["flow:maf:2", "flow:realnvp:2", "exemplar:4", "resampled", "autocorrelated:2"])
def test_samples_are_of_the_density(name):
    """The mean of p / p over samples of p is one, and that of the density of another normal its mass."""
    prior = make_model(name).eval().prior
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.05 if "flow" in name else 0.3)
    with torch.no_grad():
        density = prior()
        z = density.sample((4000,))
        narrow = Normal(z.mean(0), z.var(0).log() - 0.7)
        ratio = (narrow.log_prob(z) - density.log_prob(z)).exp()
    assert z.shape == (4000, 2)
    assert ratio.mean().item() == pytest.approx(1, abs=5 * ratio.std().item() / math.sqrt(4000))


def test_a_flow_prior_of_a_map_is_that_of_its_numbers():
    torch.manual_seed(0)
    prior = er.FlowPrior((2, 3), "maf:1")
    z = torch.randn(4, 5, 2, 3)
    assert prior().sample((7,)).shape == (7, 2, 3)
    assert prior().log_prob(z).shape == (4, 5)


def test_exemplars_are_the_posterior_means_of_training_examples(digits):
    model = make_model("exemplar:6")
    x = digits.train.first(6).x
    model.initialize(x, torch.Generator())
    z, variance = torch.randn(5, 2), model.prior.log_var.exp()
    each = torch.distributions.Normal(model.encoder(x).mean, variance.sqrt()).log_prob(z[:, None]).sum(-1)
    torch.testing.assert_close(model.prior().log_prob(z), each.logsumexp(1) - math.log(6))
    assert "prior.examples" in model.state_dict()


def test_in_training_an_example_is_no_exemplar_of_itself(digits):
    model = make_model("exemplar:6")
    x = digits.train.first(8).x
    model.initialize(x[:6], torch.Generator())
    assert torch.equal(model.prior.find_held(x), torch.eye(8, 6).bool())
    draw = model.draw(x, k=3)
    scores = torch.distributions.Normal(model.encoder(x[:6]).mean, 1.0).log_prob(draw.z[:, :, None]).sum(-1)
    scores = scores + (0.5 * (1 - 1)) * model.prior.log_var
    expected = torch.stack([scores[:, i, [j for j in range(6) if j != i]].logsumexp(-1) for i in range(8)], 1)
    torch.testing.assert_close(draw.log_pz, expected - torch.tensor([5.0] * 6 + [6.0] * 2).log(), atol=1e-4, rtol=0)
    model.eval()
    assert draw.log_pz.mean() < model.draw(x, k=50).log_pz.mean() + 5
    torch.testing.assert_close(model.draw(x).prior.log_prob(draw.z), model.prior().log_prob(draw.z))


def test_pixels_drawn_anew_are_those_of_the_same_example():
    torch.manual_seed(0)
    prior = er.ExemplarPrior(er.Conditional.mlp((1, 28, 28), er.DiagonalNormal(2)), 3, (1, 28, 28))
    gray = (torch.rand(3, 1, 28, 28) > 0.8) * 0.97 + 0.01
    prior.initialize(torch.bernoulli(gray), torch.Generator())
    assert torch.equal(prior.find_held(torch.bernoulli(gray)), torch.eye(3).bool())
    assert not prior.find_held(1 - gray).any()


def test_a_resampled_normal_that_accepts_alike_is_the_normal():
    prior = er.ResampledPrior(3).eval()
    for parameter in prior.parameters():
        torch.nn.init.zeros_(parameter)
    z = torch.randn(5, 3)
    torch.testing.assert_close(prior().log_prob(z), er.StandardNormal(3)().log_prob(z), atol=1e-5, rtol=0)


def test_the_acceptance_rate_is_known_until_weights_change():
    prior = er.ResampledPrior(2).eval()
    with torch.no_grad():
        first = prior()
        assert prior().log_z is first.log_z
        next(prior.parameters()).mul_(2)
        assert prior().log_z != first.log_z
    prior.train()
    assert prior().log_z != prior().log_z


@pytest.mark.parametrize("delta", [0.1, 3.0])
def test_the_kl_from_correlated_numbers_is_never_below_the_committed_rate(delta):
    torch.manual_seed(0)
    p = er.AutocorrelatedPrior(6, delta)()
    kl = kl_divergence(Normal(torch.randn(500, 6), torch.randn(500, 6)), p)
    assert kl.min() >= delta
    covariance = p.alpha ** (torch.arange(6)[:, None] - torch.arange(6)).abs()
    nearest = Normal(torch.zeros(6), -covariance.inverse().diagonal().log())
    assert kl_divergence(nearest, p).item() == pytest.approx(delta, abs=1e-4)
    assert committed_rate(p.alpha.item(), 6) == pytest.approx(delta, abs=1e-4)


def test_correlated_numbers_are_the_normal_of_their_covariance():
    torch.manual_seed(0)
    p, alpha = er.AutocorrelatedPrior(4, 1.0)(), er.AutocorrelatedPrior(4, 1.0).alpha
    i = torch.arange(4)
    exact = torch.distributions.MultivariateNormal(torch.zeros(4), alpha ** (i[:, None] - i).abs())
    z, q = torch.randn(5, 4), Normal(torch.randn(5, 4), torch.randn(5, 4))
    torch.testing.assert_close(p.log_prob(z), exact.log_prob(z), atol=1e-4, rtol=1e-4)
    full = torch.distributions.MultivariateNormal(q.loc, torch.diag_embed(q.variance))
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(full, exact), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("flow:mafe", "unknown flow 'mafe': did you mean 'maf'"),
        ("flow:maf:0", "write maf:K with a number of layers"),
        ("exemplar:1", "needs at least 2 examples"),
        ("resampled:1", "needs at least 2 proposals"),
        ("autocorrelated:x", "prior 'autocorrelated:x': write autocorrelated:DELTA"),
        ("autocorrelated:0", "delta, the committed rate in nats, is above 0 and at most"),
    ],
)
def test_settings_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        make_model(name)


def test_a_vamp_prior_mixes_flow_posteriors():
    model = make_model("vamp:3", posterior="planar:2")
    draw = model.draw(torch.rand(4, *SHAPE), k=2)
    q = model.encoder(model.prior.pseudo_inputs)
    expected = q.log_prob(draw.z[:, :, None]).logsumexp(-1) - math.log(3)
    torch.testing.assert_close(draw.log_pz, expected, atol=1e-5, rtol=0)
