"""A causal transformer over the sequence of a quantizer's codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.networks.attention import AttentionPast, CausalBlock
from elbowroom.samplers.base import SAMPLERS
from elbowroom.samplers.code_networks import CodeNetwork
from elbowroom.samplers.code_sampler import CodeLayout, CodeSampler


class TransformerSampler(CodeSampler):
    r"""Causal transformer over the codes of a quantizer: transformer:STEPS, with at most 2000 steps of its fit.

    Vaswani et al. 2017, arXiv 1706.03762, with the norms before (Radford et al. 2019), over codes as in Esser, Rombach
    & Ommer 2021, arXiv 2012.09841: positions in order, each given all before it; the sub-indices of a position follow
    one another in the last layer, so that deep quantizers have no longer sequences (as in Lee et al. 2022,
    arXiv 2203.01941, by a second transformer there). A condition is added to every position.

    Args:
        size: of a latent as a vector.
        width: channels, a multiple of 32.
        layers: blocks of attention.
        **sizes: of the indices, as :class:`~elbowroom.samplers.code_sampler.CodeSampler` has them.
    """

    network_settings: ClassVar[dict[str, Any]] = {"width": 96, "layers": 4}

    @classmethod
    def make_network(cls, layout: CodeLayout, **settings: Any) -> CodeNetwork:
        return CausalTransformer(layout.positions, layout.index_sizes, layout.condition_size, **settings)


class CausalTransformer(CodeNetwork):
    """Blocks of causal attention over positions; the input of a position is the code before it.

    Args:
        positions: P.
        index_sizes: the number of values of each sub-index.
        condition_size: of an encoded condition; 0 for none.
        width: channels, W.
        layers: how many blocks.
    """

    def __init__(
        self, positions: int, index_sizes: Sequence[int], condition_size: int, width: int, layers: int
    ) -> None:
        super().__init__(positions, index_sizes, width)
        self.position = nn.Parameter(0.02 * torch.randn(positions, width))
        self.condition = nn.Linear(condition_size, width, bias=False) if condition_size else None
        self.blocks = nn.ModuleList([CausalBlock(width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def features(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        # The first position has no code before it.
        x = F.pad(self.embedding(indices[:, :-1]), (0, 0, 1, 0)) + self.position + self._bias(condition)
        for block in self.blocks:
            x = block(x)
        features: Tensor = self.norm(x)
        return features

    def _bias(self, condition: Tensor | None) -> Tensor | float:
        return 0.0 if self.condition is None or condition is None else self.condition(condition)[:, None]

    def draw(self, u: Tensor, condition: Tensor | None = None) -> Tensor:
        drawn: list[Tensor] = []
        past = [AttentionPast() for _ in self.blocks]
        for p, position in enumerate(self.position):
            code = self.embedding(drawn[-1])[:, None] if drawn else u.new_zeros(len(u), 1, len(position))
            x = code + position + self._bias(condition)
            for block, of_block in zip(self.blocks, past, strict=True):
                x = block(x, of_block)
            drawn.append(self.head.draw(self.norm(x)[:, 0], u[:, p], p))
        return torch.stack(drawn, 1)


SAMPLERS.add("transformer", TransformerSampler)
