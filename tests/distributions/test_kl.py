"""KL divergences in closed form against estimates."""

import torch

from elbowroom.distributions import (
    Normal,
    kl_divergence,
    kl_elements,
)


def test_closed_form_kl_equals_its_monte_carlo_estimate():
    q = Normal(torch.tensor([[0.5, -1.0]]), torch.tensor([[-0.7, 0.3]]))
    p = Normal(torch.tensor([0.2, 0.1]), torch.tensor([0.4, -0.2]))
    z = q.rsample((400_000,))
    estimate = (q.log_prob(z) - p.log_prob(z)).mean()
    assert abs(kl_divergence(q, p).item() - estimate.item()) < 0.01
    torch.testing.assert_close(kl_elements(q, p).sum(-1), kl_divergence(q, p))
