"""The continuous Bernoulli integrates to one, also in the tails; the Bernoulli has a fast log-probability."""

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import (
    PixelContinuousBernoulli,
)


@pytest.mark.parametrize("logit", [-30.0, -3.0, -0.011, -0.009, 0.0, 1e-3, 0.02, 2.0, 30.0])
def test_continuous_bernoulli_is_a_density_with_its_mean(logit):
    p = PixelContinuousBernoulli(torch.tensor(logit, dtype=torch.float64))
    x = torch.linspace(0, 1, 200_001, dtype=torch.float64)
    density = p.log_prob(x).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-6)
    assert p.mean.item() == pytest.approx(torch.trapezoid(x * density, x).item(), abs=1e-6)
    drawn = p.sample((100_000,))
    assert drawn.mean().item() == pytest.approx(p.mean.item(), abs=0.005)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_continuous_bernoulli_survives_extreme_logits():
    logits = torch.tensor([-1e4, -200.0, 0.0, 200.0, 1e4], requires_grad=True)
    p = PixelContinuousBernoulli(logits)
    p.log_prob(torch.tensor(0.3)).sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(p.mean).all()


@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0])
def test_log_prob_of_bits_is_the_same_with_and_without_a_gradient(scale):
    """Also where a logit has no exponential in single precision, and with values that do not fit the logits' shape."""
    torch.manual_seed(0)
    logits, x = scale * torch.randn(6, 5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    p = er.Bernoulli((1, 4, 4))(logits.flatten(2))
    expected = -torch.nn.functional.binary_cross_entropy_with_logits(
        logits.double(), x.double().expand_as(logits), reduction="none"
    ).sum((-3, -2, -1))
    for value in (x, x.double(), x.expand(6, 5, 1, 4, 4), x.expand(2, 6, 5, 1, 4, 4)):
        with torch.no_grad():
            fast = p.log_prob(value)
        assert fast.isfinite().all()
        torch.testing.assert_close(fast.double(), expected.expand_as(fast), rtol=2e-6, atol=2e-6 * scale)
        torch.testing.assert_close(fast, p.log_prob(value), rtol=2e-6, atol=2e-6 * scale)
