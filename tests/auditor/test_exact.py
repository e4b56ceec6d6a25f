"""Exact log p(x)."""

import torch
from torch import nn

import elbowroom as er
from elbowroom.auditor.claim import build_claim
from elbowroom.auditor.exact import exact_log_px


def test_linear_gaussian_and_grid_agree():
    """The closed form and the grid over z give the same log p(x)."""
    torch.manual_seed(0)
    decoder = er.Conditional(nn.Linear(2, 5), er.Gaussian(5, 0.5))
    model = er.Model(er.Conditional.mlp(5, er.DiagonalNormal(2)), decoder, er.StandardNormal(2))
    x = torch.randn(6, 5)
    exact, method = exact_log_px(build_claim(model, x, None, None, None), torch.arange(6))
    assert method == "the model is linear and Gaussian"
    other = er.Mixture(2, components=1)
    with torch.no_grad():
        other.loc.zero_()
    claim = build_claim(er.Model(model.encoder, decoder, other), x, None, None, None)
    integrated, method = exact_log_px(claim, torch.arange(6))
    assert method == "a grid over z"
    torch.testing.assert_close(integrated, exact, atol=1e-3, rtol=0)
