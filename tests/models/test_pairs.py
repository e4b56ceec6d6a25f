"""Models that learn from pairs, against closed forms and the plain VAE."""

import pytest
import torch
from torch.distributions import kl_divergence

from elbowroom import noise
from elbowroom.distributions.latent import Normal
from elbowroom.models.pairs import average_densities, average_parameters, find_shared, multiply_densities
from tests.tiny_recipes import make_tiny

PAIR_RECIPES = ("gvae", "ml_vae", "ada_gvae", "ada_ml_vae")


@pytest.fixture
def posteriors():
    torch.manual_seed(0)
    return torch.randn(6, 2, 4), torch.randn(6, 2, 4)


def as_torch_normal(loc, log_var):
    return torch.distributions.Normal(loc, (0.5 * log_var).exp())


@pytest.mark.parametrize("recipe", ["gvae", "ada_gvae", "ada_ml_vae"])
def test_two_equal_images_have_the_posterior_of_one(recipe):
    model, _ = make_tiny(recipe)
    x = torch.rand(5, 1, 8, 8)
    paired, single = model.draw(torch.stack([x, x], 1)).q, model.posterior(x)
    for image in (0, 1):
        torch.testing.assert_close(paired.mean[image::2], single.mean)
        torch.testing.assert_close(paired.variance[image::2], single.variance)


def test_of_two_equal_images_the_product_has_half_the_variance():
    model, _ = make_tiny("ml_vae", latent=4, shared=2)
    x = torch.rand(5, 1, 8, 8)
    paired, single = model.draw(torch.stack([x, x], 1)).q, model.posterior(x)
    torch.testing.assert_close(paired.mean[::2], single.mean)
    torch.testing.assert_close(paired.variance[::2] / single.variance, torch.tensor([0.5, 0.5, 1, 1]).expand(5, 4))


@pytest.mark.parametrize("recipe", PAIR_RECIPES)
def test_of_single_examples_it_is_the_vae(recipe):
    model, objective = make_tiny(recipe)
    plain, elbo = make_tiny("vae", latent=model.latent_shape[0])
    plain.load_state_dict(model.state_dict())
    x = torch.rand(3, 1, 8, 8)
    with noise.zero_noise():
        assert torch.equal(objective(model.draw(x), torch.tensor(0)), elbo(plain.draw(x), torch.tensor(0)))


@pytest.mark.parametrize("recipe", PAIR_RECIPES)
def test_images_of_a_pair_share_what_is_averaged_and_keep_the_rest(recipe):
    model, _ = make_tiny(recipe, latent=4)
    x = torch.rand(5, 2, 1, 8, 8)
    draw = model.draw(x)
    q, own = draw.q.mean.unflatten(0, (5, 2)), model.posterior(x.flatten(0, 1)).mean.unflatten(0, (5, 2))
    is_shared = q[:, 0] == q[:, 1]
    assert torch.equal(q[~is_shared[:, None].expand_as(q)], own[~is_shared[:, None].expand_as(q)])
    assert is_shared.any(1).all()
    assert not is_shared.all(1).any()
    if not recipe.startswith("ada"):
        assert is_shared.tolist() == [[True, True, False, False]] * 5
    assert torch.equal(draw.x, x.flatten(0, 1))
    assert draw.log_px.shape == (1, 10)
    assert draw.kl.shape == (10,)


def test_the_product_is_that_of_the_densities(posteriors):
    (loc, log_var), z = posteriors, torch.linspace(-2, 2, 9)[:, None, None]
    product = as_torch_normal(*multiply_densities(loc, log_var)).log_prob(z)
    factors = sum(as_torch_normal(loc[:, i], log_var[:, i]).log_prob(z) for i in (0, 1))
    torch.testing.assert_close((product - factors).std(0), torch.zeros(6, 4), atol=1e-4, rtol=0)
    roots = as_torch_normal(*average_densities(loc, log_var)).log_prob(z)
    torch.testing.assert_close((roots - factors / 2).std(0), torch.zeros(6, 4), atol=1e-4, rtol=0)


def test_the_average_of_parameters(posteriors):
    mean, log_var = average_parameters(*posteriors)
    torch.testing.assert_close(mean, posteriors[0].mean(1))
    torch.testing.assert_close(log_var.exp(), posteriors[1].exp().mean(1))


def test_dimensions_are_shared_whose_kl_is_below_the_middle(posteriors):
    q1, q2 = (as_torch_normal(*(part[:, i] for part in posteriors)) for i in (0, 1))
    kl = kl_divergence(q1, q2)
    expected = kl < (kl.max(1, keepdim=True).values + kl.min(1, keepdim=True).values) / 2
    assert torch.equal(find_shared(*posteriors), expected)


def test_the_average_of_neither_pair_depends_on_the_other():
    model, _ = make_tiny("ada_gvae", latent=4)
    loc, log_var = torch.randn(8, 4), torch.randn(8, 4)
    both, second = model.share(Normal(loc, log_var)), model.share(Normal(loc[4:], log_var[4:]))
    assert torch.equal(both.mean[4:], second.mean)


@pytest.mark.parametrize("shared", [0, 5])
def test_advice(shared):
    with pytest.raises(ValueError, match=rf"shared={shared} dimensions of a latent of 4: give from 1 to 4"):
        make_tiny("gvae", latent=4, shared=shared)
