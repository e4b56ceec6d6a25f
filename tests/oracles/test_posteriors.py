"""Refined and Hamiltonian posteriors on the linear-Gaussian model, whose log p(x) and posterior are known."""

import itertools

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import kl_divergence
from elbowroom.models.hamiltonian import leapfrog, tempering_factors
from tests.oracles.conftest import LATENT, ExactPosterior, TooBroad


def exact_elbo(q, exact, log_px):
    """The ELBO in closed form: log p(x) less the divergence of q from the posterior."""
    return log_px - kl_divergence(q, exact)


@pytest.mark.parametrize(("training", "remaining"), [(True, 0.4), (False, 0.1)])
def test_a_refined_posterior_is_never_worse_and_comes_near_the_exact_one(linear_gaussian, training, remaining):
    """Steps of a training have the noise of two draws each."""
    weight, bias, decoder, x, log_px = linear_gaussian
    exact = ExactPosterior(weight, bias)(x)
    bounds = []
    for refinements in (0, 1, 2, 4, 16):
        model = er.SemiAmortizedModel(TooBroad(weight, bias), decoder, er.StandardNormal(LATENT), refinements)
        with torch.no_grad():
            bounds.append(exact_elbo(model.train(training).infer(x), exact, log_px).mean().item())
    assert all(low < high for low, high in itertools.pairwise(bounds[:4]))
    assert log_px.mean() - bounds[-1] < remaining * (log_px.mean() - bounds[0])


def test_refinement_stays_at_the_exact_posterior(linear_gaussian):
    weight, bias, decoder, x, log_px = linear_gaussian
    model = er.SemiAmortizedModel(ExactPosterior(weight, bias), decoder, er.StandardNormal(LATENT), 5).eval()
    with torch.no_grad():
        assert exact_elbo(model.infer(x), ExactPosterior(weight, bias)(x), log_px).mean() > log_px.mean() - 0.05


def hamiltonian(encoder, decoder, **settings):
    return er.HamiltonianModel(encoder, decoder, er.StandardNormal(LATENT), **settings)


@pytest.mark.parametrize("temper", [1.0, 0.7])
def test_the_hamiltonian_bound_stays_below_the_likelihood(linear_gaussian, temper):
    weight, bias, decoder, x, log_px = linear_gaussian
    model = hamiltonian(TooBroad(weight, bias), decoder, steps=6, step_size=0.1, temper=temper)
    with torch.no_grad():
        log_w = model.draw(x, k=200).log_w.double()
    assert log_w.mean() < log_px.mean()
    # The weights are unbiased for p(x), whatever the steps do: their mean comes near it.
    bound = log_w.logsumexp(0) - torch.tensor(200.0).log()
    assert bound.mean() == pytest.approx(log_px.mean().item(), abs=0.05)


def test_the_hamiltonian_bound_tightens_with_steps_that_cool(linear_gaussian):
    """Without, they keep the Hamiltonian, and so the weight of every draw: nothing is gained."""
    weight, bias, decoder, x, log_px = linear_gaussian
    bounds = {}
    for temper in (0.7, 1.0):
        bounds[temper] = []
        for steps in (0, 1, 2, 4):
            model = hamiltonian(TooBroad(weight, bias), decoder, steps=steps, step_size=0.1, temper=temper)
            torch.manual_seed(1)
            with torch.no_grad():
                bounds[temper].append(model.draw(x, k=100).log_w.mean().item())
    assert all(low + 0.01 < high for low, high in itertools.pairwise([*bounds[0.7], log_px.mean().item()]))
    assert bounds[1.0] == pytest.approx([bounds[1.0][0]] * 4, abs=0.05)


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_leapfrog_keeps_the_volume_but_for_tempering_and_the_energy_nearly(beta):
    weight = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()

    def log_joint(z):
        return -(torch.cosh(z @ weight).sum(-1)) - 0.5 * z.square().sum(-1)

    def follow(state):
        z, momentum = leapfrog(log_joint, state[:3], state[3:], torch.tensor([0.1, 0.05, 0.2]), factors)
        return torch.cat((z, momentum))

    factors = tempering_factors(torch.tensor(beta).double(), 5)
    start = torch.linspace(-0.5, 0.5, 6).double().requires_grad_()
    jacobian = torch.autograd.functional.jacobian(follow, start)
    assert jacobian.det().item() == pytest.approx(beta**1.5)
    if beta == 1:
        energy = [0.5 * s[3:].square().sum() - log_joint(s[:3]) for s in (start, follow(start))]
        assert energy[0].item() == pytest.approx(energy[1].item(), rel=0.02)


def test_the_posterior_knows_its_last_draw_alone(linear_gaussian):
    weight, bias, decoder, x, _ = linear_gaussian
    q = hamiltonian(TooBroad(weight, bias), decoder).infer(x[:4])
    z = q.rsample((2,))
    assert q.log_prob(z).shape == (2, 4)
    assert torch.equal(q.mean, q.mean)
    assert q.mean.shape == (4, LATENT)
    with pytest.raises(ValueError, match="knows the density of its last draw alone"):
        q.log_prob(z.clone())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: er.recipes.hamiltonian_vae((1, 8, 8), temper=1.5), "temper above 0 and at most 1"),
        (lambda: er.recipes.semi_amortized_vae((1, 8, 8), rate=0.0), r"the rate in \(0, 1\]"),
        (
            lambda: er.SemiAmortizedModel(
                er.Conditional.mlp(4, er.Point(2)), er.Conditional.mlp(2, er.Gaussian(4)), er.StandardNormal(2)
            ),
            "a posterior with mean and variance: give it both",
        ),
        (
            lambda: er.HamiltonianModel(
                er.Conditional.mlp(4, er.Point(2)), er.Conditional.mlp(2, er.Gaussian(4)), er.StandardNormal(2)
            ),
            "there is no density to follow",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
