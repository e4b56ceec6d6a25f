"""Families of latents: diagonal normal."""

import pytest
import torch

import elbowroom as er
from elbowroom.families import DiagonalNormal, likelihood


def test_latent_of_zero_is_refused():
    with pytest.raises(ValueError, match="at least 1, got"):
        DiagonalNormal(0)


def test_a_variance_for_every_pixel_has_a_floor_where_images_are_constant():
    """Half a level: a constant pixel gains a bounded density, and the gradient goes on."""
    family = likelihood("diagonal-normal", (1, 1, 1))
    phi = torch.tensor([[0.3, -50.0]], requires_grad=True)
    p = family(phi)
    assert p.variance.sqrt().item() == pytest.approx(1 / 510, rel=1e-3)
    p.log_prob(torch.full((1, 1, 1, 1), 0.3)).sum().backward()
    assert phi.grad.isfinite().all()
    # Where variances usually are, the floor is not felt.
    free = er.DiagonalNormal((1, 1, 1))(torch.tensor([[0.3, -3.0]]))
    assert family(torch.tensor([[0.3, -3.0]])).variance.item() == pytest.approx(free.variance.item(), rel=1e-3)
