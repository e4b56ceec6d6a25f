"""Decoding of many latents, and of a plane."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.latent import (
    decode_latents,
    decode_plane,
    normal_quantiles,
)


def test_a_plane_has_its_first_dimension_across():
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    first, second = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([-2.0, 2.0])
    x = decode_plane(model, first, second)
    assert x.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(x[1, 0], model.sample(z=torch.tensor([[-1.0, 2.0]]))[0])
    with pytest.raises(ValueError, match="the latent has 3 dimensions, not two: there is no plane to decode"):
        decode_plane(er.recipes.vae((1, 8, 8), latent=3)[0], first, second)


def test_quantiles_are_medians_of_intervals_of_equal_probability():
    from scipy.stats import norm

    np.testing.assert_allclose(norm.cdf(normal_quantiles(8).numpy()), (np.arange(8) + 0.5) / 8, atol=1e-6)


def test_many_latents_decode_as_few_do():
    model, _ = er.recipes.vae((1, 8, 8), latent=3)
    z = torch.randn(1100, 3)
    torch.testing.assert_close(decode_latents(model, z)[1050:], decode_latents(model, z[1050:]))
