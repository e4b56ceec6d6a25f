"""Ends of networks whose latent is a map: a dense layer for vectors, and the order of a quantizer's positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.networks.blocks import to_channels_last
from elbowroom.networks.inputs import concatenate_inputs, normalize_shapes


class MapToVector(nn.Module):
    """A network to a map, and a dense layer from that, and further inputs, to a vector.

    Args:
        net: from examples to a map, flattened.
        map_shape: the map's.
        *other_shapes: of further inputs.
        numbers: the number of outputs.
    """

    def __init__(
        self, net: nn.Module, map_shape: Sequence[int], *other_shapes: int | Sequence[int], numbers: int
    ) -> None:
        super().__init__()
        self.net, self.shapes = net, [(math.prod(map_shape),), *normalize_shapes(other_shapes)]
        self.dense = nn.Linear(sum(map(math.prod, self.shapes)), numbers)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Map (..., *shape) and further inputs to (..., numbers); leading dimensions broadcast."""
        output: Tensor = self.dense(concatenate_inputs((self.net(x), *others), self.shapes))
        return output


class VectorToMap(nn.Module):
    """A dense layer from one or several inputs to a map, and a network from that.

    Args:
        net: from maps to the parameters of an example.
        map_shape: the map's.
        *input_shapes: of the inputs, which are flattened and concatenated.
    """

    def __init__(self, net: nn.Module, map_shape: Sequence[int], *input_shapes: int | Sequence[int]) -> None:
        super().__init__()
        self.map_shape, self.shapes = tuple(map_shape), normalize_shapes(input_shapes)
        self.dense = nn.Linear(sum(map(math.prod, self.shapes)), math.prod(map_shape))
        self.net = net

    def forward(self, *inputs: Tensor) -> Tensor:
        """Map (..., *shape) of each input to (..., numbers); leading dimensions broadcast."""
        h: Tensor = self.dense(concatenate_inputs(inputs, self.shapes))
        output: Tensor = self.net(torch.unflatten(h, -1, self.map_shape))
        return output


class MapToPositions(nn.Module):
    """A network to a map, whose numbers are put in the order of its positions: (C, *space) to (P, C), flattened.

    Args:
        net: from examples, and further inputs, to a map, flattened.
        space: the map's sides; its P positions are in raster order.
    """

    def __init__(self, net: nn.Module, space: Sequence[int]) -> None:
        super().__init__()
        self.net, self.positions = net, math.prod(space)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        output: Tensor = self.net(x, *others)
        return torch.unflatten(output, -1, (-1, self.positions)).mT.flatten(-2)


class PositionsToMap(nn.Module):
    """A network from a map, which is given as its positions: (..., P, C) to (..., C, *space).

    Args:
        net: from a map, and further inputs.
        space: the map's sides; its P positions are in raster order.
    """

    def __init__(self, net: nn.Module, space: Sequence[int]) -> None:
        super().__init__()
        self.net, self.space = net, tuple(space)

    def forward(self, z: Tensor, *others: Tensor) -> Tensor:
        output: Tensor = self.net(to_channels_last(torch.unflatten(z.mT, -1, self.space)), *others)
        return output
