"""Gated PixelCNN over the map of a quantizer's codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.samplers.base import SAMPLERS
from elbowroom.samplers.code_networks import CodeNetwork
from elbowroom.samplers.code_sampler import CodeLayout, CodeSampler

#: Dilations of the convolutions of positions in a row, in turn; those of a map have none.
DILATIONS = (1, 2, 4, 8)


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
    r"""A vertical stack that sees the rows above, and a horizontal one that sees it and the codes to the left.

    .. math:: y = \tanh(W_f * x + V_f c) \odot \sigma(W_g * x + V_g c)

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
        is_row = sides[0] == 1
        self.layers = nn.ModuleList(
            [_GatedLayer(width, condition_size, DILATIONS[i % 4] if is_row else 0) for i in range(layers)]
        )

    def features(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        embedded = self.embedding(indices).mT.unflatten(-1, self.sides)
        links = self._vertical_links(embedded, condition, 0, self.sides[0])
        return self._horizontal(embedded, links, condition, self.position[1]).flatten(2).mT

    def _vertical_links(self, embedded: Tensor, condition: Tensor | None, top: int, bottom: int) -> list[Tensor | None]:
        """Return what the vertical stack gives each horizontal layer, at the rows from ``top`` to ``bottom``."""
        shifted = F.pad(embedded, (0, 0, 1, 0))[:, :, top:bottom]
        v, links = shifted + self.position[0][:, top:bottom], []
        for layer in self.layers:
            v, link = cast(_GatedLayer, layer).vertical_step(v, condition)
            links.append(link)
        return links

    def _horizontal(
        self, embedded: Tensor, links: list[Tensor | None], condition: Tensor | None, position: Tensor
    ) -> Tensor:
        """Return features (B, W, rows, columns) of embedded rows, each from the columns to the left and the links."""
        h = F.pad(embedded, (1, 0))[..., :-1] + position
        for layer, link in zip(self.layers, links, strict=True):
            h = cast(_GatedLayer, layer).horizontal_step(h, link, condition)
        return h

    def draw(self, u: Tensor, condition: Tensor | None = None) -> Tensor:
        height, width = self.sides
        embedded = u.new_zeros(len(u), self.position.shape[1], height, width)
        drawn = []
        for row in range(height):
            # A layer of the vertical stack sees one row further up: above those of all layers there is nothing to see.
            links = self._vertical_links(embedded, condition, max(0, row - len(self.layers)), row + 1)
            for column in range(width):
                p, end = row * width + column, column + 1
                above = [None if link is None else link[:, :, -1:, :end] for link in links]
                position = self.position[1][:, row : row + 1, :end]
                h = self._horizontal(embedded[:, :, row : row + 1, :end], above, condition, position)
                drawn.append(self.head.draw(h[:, :, 0, column], u[:, p], p))
                embedded[:, :, row, column] = self.embedding(drawn[-1])
        return torch.stack(drawn, 1)


class _GatedLayer(nn.Module):
    """A layer of both stacks; with a dilation, of the horizontal one alone."""

    def __init__(self, width: int, condition_size: int, dilation: int) -> None:
        super().__init__()
        self.dilation = max(1, dilation)
        self.vertical = None if dilation else nn.Conv2d(width, 2 * width, (2, 3))
        self.link = None if dilation else nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = nn.Conv2d(width, 2 * width, (1, 2), dilation=(1, self.dilation))
        self.last = nn.Conv2d(width, width, 1)
        self.condition = nn.Linear(condition_size, 4 * width, bias=False) if condition_size else None

    def vertical_step(self, v: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the next features of the vertical stack, and what the horizontal one takes from it."""
        if self.vertical is None or self.link is None:
            return v, None
        a = self.vertical(F.pad(v, (1, 1, 1, 0)))
        return v + _gate(a + self._bias(condition)[0]), self.link(a)

    def horizontal_step(self, h: Tensor, link: Tensor | None, condition: Tensor | None) -> Tensor:
        """Return the next features of the horizontal stack."""
        a = self.horizontal(F.pad(h, (self.dilation, 0))) + self._bias(condition)[1]
        changed: Tensor = h + self.last(_gate(a if link is None else a + link))
        return changed

    def _bias(self, condition: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        if self.condition is None or condition is None:
            return 0.0, 0.0
        vertical, horizontal = self.condition(condition)[..., None, None].chunk(2, 1)
        return vertical, horizontal


def _gate(a: Tensor) -> Tensor:
    f, g = a.chunk(2, 1)
    return torch.tanh(f) * torch.sigmoid(g)


SAMPLERS.add("pixelcnn", PixelCNNSampler)
