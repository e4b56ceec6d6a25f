"""The sampler by a metric: moments of the inverse volume by quadrature, draws as functions of normals, and storage."""

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.models.latent_metric import LatentMetric, MetricAt
from elbowroom.samplers import fit_sampler, fit_to_model, load_sampler, load_with_sampler
from elbowroom.samplers.riemannian import RiemannianSampler
from tests.tiny_recipes import make_tiny

METRIC = LatentMetric(
    torch.tensor([[-1.0, 0.0], [0.5, 0.0], [2.0, 1.0]]),
    torch.stack([torch.eye(2), torch.tensor([[2.0, 1.0], [1.0, 2.0]]), 4 * torch.eye(2)]),
    1.0,
    0.05,
)


def draw(sampler, n):
    with noise.seeded_rng(0):
        return sampler().sample((n,))


def test_draws_have_the_moments_of_the_inverse_volume_on_the_box():
    axes = torch.linspace(-2, 3, 201), torch.linspace(-1, 2, 121)
    grid = torch.cartesian_prod(*axes)
    mass = MetricAt.evaluate(METRIC, grid).log_inverse_volume.softmax(0)
    mean = mass @ grid
    covariance = (grid - mean).T @ (mass[:, None] * (grid - mean))
    drawn = draw(RiemannianSampler.fit(METRIC, transitions=15), 2000)
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), covariance, atol=0.08, rtol=0)
    assert (drawn > torch.tensor([-2.0, -1])).all()
    assert (drawn < torch.tensor([3.0, 2])).all()


def test_draws_are_a_function_of_the_noise_source():
    sampler = RiemannianSampler.fit(METRIC, transitions=5)
    with noise.keyed_noise(0, torch.arange(4)):
        first = sampler().sample((1, 4))
    with noise.keyed_noise(0, torch.tensor([2])):
        torch.testing.assert_close(sampler().sample((1, 1))[0, 0], first[0, 2])


def test_a_run_of_its_recipe_is_sampled_by_it(digits, tmp_path):
    run = er.fit(*make_tiny("riemannian_vae", digits.shape), digits, steps=2, out=tmp_path / "run", sampler="none")
    assert fit_sampler(run, "riemannian:3", max_examples=20).name == "sampler-riemannian-3.safetensors"
    loaded = load_sampler(run, "riemannian:3")
    expected = fit_to_model(run.model(), digits.train, "riemannian:3", max_examples=20)
    assert torch.equal(draw(loaded, 3), draw(expected, 3))
    assert load_with_sampler(run, "riemannian:3").sample(3).shape == (3, *digits.shape)


def test_a_model_without_a_metric_is_told_what_fits(digits):
    with pytest.raises(ValueError, match=r"'riemannian' needs a metric of latents .* has not: take one of standard"):
        fit_to_model(make_tiny("vae", digits.shape)[0], digits.train, "riemannian")
