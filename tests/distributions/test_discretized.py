"""Distributions over 256 pixel values sum to one and have their means."""

import pytest
import torch

from elbowroom import distributions
from elbowroom.distributions import (
    PixelCategorical,
    PixelLogistic,
)

GRID = torch.arange(256, dtype=torch.float64) / 255


@pytest.mark.parametrize("loc", [-2.0, 0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("log_scale", [-7.0, -3.0, 0.0, 3.0])
def test_discretized_logistic_sums_to_one(loc, log_scale):
    grid = torch.arange(256, dtype=torch.float64) / 255
    p = PixelLogistic(torch.tensor(loc, dtype=torch.float64), torch.tensor(log_scale, dtype=torch.float64))
    assert p.log_prob(grid).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_discretized_logistic_keeps_its_digits_in_the_tail():
    """Where the naive difference of sigmoids is zero in single precision, the log-probability is still right."""
    value = torch.tensor(200 / 255)
    single = PixelLogistic(torch.tensor(0.1), torch.tensor(-5.0)).log_prob(value)
    exact = PixelLogistic(torch.tensor(0.1).double(), torch.tensor(-5.0).double()).log_prob(value.double())
    assert exact < -90
    assert single.item() == pytest.approx(exact.item(), rel=1e-5)


@pytest.mark.parametrize(("loc", "log_scale"), [(0.9, -1.0), (0.1, -2.0), (0.5, -5.0), (-3.0, 0.0)])
def test_discretized_logistic_has_its_mean(loc, log_scale):
    grid = torch.arange(256, dtype=torch.float64) / 255
    p = PixelLogistic(torch.tensor(loc, dtype=torch.float64), torch.tensor(log_scale, dtype=torch.float64))
    assert p.mean.item() == pytest.approx((p.log_prob(grid).exp() * grid).sum().item(), abs=1e-9)


def test_pixel_categorical_sums_to_one_and_have_their_mean():
    p = PixelCategorical(torch.randn(256))
    grid = torch.arange(256) / 255
    probability = p.log_prob(grid).exp()
    assert probability.sum().item() == pytest.approx(1, abs=1e-5)
    assert p.mean.item() == pytest.approx((probability * grid).sum().item(), abs=1e-5)


@pytest.mark.parametrize("loc", [-0.5, 0.0, 0.004, 0.3, 0.5017, 0.999, 1.0, 2.0])
@pytest.mark.parametrize("log_scale", [-7.0, -6.0, -5.0, -3.0, 0.0, 3.0])
def test_the_closed_form_mean_is_the_mean_of_the_pixel_values(loc, log_scale):
    """To a fiftieth of a level at the smallest scale, to rounding at usual ones."""
    p = distributions.PixelLogistic(torch.tensor(loc).double(), torch.tensor(log_scale).double())
    exact = (p.log_prob(GRID).exp() * GRID).sum().item()
    assert p.mean.item() == pytest.approx(exact, abs=1e-4 if log_scale < -5.5 else 1e-6)
    single = distributions.PixelLogistic(torch.tensor(loc), torch.tensor(log_scale)).mean.item()
    assert single == pytest.approx(exact, abs=1.1e-4)
