"""Gaussian and Laplace likelihoods: fixed, learned and optimal scales."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.families import Gaussian, likelihood


def test_optimal_scale_is_the_root_mean_squared_error():
    family = Gaussian((4,), "optimal").train()
    loc, x = torch.randn(50, 4), torch.randn(50, 4)
    mse = ((x - loc) ** 2).mean()
    expected = -0.5 * 4 * (1 + math.log(2 * math.pi) + mse.log())
    assert family(loc).log_prob(x).mean().item() == pytest.approx(expected.item(), abs=1e-4)
    family.eval()
    assert family(loc).variance[0, 0].item() == pytest.approx(mse.item(), rel=1e-5)
    one = family(loc[:1]).log_prob(x[:1])
    torch.testing.assert_close(one, family(loc).log_prob(x)[:1])


@pytest.mark.parametrize(
    ("kind", "statistic"), [("gaussian", lambda e: e.square().mean().sqrt()), ("laplace", lambda e: e.abs().mean())]
)
def test_the_optimal_scale_is_optimal(kind, statistic):
    """No other scale makes the batch more probable; at rest the average of the steps is used, not the batch."""
    optimal = likelihood(f"{kind}:optimal", (3, 4)).train()
    phi, x = torch.randn(50, 12), torch.randn(50, 3, 4)
    best = statistic(x - phi.reshape(50, 3, 4)).item()
    reached = optimal(phi).log_prob(x).mean().item()
    assert reached == pytest.approx(likelihood(f"{kind}:{best}", (3, 4))(phi).log_prob(x).mean().item(), rel=1e-5)
    for factor in (0.9, 1.1):
        assert reached > likelihood(f"{kind}:{factor * best}", (3, 4))(phi).log_prob(x).mean().item()
    optimal.eval()
    assert optimal.log_scale.exp().item() == pytest.approx(best, rel=1e-5)
    torch.testing.assert_close(optimal(phi[:1]).log_prob(x[:1]), optimal(phi).log_prob(x)[:1])
    assert optimal.train()(phi).sample().shape == (50, 3, 4)


def test_the_gradient_goes_through_the_optimal_scale():
    """d/dμ of −(D/2) log Σ(x−μ)² is D (x−μ) / Σ(x−μ)²."""
    family = er.Gaussian(6, "optimal").train()
    phi, x = torch.randn(1, 6, requires_grad=True), torch.randn(1, 6)
    family(phi).log_prob(x).sum().backward()
    error = (x - phi).detach()
    torch.testing.assert_close(phi.grad, 6 * error / error.square().sum())


def test_a_learned_scale_is_found_soon():
    """From 1 to a tenth in three hundred steps of the usual rate: it moves ten times as fast as a weight."""
    family, x = er.Gaussian(50, "learned"), 0.1 * torch.randn(8, 50)
    optimizer = torch.optim.Adam(family.parameters(), 1e-3)
    for _ in range(300):
        loss = -family(torch.zeros(8, 50)).log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert family.log_scale.exp().item() == pytest.approx(0.1, rel=0.1)


def test_a_scale_of_each_channel_is_found():
    """Draws of channels that are known to a hundredth and to a half are as far off as that."""
    family, deviations = likelihood("gaussian:channels", (2, 50)), torch.tensor([[0.01], [0.5]])
    optimizer = torch.optim.Adam(family.parameters(), 3e-3)
    for _ in range(300):
        loss = -family(torch.zeros(8, 100)).log_prob(deviations * torch.randn(8, 2, 50)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(family.log_scale.exp(), deviations, rtol=0.15, atol=0)
    torch.testing.assert_close(
        family(torch.zeros(50, 100)).sample().std((0, 2))[:, None], deviations, rtol=0.25, atol=0
    )
    with pytest.raises(ValueError, match="channels"):
        likelihood("gaussian:channel", (2, 50))
