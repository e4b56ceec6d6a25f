"""Sums over all x."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.auditor import quadrature
from elbowroom.auditor.quadrature import (
    NotFactorizedError,
    UnboundedDensityError,
    discrete_space,
    enumerate_points,
    log_total,
    real_line,
    unit_interval,
)


def test_totals_over_every_space():
    torch.manual_seed(0)
    mu = torch.rand(40).double()
    narrow, wide = torch.distributions.Normal(mu, 1e-3), torch.distributions.StudentT(2.5, mu, 0.3)
    for p in (narrow, wide, torch.distributions.Laplace(mu, 3.0)):
        total, error = log_total(lambda x, p=p: p.log_prob(x).sum(1), torch.rand(40).double(), real_line())
        assert abs(total) < 0.01
        assert error == 0
    logits = 10 * torch.randn(40).double()
    sharp = er.distributions.PixelContinuousBernoulli(logits)
    assert abs(log_total(lambda x: sharp.log_prob(x).sum(1), torch.rand(40).double(), unit_interval())[0]) < 1e-3
    flat = log_total(lambda x: torch.zeros(len(x)).double(), torch.zeros(40).double(), discrete_space(256))[0]
    assert flat == pytest.approx(40 * math.log(256), abs=1e-3)
    with pytest.raises(UnboundedDensityError, match="grows without bound along 40 of 40"):
        log_total(lambda x: (x * logits).sum(1), torch.rand(40).double(), real_line())
    with pytest.raises(NotFactorizedError):
        log_total(lambda x: -((x[:, 1:] - x[:, :-1]) ** 2).sum(1), torch.rand(40).double(), real_line())
    assert enumerate_points(3, 2).shape == (8, 3)
    assert enumerate_points(13, 2) is None


def test_total_of_many_elements_is_estimated_from_some(monkeypatch):
    monkeypatch.setattr(quadrature, "MAX_POINTS", 200)
    logits = torch.randn(2000).double()
    bernoulli = torch.distributions.Bernoulli(logits=logits)
    total, error = log_total(lambda x: bernoulli.log_prob(x).sum(1), torch.zeros(2000).double(), discrete_space(2))
    assert error > 0
    assert abs(total) < 5 * error
