"""The continuous Bernoulli integrates to one, also in the tails."""

import pytest
import torch

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
