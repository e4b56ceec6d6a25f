"""Depth dropout of a hierarchy of codebooks: its probabilities, and its special case."""

import pytest
import torch

import elbowroom as er
from elbowroom.families import HierarchicalQuantizer


@pytest.mark.parametrize("truncation", [0.0, 0.3, 0.9])
def test_the_probabilities_of_depths_sum_to_one(truncation: float) -> None:
    quantizer = HierarchicalQuantizer(1, 2, codes=4, depth=5, truncation=truncation)
    assert quantizer.depth_probabilities.sum().item() == pytest.approx(1)


def test_without_truncation_it_is_the_residual_quantizer() -> None:
    torch.manual_seed(0)
    output = torch.randn(20, 6)
    hierarchical, residual = HierarchicalQuantizer(3, 2, 4, 3, truncation=0), er.ResidualQuantizer(3, 2, 4, 3)
    residual.load_state_dict(hierarchical.state_dict())
    draws = []
    for quantizer in (hierarchical, residual):
        torch.manual_seed(1)
        draws.append(quantizer.train()(output).rsample())
    assert torch.equal(*draws)


def test_latents_of_the_training_have_as_many_stages_as_said() -> None:
    torch.manual_seed(0)
    quantizer = HierarchicalQuantizer(1, 3, codes=8, depth=3, truncation=0.4).train()
    q = quantizer(torch.randn(4000, quantizer.size))
    distances = (q.stages - q.rsample()).square().flatten(2).sum(-1)
    shares = distances.argmin(0).bincount(minlength=3) / 4000
    torch.testing.assert_close(shares, quantizer.depth_probabilities, atol=0.03, rtol=0)
    q = quantizer.eval()(torch.randn(5, quantizer.size))
    torch.testing.assert_close(q.rsample(), q.stages[-1])


def test_a_truncation_of_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1, got 1"):
        er.recipes.hrq_vae((1, 8, 8), truncation=1.0)
