"""The Riemannian Hamiltonian posterior: a constant metric, what steps keep, and the bound where p(x) is known."""

import pytest
import torch

import elbowroom as er
from elbowroom.models.hamiltonian import Trajectory, tempering_factors
from elbowroom.models.latent_metric import LatentMetric, MetricAt
from elbowroom.models.riemannian import generalized_leapfrog
from tests.oracles.conftest import LATENT, D, TooBroad


def make_metric(size=3, n=4, regularization=0.2):
    generator = torch.Generator().manual_seed(0)
    factors = torch.randn(n, size, size, generator=generator).double() / 2
    centroids = torch.randn(n, size, generator=generator).double()
    return LatentMetric(centroids, factors @ factors.mT, 1.2, regularization)


def riemannian(weight, bias, decoder, x, matrix=0.5, **settings):
    model = er.RiemannianModel(TooBroad(weight, bias), decoder, er.StandardNormal(LATENT), (D,), 20, **settings)
    model.initialize(x[:20], torch.Generator())
    with torch.no_grad():
        for parameter in model.matrix_net.parameters():
            parameter.mul_(matrix)
    return model


def test_slopes_are_those_of_autograd():
    metric, z = make_metric(), torch.linspace(-1, 1, 6).double().reshape(2, 3).requires_grad_()
    factor = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(1)).double()
    factor = factor + factor.mT
    (expected,) = torch.autograd.grad((metric.inverse(z) * factor).sum(), z)
    torch.testing.assert_close(metric.slope(z, factor), expected)
    at = MetricAt.evaluate(metric, z)
    torch.testing.assert_close(at.metric, metric.inverse(z).inverse())
    torch.testing.assert_close(at.log_inverse_volume, 0.5 * metric.inverse(z).logdet())
    (expected,) = torch.autograd.grad(at.log_inverse_volume.sum(), z)
    torch.testing.assert_close(0.5 * metric.slope(z, at.metric), expected)


def test_momenta_have_the_covariance_of_the_metric():
    at = MetricAt.evaluate(make_metric(), torch.zeros(3).double())
    eye = torch.eye(3).double()
    square_root = torch.stack([at.scale_noise(column) for column in eye], 1)
    torch.testing.assert_close(square_root @ square_root.mT, at.metric)


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_converged_steps_keep_the_volume_but_for_tempering_and_the_energy_nearly(beta):
    metric, factors = make_metric(), tempering_factors(torch.tensor(beta).double(), 3)

    def log_joint(z):
        return -torch.cosh(z).sum(-1)

    def follow(state):
        start = Trajectory(state[:3], state[3:])
        step_sizes = torch.tensor([0.1, 0.05, 0.2]).double()
        return torch.cat(generalized_leapfrog(log_joint, metric, start, step_sizes, factors, iterations=20))

    def energy(state):
        at = MetricAt.evaluate(metric, state[:3])
        kinetic = 0.5 * (state[3:] * at.velocity(state[3:])).sum() - at.log_inverse_volume
        return (kinetic - log_joint(state[:3])).item()

    start = torch.linspace(-0.5, 0.5, 6).double().requires_grad_()
    assert torch.autograd.functional.jacobian(follow, start).det().item() == pytest.approx(beta**1.5)
    if beta == 1:
        assert energy(start) == pytest.approx(energy(follow(start)), rel=2e-3)


def test_a_constant_metric_of_one_is_the_hamiltonian_model(linear_gaussian):
    weight, bias, decoder, x, _ = linear_gaussian
    steps = {"steps": 3, "step_size": 0.1}
    flat = riemannian(weight, bias, decoder, x, temperature=1e-3, regularization=1.0, **steps)
    plain = er.HamiltonianModel(TooBroad(weight, bias), decoder, er.StandardNormal(LATENT), temper=0.7, **steps)
    draws = []
    for model in (flat, plain):
        torch.manual_seed(0)
        with torch.no_grad():
            draws.append(model.draw(x[100:110], k=4))
    torch.testing.assert_close(draws[0].z, draws[1].z)
    torch.testing.assert_close(draws[0].log_w, draws[1].log_w, atol=1e-4, rtol=0)


def test_the_bound_stays_below_the_likelihood_and_its_weights_are_unbiased(linear_gaussian):
    weight, bias, decoder, x, log_px = linear_gaussian
    model = riemannian(weight, bias, decoder, x, regularization=0.5, steps=3, step_size=0.1)
    with torch.no_grad():
        log_w = model.draw(x[:100], k=200).log_w.double()
    assert log_w.mean() < log_px[:100].mean()
    bound = log_w.logsumexp(0) - torch.tensor(200.0).log()
    assert bound.mean() == pytest.approx(log_px[:100].mean().item(), abs=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"centroids": 0}, "centroids is at least 1"), ({"temperature": 0.0}, "temperature and regularization above 0")],
)
def test_a_metric_of_nothing_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        er.recipes.riemannian_vae((1, 8, 8), **options)


def test_more_centroids_than_examples_are_refused():
    model, _ = er.recipes.riemannian_vae((1, 8, 8), centroids=5)
    with pytest.raises(
        ValueError, match=r"5 training examples \(centroids\), and there are 4: give centroids=4 or fewer"
    ):
        model.initialize(torch.rand(4, 1, 8, 8), torch.Generator())


def test_a_matrix_that_rounding_makes_singular_gives_nan():
    """A training stops at a loss that is not finite with advice; an error of linear algebra has none."""
    metric = LatentMetric(torch.zeros(1, 2), torch.full((1, 2, 2), 1e8), temperature=1.0, regularization=1e-3)
    at = MetricAt.evaluate(metric, torch.tensor([[0.0, 0.0], [100.0, 0.0]]))
    assert at.log_inverse_volume.isnan().tolist() == [True, False]
