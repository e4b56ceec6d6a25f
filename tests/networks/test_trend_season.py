"""The parts of a series: a polynomial, periods, and what is left."""

import pytest
import torch

from elbowroom.networks import MLP, TrendSeason


@pytest.fixture
def net():
    torch.manual_seed(0)
    return TrendSeason((2, 12), 3, 24, MLP(3, size=24), degree=2, seasons=(4, 3)).double()


def test_trend_and_season_are_a_polynomial_and_periodic(net):
    z = torch.randn(5, 3).double()
    trend, season, residual = net.parts(z)
    trend_series, season_series = (part.unflatten(-1, (2, 12)) for part in (trend, season))
    assert trend_series.diff(n=2).abs().max() > 1e-3
    torch.testing.assert_close(trend_series.diff(n=3), torch.zeros(5, 2, 9).double(), rtol=0, atol=1e-6)
    assert not torch.allclose(season_series[..., 4:], season_series[..., :-4])  # of two periods
    torch.testing.assert_close(net(z), trend + season + residual)


def test_one_period_repeats():
    net = TrendSeason((1, 10), 2, 10, MLP(2, size=10), degree=0, seasons=(5,))
    _, season, _ = net.parts(torch.randn(3, 2))
    torch.testing.assert_close(season[:, 5:], season[:, :5])


@pytest.mark.parametrize(("degree", "seasons"), [(-1, ()), (1, (1,)), (1, (5, 11))])
def test_sizes_are_checked(degree, seasons):
    with pytest.raises(ValueError, match="a degree of at least 0, and periods of at least 2"):
        TrendSeason((1, 10), 2, 10, MLP(2, size=10), degree, seasons)
