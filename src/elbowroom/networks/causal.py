"""Causal networks: the parameters of each element of an example given those before it, as a decoder that reads x has.

In training and scoring all elements are computed at once from the example itself (teacher forcing), and a draw is
ancestral, one position after the other.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Dilations of the convolutions of positions in a row, in turn; those of a map have none.
DILATIONS = (1, 2, 4, 8)
#: From the parameters of one position, (B, numbers), to its value, (B, C).
Emitter = Callable[[Tensor], Tensor]


class CausalNetwork(nn.Module, ABC):
    r"""A network from an example and a context to parameters of each element, given the elements before it.

    .. math:: \log p(x \mid c) = \sum_i \log p(x_i \mid x_{<i}, c)

    Attributes:
        context_dims: how many trailing dimensions a context has.
        element_shape: of what is made at one position, as an example.
    """

    context_dims: int = 1
    element_shape: tuple[int, ...]

    @abstractmethod
    def project(self, context: Tensor) -> Tensor:
        """Return what depends on the context alone, computed once for all elements: (..., *context) to (..., *any)."""

    def corrupt(self, x: Tensor) -> Tensor:
        """Return examples as they are told in training: what is NaN is left out."""
        return x

    @abstractmethod
    def forward(self, x: Tensor, projected: Tensor) -> Tensor:
        """Return the parameters (B, numbers) of all elements of examples (B, *shape), each from those before it."""

    @abstractmethod
    def roll_out(self, projected: Tensor, emit: Emitter) -> Tensor:
        """Return examples (B, *shape) whose positions are made in turn by ``emit``, each from those before it."""


class GatedLayer(nn.Module):
    r"""A layer of both stacks of a gated PixelCNN; with a dilation, of the horizontal one alone.

    .. math:: y = \tanh(W_f * x + V_f c) \odot \sigma(W_g * x + V_g c)

    van den Oord et al. 2016, arXiv 1606.05328. Deviations: causal convolutions of shifted inputs in place of masked
    ones (Salimans et al. 2017, arXiv 1701.05517), and a residual in both stacks.

    Args:
        width: channels, W.
        condition_size: of a condition of every gate; 0 for none.
        dilation: of positions in a row; 0 for a map, which has the vertical stack too.
    """

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


def gated_layers(width: int, layers: int, condition_size: int, is_row: bool) -> nn.ModuleList:
    """Make the layers of a gated PixelCNN; of positions in a row, dilated ones without a vertical stack."""
    return nn.ModuleList(
        [GatedLayer(width, condition_size, DILATIONS[i % len(DILATIONS)] if is_row else 0) for i in range(layers)]
    )


class RasterWalk:
    """Features of positions in raster order, each from those above and to the left: all at once, or in turn.

    Args:
        layers: gated ones.
        vertical, horizontal: what is added to the inputs of both stacks at each position, (1 or B, W, H, width).
        condition: of the gates, (B, n).
    """

    def __init__(
        self, layers: Iterable[nn.Module], vertical: Tensor, horizontal: Tensor, condition: Tensor | None = None
    ) -> None:
        self.layers = [cast(GatedLayer, layer) for layer in layers]
        self.vertical, self.horizontal, self.condition = vertical, horizontal, condition
        self.sides: tuple[int, int] = (horizontal.shape[-2], horizontal.shape[-1])

    def features(self, embedded: Tensor) -> Tensor:
        """Return the features (B, W, H, width) of embedded positions, each without itself and those after it."""
        links = self._vertical_links(embedded, 0, self.sides[0])
        return self._horizontal_features(embedded, links, self.horizontal)

    def fill(self, n: int, step: Callable[[Tensor, int], Tensor]) -> None:
        """Walk through the positions of n maps: ``step`` makes the embedding (n, W) of one from its features."""
        height, width = self.sides
        embedded = self.horizontal.new_zeros(n, self.horizontal.shape[1], height, width)
        for row in range(height):
            # A layer of the vertical stack sees one row further up: above those of all layers there is nothing to see.
            links = self._vertical_links(embedded, max(0, row - len(self.layers)), row + 1)
            for column in range(width):
                end = column + 1
                above = [None if link is None else link[:, :, -1:, :end] for link in links]
                start = self.horizontal[:, :, row : row + 1, :end]
                h = self._horizontal_features(embedded[:, :, row : row + 1, :end], above, start)
                embedded[:, :, row, column] = step(h[:, :, 0, column], row * width + column)

    def _vertical_links(self, embedded: Tensor, top: int, bottom: int) -> list[Tensor | None]:
        """Return what the vertical stack gives each horizontal layer, at the rows from ``top`` to ``bottom``."""
        v = F.pad(embedded, (0, 0, 1, 0))[:, :, top:bottom] + self.vertical[:, :, top:bottom]
        links = []
        for layer in self.layers:
            v, link = layer.vertical_step(v, self.condition)
            links.append(link)
        return links

    def _horizontal_features(self, embedded: Tensor, links: list[Tensor | None], start: Tensor) -> Tensor:
        """Return features (B, W, rows, columns) of embedded rows, each from the columns to the left and the links."""
        h = F.pad(embedded, (1, 0))[..., :-1] + start
        for layer, link in zip(self.layers, links, strict=True):
            h = layer.horizontal_step(h, link, self.condition)
        return h


class CausalConvolution(CausalNetwork):
    """Gated causal convolutions over an image, or dilated ones over a series: the PixelCNN on top of a decoder.

    Args:
        shape: of an example, (C, H, W) or (C, T).
        numbers: how many parameters an example has, the same for each position.
        context: channels of the context, whose maps have the example's sides.
        width: channels.
        layers: gated ones; each lets a position see one further row and column, or a dilated step of a series.

    >>> network = CausalConvolution((1, 4, 3), numbers=12, context=2, width=8, layers=2)
    >>> projected = network.project(torch.zeros(5, 2 * 12))
    >>> network(torch.zeros(5, 1, 4, 3), projected).shape
    torch.Size([5, 12])
    >>> network.roll_out(projected, lambda phi: (phi > 0).float()).shape
    torch.Size([5, 1, 4, 3])
    """

    def __init__(self, shape: Sequence[int], numbers: int, context: int, width: int, layers: int) -> None:
        super().__init__()
        if width < 1 or layers < 1:
            raise ValueError(f"a causal network needs a width and layers of at least 1, got {width} and {layers}")
        self.shape, (self.channels, *space) = tuple(shape), shape
        if len(space) not in (1, 2):
            size = "x".join(map(str, shape))
            raise ValueError(f"causal convolutions of examples of {size}: give images (C, H, W) or series (C, T)")
        self.element_shape = (self.channels, *[1] * len(space))
        self.sides = (1, space[0]) if len(space) == 1 else (space[0], space[1])
        self.embedding = nn.Conv2d(self.channels, width, 1)
        self.context = nn.Conv2d(context, 2 * width, 1)
        self.layers = gated_layers(width, layers, 0, is_row=len(space) == 1)
        self.out = nn.Conv2d(width, numbers // math.prod(space), 1)

    def project(self, context: Tensor) -> Tensor:
        maps = context.reshape(-1, self.context.in_channels, *self.sides)
        projected: Tensor = self.context(maps)
        return projected.reshape(*context.shape[:-1], *projected.shape[1:])

    def forward(self, x: Tensor, projected: Tensor) -> Tensor:
        # A missing value, NaN, is read as 0.
        embedded = self.embedding(x.nan_to_num(0.0).reshape(len(x), self.channels, *self.sides))
        h = self._walk(projected).features(embedded)
        return cast(Tensor, self.out(F.silu(h))).flatten(1)

    def roll_out(self, projected: Tensor, emit: Emitter) -> Tensor:
        values: list[Tensor] = []

        def step(h: Tensor, position: int) -> Tensor:
            values.append(emit(self.out(F.silu(h[..., None, None]))[..., 0, 0]))
            return cast(Tensor, self.embedding(values[-1][..., None, None])[..., 0, 0])

        self._walk(projected).fill(len(projected), step)
        return torch.stack(values, -1).reshape(-1, *self.shape)

    def _walk(self, projected: Tensor) -> RasterWalk:
        return RasterWalk(self.layers, *projected.chunk(2, 1))
