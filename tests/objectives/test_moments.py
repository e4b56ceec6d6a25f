"""Penalty on the covariance: as numpy has it, of means and of latents, and zero where it is one."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal

STEP = torch.tensor(0)


def make_draw(loc, log_var):
    q = Normal(loc, log_var)
    return er.Draw(loc, None, er.Latent(q.rsample((1,)), q, None))


def test_it_is_that_of_the_covariance():
    torch.manual_seed(0)
    loc, log_var = torch.randn(50, 3) @ torch.randn(3, 3), torch.randn(50, 3)
    means = np.cov(loc.numpy().T, bias=True)
    covariances = {"means": means, "latents": means + np.diag(log_var.exp().mean(0).numpy())}
    for of, covariance in covariances.items():
        variances = np.diag(covariance)
        expected = (covariance**2).sum() - (variances**2).sum() + 5 * ((variances - 1) ** 2).sum()
        found = er.LatentCovariance(of, diagonal=5.0)(make_draw(loc, log_var), STEP)
        assert found.item() == pytest.approx(expected, rel=1e-4)


def test_it_is_zero_for_a_covariance_of_one():
    whitened = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert er.LatentCovariance("means")(make_draw(whitened, torch.zeros(4, 2)), STEP) == 0
    assert er.LatentCovariance("latents")(make_draw(torch.zeros(4, 2), torch.zeros(4, 2)), STEP) == 0


def test_without_weight_it_is_the_vae():
    x = torch.rand(9, 1, 8, 8)
    model, objective = er.recipes.dip_vae((1, 8, 8), weight=0.0, seed=0)
    plain, elbo = er.recipes.vae((1, 8, 8), seed=0)
    torch.manual_seed(1)
    loss = objective(model.draw(x), STEP)
    torch.manual_seed(1)
    torch.testing.assert_close(loss, elbo(plain.draw(x), STEP))


@pytest.mark.parametrize(
    ("arguments", "message"), [({"of": "mean"}, "did you mean 'means'"), ({"diagonal": -1.0}, "must be at least 0")]
)
def test_errors_advise(arguments, message):
    with pytest.raises(ValueError, match=message):
        er.LatentCovariance(**arguments)
