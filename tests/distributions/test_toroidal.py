"""Wrapped normals on the torus: quadrature over the circle."""

import math

import pytest
import torch
from torch.distributions import kl_divergence

from elbowroom.distributions import ToroidalNormal, ToroidalUniform, kl_elements

SCALES = [0.01, 0.3, 0.499, 0.501, 1.0, 3.0]
CIRCLE = torch.arange(4000, dtype=torch.float64) / 4000 * 2 * math.pi - math.pi


def make(scale, loc=2.5):
    return ToroidalNormal(torch.tensor([[loc]]).double(), torch.tensor([[scale]]).double())


@pytest.mark.parametrize("scale", SCALES)
def test_density_and_kl_by_quadrature(scale):
    q, p = make(scale), ToroidalUniform(torch.zeros(1).double())
    logs = q.log_prob(CIRCLE[:, None])
    assert logs.exp().mean() * 2 * math.pi == pytest.approx(1, abs=1e-6)
    kl = (logs.exp() * (logs + math.log(2 * math.pi))).nan_to_num().mean() * 2 * math.pi
    assert kl_divergence(q, p).item() == pytest.approx(kl.item(), abs=1e-6)
    torch.testing.assert_close(kl_elements(q, p).sum(-1), kl_divergence(q, p))


def test_a_full_turn_changes_nothing_and_draws_stay_on_the_torus():
    torch.manual_seed(0)
    q = ToroidalNormal(torch.full((1, 3), 3.0), torch.full((1, 3), 0.5))
    z = q.rsample((500,))
    assert z.abs().max() <= math.pi
    torch.testing.assert_close(q.log_prob(z), q.log_prob(z + 2 * math.pi), atol=1e-4, rtol=1e-4)
    logs = (q.log_prob(z) + 3 * math.log(2 * math.pi))[:, 0]
    assert abs(logs.mean() - kl_divergence(q, ToroidalUniform(torch.zeros(3)))) < 5 * logs.std() / math.sqrt(500)


def test_gradients_of_the_kl_are_finite_on_both_sides_of_the_switch():
    scale = torch.tensor([SCALES], requires_grad=True)
    ToroidalNormal(torch.zeros(1, 6), scale).kl_from_uniform.sum().backward()
    torch.testing.assert_close(scale.grad[0, 2:4], -1 / scale[0, 2:4].detach(), rtol=1e-2, atol=0)
    assert scale.grad.isfinite().all()
