"""Normalizing flows: densities against autograd's Jacobian, quadrature, inverses, and special cases."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.families.flows import FLOWS
from elbowroom.families.flows.base import FlowChain
from elbowroom.objectives.gradients import path_log_density

D = 3


def make_posterior(name, batch=4, latent=D):
    torch.manual_seed(1)
    family = er.posterior(name, latent).double()
    return family(1.5 * torch.randn(batch, family.size, dtype=torch.float64))


@pytest.mark.parametrize("name", FLOWS)
def test_the_density_is_the_change_of_variables_by_autograds_jacobian(name):
    q = make_posterior(name)
    z = q.rsample()
    z0, _ = q.flow.inverse(z, q.phi)
    jacobian = torch.stack(
        [torch.autograd.functional.jacobian(lambda z, i=i: q.flow(z, q.phi[i])[0], z0[i]) for i in range(len(z))]
    )
    expected = q.base.log_prob(z0) - jacobian.det().abs().log()
    torch.testing.assert_close(q.log_prob(z), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(q.log_prob(z.clone()), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", FLOWS)
def test_the_inverse_finds_what_was_drawn_and_broadcasts(name):
    q = make_posterior(name)
    z = q.rsample((5,))
    torch.testing.assert_close(q.log_prob(z.clone()), q.log_prob(z), atol=1e-5, rtol=0)
    pairs = q.log_prob(z[0][:, None])
    assert pairs.shape == (4, 4)
    torch.testing.assert_close(pairs.diagonal(), q.log_prob(z)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", FLOWS)
def test_densities_in_two_dimensions_integrate_to_one(name):
    torch.manual_seed(0)
    family = er.posterior(name, 2)
    q = family(0.7 * torch.randn(family.size))
    axis = torch.linspace(-12, 12, 200)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mass = q.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("name", ["planar", "radial", "sylvester"])
def test_at_zero_parameters_a_flow_is_the_diagonal_normal(name):
    phi = torch.zeros(4, er.posterior(name, D).size)
    phi[:, : 2 * D] = torch.randn(4, 2 * D)
    q, normal = er.posterior(name, D)(phi), er.DiagonalNormal(D)(phi[:, : 2 * D])
    z = normal.rsample((6,))
    torch.testing.assert_close(q.log_prob(z), normal.log_prob(z), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["iaf", "maf", "realnvp"])
def test_autoregressive_flows_of_zero_weights_are_the_diagonal_normal(name):
    family = er.posterior(name, D)
    for parameter in family.parameters():
        torch.nn.init.zeros_(parameter)
    phi = torch.randn(4, family.size)
    normal = er.DiagonalNormal(D)(phi[:, : 2 * D])
    z = normal.rsample((6,))
    torch.testing.assert_close(family(phi).log_prob(z), normal.log_prob(z), atol=1e-5, rtol=0)


def test_reflections_make_a_normal_with_full_covariance():
    q = make_posterior("householder:2")
    reflections = [torch.eye(D).double() - 2 * v[:, None] * v / v.square().sum() for v in q.phi[0].split(D)]
    turn = reflections[1] @ reflections[0]
    covariance = turn @ q.base.variance[0].diag() @ turn.T
    expected = torch.distributions.MultivariateNormal(turn @ q.base.loc[0], covariance)
    z = q.rsample((7,))
    torch.testing.assert_close(q.log_prob(z)[:, 0], expected.log_prob(z[:, 0]), atol=1e-6, rtol=0)
    assert not torch.allclose(covariance, covariance.diagonal().diag())


@pytest.mark.parametrize("name", FLOWS)
def test_the_path_derivative_is_that_of_a_density_with_constant_parameters(name):
    """Which sticking the landing and doubly reparameterized gradients take: against differences of the density."""
    q = make_posterior(name)
    q.base.loc.requires_grad_()
    latent = er.Latent(q.rsample((1,)), q, None)
    leaf = latent.z.detach().requires_grad_()
    (score,) = torch.autograd.grad(q.log_prob(leaf).sum(), leaf)
    shift = torch.zeros_like(leaf)
    shift[..., 0] = 1e-5
    slope = (q.log_prob(leaf + shift) - q.log_prob(leaf - shift)) / 2e-5
    torch.testing.assert_close(score[..., 0], slope.detach(), atol=1e-4, rtol=1e-4)
    assert path_log_density(latent).isfinite().all()


def test_gradients_reach_the_parameters_through_the_inverse():
    """By which a mixture of flows, as a VampPrior's, trains them."""
    torch.manual_seed(0)
    family = er.posterior("sylvester:1", 2).double()
    phi, z = torch.randn(family.size).double().requires_grad_(), torch.randn(2).double()
    assert torch.autograd.gradcheck(lambda phi: family(phi).log_prob(z), phi, atol=1e-4)


def test_a_layer_more_is_a_flow_of_two_chains():
    torch.manual_seed(0)
    both = FlowChain([er.posterior("planar:1", 2).flow, er.posterior("radial:1", 2).flow])
    z, phi = torch.randn(5, 2), torch.randn(5, both.size)
    first, log_det = both.flows[0](z, phi[:, :5])
    second, more = both.flows[1](first, phi[:, 5:])
    torch.testing.assert_close(both(z, phi), (second, log_det + more))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("iaff", "unknown posterior 'iaff': did you mean 'iaf'"),
        ("iaf:0", "flow 'iaf:0': write iaf:K with a number"),
        ("normal:3", "posterior 'normal:3': write normal alone, it takes no setting"),
    ],
)
def test_names_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        er.posterior(name, 2)


@pytest.mark.parametrize("name", FLOWS)
def test_a_latent_of_one_number(name):
    q = make_posterior(name, latent=1)
    z = q.rsample((3,))
    torch.testing.assert_close(q.log_prob(z.clone()), q.log_prob(z), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "share"), [("iaf:1", 0.6), ("householder:2", 0.6), ("sylvester:1", math.inf)])
def test_the_elbo_of_a_flow_stays_below_the_likelihood_and_nears_it(name, share):
    """The linear-Gaussian model with a correlated posterior, which a diagonal normal misses."""
    torch.manual_seed(0)
    weight, sigma = torch.tensor([[1.0, 0.9], [0.9, 1.0]]), 0.5
    decoder = er.Conditional(torch.nn.Linear(2, 2), er.Gaussian(2, sigma))
    with torch.no_grad():
        decoder.net.weight.copy_(weight)
        decoder.net.bias.zero_()
    marginal = torch.distributions.MultivariateNormal(torch.zeros(2), weight @ weight.T + sigma**2 * torch.eye(2))
    x = marginal.sample((200,))
    gaps = {}
    for posterior in ("normal", name):
        encoder = er.Conditional.mlp(2, er.posterior(posterior, 2), ())
        model = er.Model(encoder, decoder, er.StandardNormal(2))
        optimizer = torch.optim.Adam(encoder.parameters(), 3e-2)
        for _ in range(150):
            optimizer.zero_grad()
            (-model.draw(x).elbo.mean()).backward()
            optimizer.step()
        with torch.no_grad():
            gaps[posterior] = (marginal.log_prob(x) - model.draw(x, k=50).elbo).mean().item()
    assert -0.02 < gaps[name] < share * gaps["normal"]
