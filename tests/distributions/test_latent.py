"""Normals, mixtures of them and codebook entries against references."""

import math

import pytest
import torch
from torch import distributions as td

from elbowroom.distributions import (
    Normal,
    kl_divergence,
    mixture,
    to_event,
)


def test_normal_agrees_with_torch():
    loc, log_var = torch.randn(2, 5, 3)
    normal, reference_normal = Normal(loc, log_var), td.Independent(td.Normal(loc, (0.5 * log_var).exp()), 1)
    x = torch.randn(7, 5, 3)
    torch.testing.assert_close(normal.log_prob(x), reference_normal.log_prob(x))
    torch.testing.assert_close(normal.variance, reference_normal.variance)
    standard = Normal(torch.zeros(3), torch.zeros(3))
    reference = td.kl_divergence(reference_normal, td.Independent(td.Normal(torch.zeros(5, 3), 1.0), 1))
    torch.testing.assert_close(kl_divergence(normal, standard), reference)


def test_a_normal_of_no_width_has_a_density_at_its_mean():
    """A variance beyond float32, as encoders give far from the training data: 0 * inf would be NaN."""
    normal = Normal(torch.zeros(1, 2), torch.tensor([[-250.0, 0.0]]))
    expected = 125 - math.log(2 * math.pi)
    assert normal.log_prob(normal.rsample() * torch.tensor([1.0, 0.0])).item() == pytest.approx(expected)


def test_normal_event_of_several_dimensions():
    loc, log_var = torch.randn(2, 5, 2, 3)
    q, p = Normal(loc, log_var, 2), Normal(torch.zeros(2, 3), torch.zeros(2, 3), 2)
    flat = Normal(loc.flatten(1), log_var.flatten(1))
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(flat, Normal(torch.zeros(6), torch.zeros(6))))
    torch.testing.assert_close(q.log_prob(loc + 1), flat.log_prob(loc.flatten(1) + 1))


@pytest.mark.parametrize("std", [0.01, 1.0])
def test_a_mixture_of_normals_is_the_sum_over_its_components(std):
    """Also where they are narrow and far from the origin, where the products cancel."""
    torch.manual_seed(0)
    parts = Normal(5 * torch.randn(7, 3), math.log(std**2) + torch.randn(7, 3))
    logits, z = torch.randn(7), parts.loc[:, None] + std * torch.randn(7, 4, 3)
    z.requires_grad_()
    one_by_one = (
        logits.log_softmax(-1).double()
        + Normal(parts.loc.double(), parts.log_var.double()).log_prob(z.double()[..., None, :])
    ).logsumexp(-1)
    log_p = mixture(logits, parts).log_prob(z)
    torch.testing.assert_close(log_p, one_by_one.float(), atol=1e-4, rtol=1e-5)
    slope, expected = (torch.autograd.grad(p.sum(), z)[0] for p in (log_p, one_by_one))
    torch.testing.assert_close(slope, expected, atol=1e-3, rtol=1e-4)


def test_mixture_of_one_is_its_component():
    part = Normal(torch.randn(1, 3), torch.randn(1, 3))
    z = torch.randn(4, 6, 3)
    torch.testing.assert_close(mixture(torch.zeros(1), part).log_prob(z), part.log_prob(z[..., None, :])[..., 0])


def test_independent_sums_over_the_event():
    p = to_event(td.Normal(torch.zeros(2, 3, 4), 1.0), 2)
    assert p.batch_shape == (2,)
