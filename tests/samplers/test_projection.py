"""Projection of large latents: an exact density, of which a normal is that of probabilistic principal components."""

import pytest
import torch

from elbowroom.samplers import SAMPLERS
from elbowroom.samplers.base import TrainingLatents
from elbowroom.samplers.projection import MAX_COMPONENTS, MAX_SIZE, component_count
from tests.samplers.test_samplers import draw

SHAPE = (3, 16, 8)


def maps(n=1500, seed=0):
    """Maps of 384 numbers with six directions of large variance."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(6, 384, generator=generator)
    generator.manual_seed(seed)
    z = 2 * torch.randn(n, 6, generator=generator) @ directions + 0.3 * torch.randn(n, 384, generator=generator)
    return (z + 1).reshape(n, *SHAPE)


@pytest.fixture(scope="module")
def gaussian():
    return SAMPLERS["gaussian"].fit_to(TrainingLatents(maps())).eval()


def test_its_density_is_that_of_its_normal(gaussian):
    projection, u = gaussian.projection, gaussian.scale_tril.double()
    v, s = projection.basis.double(), projection.scale.double()
    remainder = torch.eye(384, dtype=torch.float64) - v @ v.T
    covariance = s[:, None] * (v @ u @ u.T @ v.T + projection.deviation.double() ** 2 * remainder) * s
    loc = projection.embed(gaussian.loc, torch.zeros(384)).double()
    z = maps(20, seed=1)
    expected = torch.distributions.MultivariateNormal(loc, covariance, validate_args=False).log_prob(
        z.flatten(1).double()
    )
    torch.testing.assert_close(gaussian().log_prob(z).double(), expected, rtol=1e-4, atol=0.05)


def test_its_draws_have_the_moments_of_the_latents(gaussian):
    z, drawn = maps().flatten(1), draw(gaussian(), 20_000).flatten(1)
    torch.testing.assert_close(drawn.mean(0), z.mean(0), atol=0.3, rtol=0)
    torch.testing.assert_close(drawn.var(0), z.var(0), atol=0.3, rtol=0.1)
    torch.testing.assert_close(gaussian().mean.flatten(), z.mean(0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_held_out_maps_are_as_probable_as_those_it_was_fitted_to(name):
    sampler = SAMPLERS[name].fit_to(TrainingLatents(maps()), **({"components": 2} if name == "mixture" else {}))
    train, held_out = (sampler().log_prob(maps(500, seed)).mean().item() for seed in (0, 1))
    assert held_out > train - 30  # of 384 numbers


def test_a_class_moves_the_projected_latents():
    y = torch.arange(1500) % 3
    z = maps() + y.reshape(-1, 1, 1, 1)
    sampler = SAMPLERS["gaussian"].fit_to(TrainingLatents(z, torch.eye(3)[y])).eval()
    means = sampler(torch.eye(3)).mean
    assert means.shape == (3, *SHAPE)
    torch.testing.assert_close(means[2] - means[0], z[y == 2].mean(0) - z[y == 0].mean(0), atol=0.3, rtol=0)


def test_few_latents_have_few_components():
    assert component_count(10_000, MAX_SIZE) is None
    assert component_count(10_000, MAX_SIZE + 1) == MAX_COMPONENTS
    assert component_count(50, MAX_SIZE + 1) == 5
