"""Networks of convolutions to and from maps; dense layers next to maps; maps as the positions of a quantizer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.networks.blocks import convolution, to_channels_last
from elbowroom.networks.conv import DownLevels, Pyramid, UpLevels
from elbowroom.networks.inputs import append_channels, apply_to_maps, concatenate_inputs, normalize_shapes


class DownToMap(DownLevels):
    """A network from examples of one shape to a map of numbers: the levels of :class:`Down`, and a convolution.

    Args:
        shape: of the first input, (C, H, W) or (C, T), of any size.
        *other_shapes: of further inputs, which are channels of equal numbers beside the features of the last level.
        numbers: the number of outputs, the same for each position of the last level.
        levels: how often sides halve, rounding up.
        size, widths, network: as :class:`Pyramid` takes them.

    >>> import torch
    >>> DownToMap((1, 45, 37), numbers=4 * 12 * 10, levels=2, size="s")(torch.zeros(5, 1, 45, 37)).shape
    torch.Size([5, 480])
    """

    def __init__(
        self,
        shape: Sequence[int],
        *other_shapes: int | Sequence[int],
        numbers: int,
        levels: int,
        size: str = "m",
        widths: Sequence[int] | None = None,
        network: str = "conv",
    ) -> None:
        pyramid = Pyramid(normalize_shapes([shape])[0], size, widths, network, levels)
        super().__init__(shape, pyramid)
        self.other_shapes = normalize_shapes(other_shapes)
        inputs = pyramid.widths[-1] + sum(map(math.prod, self.other_shapes))
        self.head = convolution(inputs, numbers // math.prod(pyramid.sizes[-1]), pyramid.dims)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Map (..., *shape) and further inputs to (..., numbers), a map flattened; leading dimensions broadcast."""
        dims = self.pyramid.dims
        h = append_channels(self.top_features(x), others, self.other_shapes, dims)
        return apply_to_maps(self.head, h, dims).flatten(-dims - 1)


class UpFromMap(UpLevels):
    """A network from maps to parameters for each element of an example: a convolution, and the levels of :class:`Up`.

    Args:
        channels: of the map, whose sides are those of the coarsest level.
        *other_shapes: of further inputs, which are channels of equal numbers beside those of the map.
        shape: of the examples, (C, H, W) or (C, T), of any size.
        numbers: the number of outputs, the same for each position in space; as (..., *space), flattened.
        levels: how often sides double.
        size, widths, network: as :class:`Pyramid` takes them, the finest level first as for :class:`Down`.

    >>> import torch
    >>> up = UpFromMap(4, shape=(1, 45, 37), numbers=45 * 37, levels=2, size="s")
    >>> up(torch.zeros(5, 4, 12, 10)).shape
    torch.Size([5, 1665])
    """

    def __init__(
        self,
        channels: int,
        *other_shapes: int | Sequence[int],
        shape: Sequence[int],
        numbers: int,
        levels: int,
        size: str = "m",
        widths: Sequence[int] | None = None,
        network: str = "conv",
    ) -> None:
        pyramid, shapes = Pyramid(shape, size, widths, network, levels), normalize_shapes(other_shapes)
        foot = convolution(channels + sum(map(math.prod, shapes)), pyramid.widths[-1], pyramid.dims)
        super().__init__(foot, pyramid, numbers)
        self.other_shapes = shapes

    def forward(self, z: Tensor, *others: Tensor) -> Tensor:
        """Map (..., C, *sides) and further inputs to (..., numbers); leading dimensions broadcast."""
        dims = self.pyramid.dims
        h = append_channels(z, others, self.other_shapes, dims)
        return apply_to_maps(lambda flat: self.rise(self.foot(to_channels_last(flat))), h, dims).flatten(-dims - 1)


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
