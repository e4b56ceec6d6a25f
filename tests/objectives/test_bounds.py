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


def test_groups_are_averaged_and_one_group_is_the_importance_bound(model):
    draw = model.draw(torch.rand(4, *SHAPE), k=12)
    grouped = [er.ImportanceBound(k, groups=12 // k)(draw, STEP) for k in (1, 4, 12)]
    log_w = draw.log_w.reshape(3, 4, 4)
    torch.testing.assert_close(grouped[0], -draw.log_w.mean())
    torch.testing.assert_close(grouped[1], -(log_w.logsumexp(1) - torch.tensor(4.0).log()).mean())
    torch.testing.assert_close(grouped[2], er.ImportanceBound(12)(draw, STEP))
    assert grouped[0] > grouped[1] > grouped[2]


def test_the_renyi_bound_has_its_special_cases_and_falls_with_alpha(model):
    draw = model.draw(torch.rand(4, *SHAPE), k=8)
    bounds = [er.RenyiBound(alpha, 8)(draw, STEP) for alpha in (-torch.inf, -3.0, 0.0, 0.5, 0.999, 1.0, 1.001, 3.0)]
    torch.testing.assert_close(bounds[0], -draw.log_w.amax(0).mean())
    torch.testing.assert_close(bounds[2], er.ImportanceBound(8)(draw, STEP))
    torch.testing.assert_close(bounds[5], -draw.log_w.mean())
    assert all(low < high for low, high in itertools.pairwise(bounds))
    torch.testing.assert_close(bounds[4], bounds[6], atol=0.2, rtol=0)
    near = [er.RenyiBound(alpha, 8)(draw, STEP) for alpha in (1 - 1e-6, 1 + 1e-6)]
    torch.testing.assert_close(torch.stack(near), bounds[5].expand(2), atol=1e-3, rtol=0)
    sides = [er.RenyiBound(1 - power, 8)(draw, STEP) for power in (0.99999e-2, 1.00001e-2)]
    torch.testing.assert_close(*sides, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: er.ImportanceBound(0), "k, the samples per example, must be at least 1"),
        (lambda: er.ImportanceBound(2, groups=0), "groups, whose bounds are averaged, must be at least 1"),
        (lambda: er.RenyiBound(float("nan")), "a finite number or -inf, got nan"),
        (lambda: er.RenyiBound(-torch.inf, gradient="dreg"), "is for a finite alpha"),
    ],
)
def test_impossible_bounds_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
