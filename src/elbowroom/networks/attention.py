"""Causal attention: each position sees those before it and itself, all at once or one after the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Channels of a head of attention.
HEAD_WIDTH = 32


class AttentionPast:
    """Keys and values of the positions that a block has seen."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor]] = []

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of the next position, and return those of all."""
        self._parts.append((key, value))
        keys, values = zip(*self._parts, strict=True)
        return torch.cat(keys, -2), torch.cat(values, -2)


class CausalBlock(nn.Module):
    """Attention to the positions before and a network of each position, (B, P, W) to (B, P, W).

    Vaswani et al. 2017, arXiv 1706.03762, with the norms before.

    >>> block, x = CausalBlock(32), torch.randn(2, 3, 32)
    >>> past = AttentionPast()
    >>> one_by_one = torch.cat([block(position, past) for position in x.split(1, 1)], 1)
    >>> torch.allclose(one_by_one, block(x), atol=1e-5)
    True
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.n_heads = max(1, width // HEAD_WIDTH)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, past: AttentionPast | None = None) -> Tensor:
        """Return the next features; with the past of a block, those of the one position that follows it."""
        query, key, value = self.inputs(self.norms[0](x)).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = past.append(key, value)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        x = x + self.output(attended.transpose(1, 2).flatten(-2))
        changed: Tensor = x + self.network(self.norms[1](x))
        return changed
