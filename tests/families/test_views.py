"""Posteriors of several views: products against the exact posterior, mixtures against the sum over components."""

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.distributions.views import IndependentViews, PosteriorMixture
from elbowroom.families.views import FUSIONS, FusedExperts
from elbowroom.noise import keyed_noise, zero_noise
from tests.views import image_and_digit, random_views


def expert_parameters(loc, log_var, observed):
    """The network's output for experts (..., V, D), of which some are observed, (..., V)."""
    return torch.cat([torch.stack([loc, log_var], -2).flatten(-3), observed], -1)


def make_experts(n_views=3, batch=5, latent=2):
    torch.manual_seed(0)
    return torch.randn(batch, n_views, latent), torch.randn(batch, n_views, latent)


@pytest.mark.parametrize("observed", [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_the_product_of_experts_is_the_exact_posterior_of_a_linear_gaussian_model(observed):
    # z ~ N(0, I), x_v = W_v z + noise: q_v is the likelihood of x_v as a normal of z, where W_v is diagonal.
    torch.manual_seed(1)
    z_size, (a, b) = 3, torch.rand(2, 3) + 0.5
    variance = torch.tensor([0.3, 0.7])
    x = torch.randn(2, z_size)
    weights, seen = torch.stack([a.diag(), b.diag()]), torch.tensor(observed)
    precision = torch.eye(z_size) + sum(s * w.T @ w / v for s, w, v in zip(seen, weights, variance, strict=True))
    covariance = precision.inverse()
    mean = covariance @ sum(s * w.T @ y / v for s, w, y, v in zip(seen, weights, x, variance, strict=True))
    scale = torch.stack([a, b])
    phi = expert_parameters(x / scale, (variance[:, None] / scale**2).log(), seen)
    q = FusedExperts(z_size, 2, prior_expert=True)(phi)
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(q.variance, covariance.diagonal())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_one_view_is_its_expert(fusion):
    loc, log_var = make_experts(n_views=1)
    q = FusedExperts(2, 1, fusion)(expert_parameters(loc, log_var, torch.ones(5, 1)))
    torch.testing.assert_close(q.mean, loc[:, 0])
    torch.testing.assert_close(q.log_var, log_var[:, 0])


@pytest.mark.parametrize("fusion", ["product", "mixture-of-products"])
def test_a_missing_view_leaves_the_posterior_of_the_others(fusion):
    loc, log_var = make_experts()
    observed = torch.tensor([1.0, 0.0, 1.0]).expand(5, 3)
    q = FusedExperts(2, 3, fusion)(expert_parameters(loc, log_var, observed))
    others = torch.tensor([0, 2])
    phi = expert_parameters(loc[:, others], log_var[:, others], torch.ones(5, 2))
    expected = FusedExperts(2, 2, fusion)(phi)
    z = torch.randn(4, 5, 2)
    torch.testing.assert_close(q.log_prob(z), expected.log_prob(z))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_without_any_view_it_is_the_standard_normal(fusion):
    loc, log_var = make_experts()
    z = torch.randn(4, 5, 2)
    for prior_expert in (False, True):
        q = FusedExperts(2, 3, fusion, prior_expert)(expert_parameters(loc, log_var, torch.zeros(5, 3)))
        torch.testing.assert_close(q.log_prob(z), Normal(torch.zeros(2), torch.zeros(2)).log_prob(z))


def test_every_subset_is_a_component_of_the_mixture_of_products():
    loc, log_var = make_experts(n_views=2)
    phi, z = expert_parameters(loc, log_var, torch.ones(5, 2)), torch.randn(4, 5, 2)
    single, both = (FusedExperts(2, 2, fusion)(phi) for fusion in ("mixture", "product"))
    densities = 2 / 3 * single.log_prob(z).exp() + 1 / 3 * both.log_prob(z).exp()
    torch.testing.assert_close(FusedExperts(2, 2, "mixture-of-products")(phi).log_prob(z).exp(), densities)


def test_stratified_draws_are_the_components_in_equal_parts_and_their_elbo_the_enumerated():
    loc, log_var = make_experts(n_views=3, batch=2)
    q = PosteriorMixture(torch.full((2, 3), 1 / 3), Normal(loc, log_var - 8))
    nearest = (q.rsample((6,))[:, :, None] - loc).square().sum(-1).argmin(-1)
    assert torch.equal(nearest, torch.arange(3).repeat_interleave(2)[:, None].expand(6, 2))  # in their order

    def log_weight(z):  # of a model p(z) p(x|z) whose likelihood is a parabola
        return -0.5 * (z**2).sum(-1) - (z - 1).square().sum(-1) - q.log_prob(z)

    torch.manual_seed(0)
    n = 200_000
    stratified = log_weight(q.rsample((3 * n,))).mean(0)
    parts = [Normal(loc[:, i], log_var[:, i] - 8).rsample((n,)) for i in range(3)]
    enumerated = torch.stack([log_weight(z).mean(0) for z in parts]).mean(0)
    torch.testing.assert_close(stratified, enumerated, atol=5e-3, rtol=0)


def test_a_mixture_integrates_to_one_and_has_its_moments():
    q = PosteriorMixture(torch.tensor([0.2, 0.8]), Normal(torch.tensor([[-2.0], [1.0]]), torch.tensor([[0.0], [-1.0]])))
    z = torch.linspace(-12, 12, 20001)[:, None]
    density = q.log_prob(z).exp()
    torch.testing.assert_close(torch.trapezoid(density, z[:, 0]), torch.tensor(1.0))
    torch.testing.assert_close(torch.trapezoid(density * z[:, 0], z[:, 0]), q.mean[0], atol=1e-4, rtol=0)
    second = torch.trapezoid(density * z[:, 0] ** 2, z[:, 0])
    torch.testing.assert_close(second - q.mean[0] ** 2, q.variance[0], atol=1e-3, rtol=0)


def test_draws_with_keyed_noise_do_not_depend_on_their_number_and_zero_noise_gives_the_mean():
    loc, log_var = make_experts(n_views=2, batch=3)
    q = PosteriorMixture(torch.full((3, 2), 0.5), Normal(loc, log_var))
    index = torch.arange(3)
    with keyed_noise(0, index):
        together = q.rsample((4,))
    with keyed_noise(0, index, first_sample=2):
        torch.testing.assert_close(q.rsample((2,)), together[2:])
    with zero_noise():
        torch.testing.assert_close(q.rsample((2,)), q.mean.expand(2, 3, 2))


def test_missing_views_add_nothing_and_pass_no_gradient():
    shape, x = image_and_digit(), random_views(4)
    family = er.Views(shape)
    phi = torch.randn(4, family.size, requires_grad=True)
    p = family(phi)
    assert isinstance(p, IndependentViews)
    scores = p.view_log_probs(x)
    assert scores[1, 0] == 0
    assert scores[2, 1] == 0
    assert (scores[0] < 0).all()
    p.log_prob(x).sum().backward()
    assert phi.grad.isfinite().all()
    assert (phi.grad[1, :64] == 0).all()
    parts = shape.split(x)
    torch.testing.assert_close(scores[0, 0], er.Bernoulli((1, 8, 8))(phi[0, :64]).log_prob(parts["image"][0]))


def test_views_that_cannot_be():
    with pytest.raises(ValueError, match="unknown fusion 'produkt': did you mean 'product'"):
        FusedExperts(2, 2, "produkt")
    with pytest.raises(ValueError, match=r"7 views have 127 subsets, and 6 views are the most: train mvae or mmvae"):
        FusedExperts(2, 7, "mixture-of-products")
    with pytest.raises(ValueError, match="unknown view 'imag': did you mean 'image'"):
        image_and_digit().join({"imag": torch.zeros(2, 1, 8, 8)})
    with pytest.raises(ValueError, match="view 'image' has shape 2x8x8: expected 2x1x8x8"):
        image_and_digit().join({"digit": torch.zeros(2, 1), "image": torch.zeros(2, 8, 8)})
    with pytest.raises(ValueError, match="has views of 3 numbers, and the examples are 4"):
        er.likelihood("views:a=gaussian@3", (4,))
    with pytest.raises(ValueError, match="write NAME=LIKELIHOOD of a view of the data"):
        er.likelihood("views:gaussian", (4,))
