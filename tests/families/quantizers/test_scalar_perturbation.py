"""Finite scalar perturbation: equal bins and their middles, noise within a bin's width, the loss before the bound."""

import itertools

import pytest
import torch

import elbowroom as er
from elbowroom.families import ScalarPerturbation
from tests.tiny_recipes import make_tiny

NORMAL = torch.distributions.Normal(0.0, 1.0)


def test_levels_are_the_middles_of_bins_of_equal_mass_and_unit_variance() -> None:
    quantizer = ScalarPerturbation(1, (5, 4)).eval()
    output = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    q = quantizer(output)
    for d, levels in enumerate((5, 4)):
        edges = NORMAL.icdf(torch.arange(1, levels) / levels)
        assert torch.equal(q.indices[:, 0, d], torch.bucketize(output[:, d].contiguous(), edges))
        shares = q.indices[:, 0, d].bincount() / len(output)
        torch.testing.assert_close(shares, torch.full((levels,), 1 / levels), atol=0.02, rtol=0)
    assert (q.output.var((0, 1)) - 1).abs().max() < 0.03
    bins = [(torch.arange(levels) + 0.5) / levels for levels in (5, 4)]
    middles = torch.tensor(list(itertools.product(*bins)))
    torch.testing.assert_close(quantizer.list_codes(), (middles - 0.5) * 12**0.5)


def test_the_error_of_uniform_numbers_is_that_of_the_best_quantizer() -> None:
    """A uniform number of variance one in L equal bins has the squared error 1 / L²: that of Lloyd and Max."""
    quantizer = ScalarPerturbation(1, (5,)).eval()
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    q = quantizer(NORMAL.icdf(uniform)[:, None])
    assert q.commitment.mean().item() == pytest.approx(1 / 25, rel=1e-3)


def test_in_training_numbers_are_rounded_or_moved_within_half_a_bin() -> None:
    torch.manual_seed(0)
    quantizer = ScalarPerturbation(1, (4,)).train()
    phi = torch.randn(20_000, 1, requires_grad=True)
    q = quantizer(phi)
    z, bounded, code = (tensor.detach().flatten() for tensor in (q.rsample(), q.output, q.codes))
    is_rounded = (z - code).abs() < 1e-6
    assert is_rounded.float().mean().item() == pytest.approx(0.5, abs=0.02)
    moved, width = (z - bounded)[~is_rounded], 12**0.5 / 4
    assert moved.abs().max() <= width / 2
    assert z.abs().max() < 12**0.5 / 2
    inside = bounded[~is_rounded].abs() < 12**0.5 / 2 - width / 2
    assert moved[inside].std().item() == pytest.approx(width / 12**0.5, rel=0.03)
    assert (moved[~inside] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    # Rounded or moved, the gradient is that of the bound.
    (of_phi,) = torch.autograd.grad(q.rsample().sum(), phi)
    torch.testing.assert_close(of_phi, 12**0.5 * NORMAL.log_prob(phi.detach()).exp())


def test_without_scale_nothing_moves() -> None:
    quantizer = ScalarPerturbation(1, (4, 3), scale=0.0)
    assert not quantizer.draw_perturbation(torch.zeros(9, 1, 2)).any()


def test_the_loss_of_moments_is_of_numbers_before_the_bound() -> None:
    model, objective = make_tiny("quantized_vae", quantizer="fsp:5,4")
    assert repr(objective) == "((reconstruction + kl) + (10 * code_moments))"
    draw = model.draw(torch.rand(6, 1, 8, 8))
    phi = draw.q.unbounded.reshape(-1, 2)
    torch.testing.assert_close((torch.special.ndtr(phi) - 0.5) * 12**0.5, draw.q.output.reshape(-1, 2))
    expected = (phi.mean(0) ** 2).sum() + 0.7 * ((phi.var(0, correction=0) - 1) ** 2).sum()
    torch.testing.assert_close(er.CodeMoments()(draw, torch.tensor(0)), expected)


def test_arguments_that_have_no_meaning_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 levels for each number"):
        ScalarPerturbation(1, (4, 1))
    with pytest.raises(ValueError, match="scale of the perturbation must be at least 0"):
        ScalarPerturbation(1, (4, 3), scale=-1.0)
