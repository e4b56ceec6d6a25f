"""Categories and their relaxation against torch's and enumeration; the bound of a small model by enumeration."""

from itertools import product

import pytest
import torch
import torch.distributions as td
import torch.nn.functional as F
from torch.distributions import kl_divergence

import elbowroom as er
from elbowroom import noise
from elbowroom.distributions import IndependentParts, Normal, OneHot, RelaxedOneHot, kl_elements
from elbowroom.manifolds import Simplices

P, C = 2, 3
TAU = torch.tensor(0.7)


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return 2 * torch.randn(1, P * C)


def all_points():
    """Every one-hot vector, (C^P, P·C)."""
    return torch.stack([F.one_hot(torch.tensor(i), C).flatten().float() for i in product(range(C), repeat=P)])


def test_the_masses_are_those_of_torch_and_add_up_to_one(logits):
    q, z = OneHot(logits, Simplices(C)), all_points()
    expected = td.Independent(td.OneHotCategorical(logits=logits.view(P, C)), 1)
    torch.testing.assert_close(q.log_prob(z), expected.log_prob(z.view(-1, P, C)))
    assert q.log_prob(z).exp().sum() == pytest.approx(1, abs=1e-5)


def test_the_relaxed_density_is_that_of_torch(logits):
    q = RelaxedOneHot(logits, Simplices(C), TAU)
    z = q.rsample((50,))
    expected = td.Independent(td.RelaxedOneHotCategorical(TAU, logits=logits.view(P, C)), 1)
    torch.testing.assert_close(q.log_prob(z)[:, 0], expected.log_prob(z.view(-1, P, C)), rtol=1e-4, atol=1e-3)


def test_draws_are_of_the_categories_and_of_the_largest_relaxed_share(logits):
    torch.manual_seed(1)
    n = 4000
    for q in (OneHot(logits, Simplices(C)), RelaxedOneHot(logits, Simplices(C), TAU, is_hard=True)):
        z = q.rsample((n,))
        assert set(z.unique().tolist()) <= {0.0, 1.0}
        assert (z.view(n, P, C).sum(-1) == 1).all()
        error = (q.mean * (1 - q.mean) / n).sqrt()
        assert ((z.mean(0) - q.mean).abs() < 4 * error + 1e-6).all()


def test_straight_through_draws_have_the_gradient_of_relaxed_ones():
    gradients = []
    for is_hard in (False, True):
        parameter = torch.zeros(1, C, requires_grad=True)
        torch.manual_seed(2)
        z = RelaxedOneHot(parameter, Simplices(C), TAU, is_hard).rsample()
        (z * torch.arange(C)).sum().backward()
        gradients.append(parameter.grad)
    torch.testing.assert_close(*gradients)
    assert gradients[0].abs().sum() > 0


def test_the_kl_is_that_of_the_masses_and_its_elements_add_up_to_it(logits):
    q, p = OneHot(logits, Simplices(C)), OneHot(torch.zeros(P * C), Simplices(C))
    z = all_points()
    expected = (q.log_prob(z).exp() * (q.log_prob(z) - p.log_prob(z))).sum()
    for posterior in (q, RelaxedOneHot(logits, Simplices(C), TAU)):
        torch.testing.assert_close(kl_divergence(posterior, p)[0], expected)
        torch.testing.assert_close(kl_elements(posterior, p).sum(), expected)
    with pytest.raises(NotImplementedError):
        kl_divergence(RelaxedOneHot(logits, Simplices(C), TAU), RelaxedOneHot(p.mean.log(), Simplices(C), TAU))


def test_a_map_has_the_categories_of_its_places():
    torch.manual_seed(0)
    logits, layout = torch.randn(2, C, 2, 2), Simplices(C, (2, 2))
    q = OneHot(logits, layout)
    torch.testing.assert_close(q.mean, logits.softmax(1))
    z = q.rsample((5,))
    assert z.shape == (5, 2, C, 2, 2)
    assert (z.sum(2) == 1).all()
    torch.testing.assert_close(q.log_prob(z), (z * logits.log_softmax(1)).sum((2, 3, 4)))
    assert layout.contains(z).all()
    assert not layout.contains(2 * z).any()


def test_without_noise_a_draw_is_the_mean(logits):
    with noise.zero_noise():
        for q in (OneHot(logits, Simplices(C)), RelaxedOneHot(logits, Simplices(C), TAU)):
            torch.testing.assert_close(q.rsample((1,))[0], q.mean)


def test_parts_add_up(logits):
    zero = torch.zeros(1, 2)
    q = IndependentParts([Normal(zero + 1, zero), OneHot(logits, Simplices(C))])
    p = IndependentParts([Normal(zero[0], zero[0]), OneHot(torch.zeros(P * C), Simplices(C))])
    z = q.rsample((7,))
    expected = [part.log_prob(value) for part, value in zip(q.parts, (z[..., :2], z[..., 2:]), strict=True)]
    torch.testing.assert_close(q.log_prob(z), sum(expected))
    kls = [kl_divergence(a, b) for a, b in zip(q.parts, p.parts, strict=True)]
    torch.testing.assert_close(kl_divergence(q, p), sum(kls))
    torch.testing.assert_close(kl_elements(q, p).sum(-1), sum(kls))


def test_the_bound_of_a_small_model_is_that_by_enumeration():
    """ELBO and importance bound of a model with few latents: over all of them, never above log p(x)."""
    torch.manual_seed(0)
    model, _ = er.recipes.cat_vae((1, 2, 2), latent=P, classes=C, hidden=(8,))
    model.eval()
    x, z, n = (torch.rand(3, 1, 2, 2) > 0.5).float(), all_points(), 20_000
    with torch.no_grad():
        q = model.posterior(x)
        log_q = q.log_prob(z[:, None])
        log_px = model.decode(z[:, None].expand(-1, 3, -1)).log_prob(x)
        log_joint = log_px + model.latent_prior().log_prob(z)[:, None]
        elbo = (log_q.exp() * (log_joint - log_q)).sum(0)
        draw = model.draw(x, k=n)
        error = draw.log_px.std(0) / n**0.5
    assert ((draw.elbo - elbo).abs() < 5 * error).all()
    evidence = log_joint.logsumexp(0)
    assert (elbo <= evidence + 1e-5).all()
    importance = draw.log_w.logsumexp(0) - torch.log(torch.tensor(float(n)))
    torch.testing.assert_close(importance, evidence, atol=0.02, rtol=0)


def test_the_relaxed_training_loss_is_a_bound_of_the_relaxed_model():
    """E[w] of relaxed densities does not depend on q: it is p(x) of the model with relaxed latents."""
    torch.manual_seed(0)
    model, _ = er.recipes.cat_vae((1, 2, 2), latent=1, classes=2, hidden=(8,), kl="relaxed", final_temperature=0.99)
    x = (torch.rand(2, 1, 2, 2) > 0.5).float()
    with torch.no_grad():
        from_posterior = model.draw(x, k=40_000).log_w.exp().mean(0)
        prior = model.prior()
        from_prior = model.decoder(prior.rsample((40_000, 2))).log_prob(x).exp().mean(0)
    torch.testing.assert_close(from_posterior, from_prior, rtol=0.05, atol=0)
