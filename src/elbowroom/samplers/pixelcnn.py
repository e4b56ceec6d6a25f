"""Gated PixelCNN over the map of a quantizer's codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from elbowroom.networks.causal import RasterWalk, gated_layers
from elbowroom.samplers.base import SAMPLERS
from elbowroom.samplers.code_networks import CodeNetwork
from elbowroom.samplers.code_sampler import CodeLayout, CodeSampler


class PixelCNNSampler(CodeSampler):
    r"""Gated PixelCNN over the codes of a quantizer: pixelcnn:STEPS, with at most 2000 steps of its fit.

    van den Oord et al. 2016, arXiv 1606.05328, over codes as in van den Oord, Vinyals & Kavukcuoglu 2017,
    arXiv 1711.00937: positions in raster order, each given the codes above and to the left; classes and attributes are
    inputs of every gate. Codes without a map are a row. Deviations: causal convolutions of shifted inputs in place of
    masked ones (Salimans et al. 2017, arXiv 1701.05517), a residual in both stacks, and a learned vector for each
    position.

    Args:
        size: of a latent as a vector.
        width: channels.
        layers: gated layers.
        **sizes: of the indices, as :class:`~elbowroom.samplers.code_sampler.CodeSampler` has them.
    """

    network_settings: ClassVar[dict[str, Any]] = {"width": 48, "layers": 6}

    @classmethod
    def make_network(cls, layout: CodeLayout, **settings: Any) -> CodeNetwork:
        return GatedPixelCNN(
            _map_sides(layout.positions, layout.space), layout.index_sizes, layout.condition_size, **settings
        )


def _map_sides(positions: int, space: Sequence[int] | None) -> tuple[int, int]:
    return (space[0], space[1]) if space is not None and len(space) == 2 else (1, positions)


class GatedPixelCNN(CodeNetwork):
    """A vertical stack that sees the rows above, and a horizontal one that sees it and the codes to the left.

    Args:
        sides: height and width of the map; with a height of 1 there is the horizontal stack alone, dilated.
        index_sizes: the number of values of each sub-index.
        condition_size: of an encoded condition; 0 for none.
        width: channels, W.
        layers: how many.
    """

    def __init__(
        self, sides: tuple[int, int], index_sizes: Sequence[int], condition_size: int, width: int, layers: int
    ) -> None:
        super().__init__(sides[0] * sides[1], index_sizes, width)
        self.sides = sides
        self.position = nn.Parameter(0.02 * torch.randn(2, width, *sides))
        self.layers = gated_layers(width, layers, condition_size, is_row=sides[0] == 1)

    def features(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        embedded = self.embedding(indices).mT.unflatten(-1, self.sides)
        return self._walk(condition).features(embedded).flatten(2).mT

    def draw(self, u: Tensor, condition: Tensor | None = None) -> Tensor:
        drawn: list[Tensor] = []

        def step(h: Tensor, position: int) -> Tensor:
            drawn.append(self.head.draw(h, u[:, position], position))
            embedded: Tensor = self.embedding(drawn[-1])
            return embedded

        self._walk(condition).fill(len(u), step)
        return torch.stack(drawn, 1)

    def _walk(self, condition: Tensor | None) -> RasterWalk:
        vertical, horizontal = self.position[:, None]
        return RasterWalk(self.layers, vertical, horizontal, condition)


SAMPLERS.add("pixelcnn", PixelCNNSampler)
