"""Bits made of values in [0, 1] as a batch is given out: functions of the values (B, ...) and their rows (B,)."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import noise


def threshold(x: Tensor, rows: Tensor) -> Tensor:
    """1 where above one half."""
    return (x > 0.5).float()


def redrawn(x: Tensor, rows: Tensor) -> Tensor:
    """Bernoulli draws of the probabilities ``x``, others at every use."""
    return torch.bernoulli(x)


def drawn(x: Tensor, rows: Tensor, seed: int) -> Tensor:
    """Bernoulli draws of the probabilities ``x`` (B, ...), each a function of seed, row and place alone."""
    # samples of a number that no evaluation reaches, so that its noise has nothing to do with these
    with noise.keyed(seed % 2**54, rows.cpu(), first=2**40):
        normals = noise.standard_normal(torch.Size((1, len(x), x[0].numel())), torch.empty(()))
    return (torch.special.ndtr(normals).view(x.shape).to(x.device) <= x).float()
