"""Random numbers that belong to an example."""

import pytest
import torch
import torch.nn.functional as F

from elbowroom.auditor.isolation import per_example_rng, zero_rng


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: torch.randn_like(x),
        lambda x: torch.distributions.Normal(x, x + 1).rsample(),
        lambda x: F.dropout(x + 1, 0.5, True),
        lambda x: F.gumbel_softmax(x),
        lambda x: torch.bernoulli(x),
        lambda x: torch.distributions.Categorical(logits=x).sample()[:, None],
    ],
)
def test_noise_belongs_to_the_example(draw):
    x = torch.rand(7, 3)
    with per_example_rng(torch.arange(7), 5) as rng:
        whole = draw(x)
    with per_example_rng(torch.tensor([6, 2]), 5):
        parts = draw(x[[6, 2]])
    assert torch.equal(whole[[6, 2]], parts)
    assert not rng.unhandled_calls
    with zero_rng():
        assert torch.equal(draw(x), draw(x))


def test_noise_has_the_requested_distribution():
    rows = torch.arange(40_000)
    with per_example_rng(rows, 1):
        normal, uniform = torch.normal(3.0, 2.0, (40_000,)), torch.empty(40_000).uniform_(2, 4)
        coin, exponential = torch.bernoulli(torch.full((40_000,), 0.3)), torch.empty(40_000).exponential_(2.0)
        choice = torch.multinomial(torch.tensor([1.0, 2.0, 1.0]).expand(40_000, 3), 1)
    assert normal.mean() == pytest.approx(3, abs=0.05)
    assert normal.std() == pytest.approx(2, abs=0.05)
    assert uniform.mean() == pytest.approx(3, abs=0.02)
    assert coin.mean() == pytest.approx(0.3, abs=0.01)
    assert exponential.mean() == pytest.approx(0.5, abs=0.01)
    assert (choice == 1).float().mean() == pytest.approx(0.5, abs=0.01)
