"""ELBO and importance-weighted bound: identities and order."""

import itertools

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)


STEP = torch.tensor(0)


def test_elbo_is_reconstruction_plus_kl(draw):
    value = er.ELBO()(draw, STEP)
    torch.testing.assert_close(value, -draw.elbo.mean())
    torch.testing.assert_close(draw.terms["reconstruction"] + draw.terms["kl"], value)


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_beta_vae_weighs_the_kl_and_is_the_vae_at_one(beta):
    torch.manual_seed(1)
    model, objective = er.recipes.beta_vae(SHAPE, beta=beta)
    draw = model.draw(torch.rand(16, *SHAPE))
    torch.testing.assert_close(objective(draw, STEP), (-draw.log_px.mean() + beta * draw.kl.mean()))


def test_importance_bound_of_one_sample_is_the_elbo_with_its_kl_estimated(model):
    draw = model.draw(torch.rand(16, *SHAPE), k=1)
    torch.testing.assert_close(er.ImportanceBound(1)(draw, STEP), -draw.log_w.mean())


def test_importance_bound_of_one_sample_has_the_elbo_for_a_mean(model):
    x = torch.rand(4, *SHAPE)
    draw = model.draw(x, k=20_000)
    torch.testing.assert_close(draw.log_w.mean(0), draw.elbo, atol=0.1, rtol=0)


def test_importance_bound_grows_with_k_in_the_mean(model):
    x = torch.rand(2, *SHAPE)
    log_w = model.draw(x, k=2**14).log_w.double()
    bounds = [(log_w.reshape(k, -1, 2).logsumexp(0) - torch.tensor(float(k)).log()).mean(0) for k in (1, 4, 64, 1024)]
    for low, high in itertools.pairwise(bounds):
        assert (low < high).all()
