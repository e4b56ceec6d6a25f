"""Learned priors."""

import math

import pytest
import torch

import elbowroom as er


def test_vamp_prior_mixes_the_posteriors_at_its_pseudo_inputs():
    torch.manual_seed(0)
    model, _ = er.recipes.vamp_vae((1, 8, 8), latent=3, components=7)
    z = torch.randn(11, 3)
    q = model.encoder(model.prior.pseudo_inputs)
    expected = q.log_prob(z[:, None]).logsumexp(1) - math.log(7)
    torch.testing.assert_close(model.prior().log_prob(z), expected)


@pytest.mark.parametrize("name", ["mixture:3", "vamp:3"])
def test_mixtures_of_maps_are_those_of_the_map_flattened(name):
    torch.manual_seed(0)
    parts = er.Architecture((1, 8, 12), "conv", widths=(4, 8))
    encoder = parts.encoder(er.DiagonalNormal(parts.map_shape(2)))
    prior, z = er.make_prior(name, encoder, (1, 8, 12), bounded=True)(), torch.randn(4, 5, 2, 2, 3)
    assert prior.sample((4,)).shape == (4, 2, 2, 3)
    components = prior.component_distribution
    each = [er.distributions.Normal(components.loc[i], components.log_var[i], 3).log_prob(z) for i in range(3)]
    expected = (torch.stack(each) + prior.mixture_distribution.logits[:, None, None]).logsumexp(0)
    torch.testing.assert_close(prior.log_prob(z), expected)


def test_a_standard_normal_of_a_map_with_and_without_a_condition():
    prior, z = er.StandardNormal((2, 3, 4)), torch.randn(5, 2, 3, 4)
    torch.testing.assert_close(prior().log_prob(z), er.StandardNormal(24)().log_prob(z.flatten(1)))
    assert prior(torch.zeros(5, 7)).batch_shape == (5,)
    assert prior.numbers_per_latent == 24


def test_a_mixture_of_maps_is_fitted_and_tells_its_components_apart():
    torch.manual_seed(0)
    centers = torch.tensor([-3.0, 3.0])[torch.arange(40) % 2]
    z = centers[:, None, None] + 0.1 * torch.randn(40, 2, 3)
    prior = er.Mixture((2, 3), components=2)
    prior.fit(z, torch.zeros(2, 3), torch.Generator().manual_seed(0))
    shares = prior.responsibilities(z)
    first, second = shares.argmax(1).tolist()[:2]
    assert first != second
    assert shares.argmax(1).tolist() == [first, second] * 20
