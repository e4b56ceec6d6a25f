"""Networks down and up a pyramid of sizes: from the data's shape to numbers, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from elbowroom import errors
from elbowroom.networks.blocks import (
    NETWORKS,
    LinearOrConv,
    convolution,
    fuse_upsampling_kernel,
    group_norm,
    to_channels_last,
    upsample_and_convolve,
)
from elbowroom.networks.inputs import concatenate_inputs, input_layers, normalize_shapes

#: Channels of the finest level and of the widest, by the name of a size.
SIZES: dict[str, tuple[int, int]] = {"s": (16, 128), "m": (32, 256), "l": (64, 512)}
#: The longest side at which a pyramid of default widths ends.
MAX_TOP_SIDE = 4


class Pyramid:
    """The sizes and channels that a shape asks for.

    Every level halves each side, rounded up, so that any size will do. Without widths there are as many levels as bring
    the longest side to four, and channels double from one to the next. A list of numbers has no sides: its two levels
    are layers of eight times the channels.

    Args:
        shape: (C, H, W), (C, T) or (D,).
        size: a name in :data:`SIZES`.
        widths: channels of the levels instead, the finest first; there are as many levels as widths.
        network: a name in :data:`NETWORKS`.

    Raises:
        ValueError: no shape of these, an unknown size or network, no width or one below 1.

    >>> pyramid = Pyramid((1, 45, 37), "s")
    >>> pyramid.sizes, pyramid.widths
    ([(45, 37), (23, 19), (12, 10), (6, 5), (3, 3)], (16, 32, 64, 128))
    """

    def __init__(
        self, shape: Sequence[int], size: str = "m", widths: Sequence[int] | None = None, network: str = "plain"
    ) -> None:
        self.channels, *space = shape
        if len(space) > 2:
            raise ValueError(f"a network for examples of shape {tuple(shape)}: expected (C, H, W), (C, T) or (D,)")
        if size not in SIZES:
            raise errors.unknown_name("size", size, SIZES)
        if network not in NETWORKS:
            raise errors.unknown_name("network", network, NETWORKS)
        self.dims, self.make_block = len(space), NETWORKS[network]
        self.widths = tuple(_default_widths(space, *SIZES[size]) if widths is None else widths)
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths must be at least 1, and one for each level, got {self.widths}")
        self.sizes = [tuple(space)]
        for _ in self.widths:
            self.sizes.append(tuple(-(-side // 2) for side in self.sizes[-1]))


def _default_widths(space: Sequence[int], min_width: int, max_width: int) -> list[int]:
    if not space:
        return [8 * min_width] * 2
    levels = max(1, math.ceil(math.log2(max(space) / MAX_TOP_SIDE)))
    return [min(min_width * 2**level, max_width) for level in range(levels)]


class Down(nn.Module):
    """From examples of one shape to ``size`` numbers: a convolution of stride 2 for every level of its pyramid.

    Args:
        shape: of the first input, (C, H, W), (C, T) or (D,), of any size; a table's row makes its cells :class:`Cells`.
        *others: shapes of further inputs, which are joined where the first has become numbers.
        numbers: how many come out.
        **pyramid: as :class:`Pyramid` takes them.

    >>> import torch
    >>> Down((1, 45, 37), numbers=4, widths=(8, 16))(torch.zeros(5, 1, 45, 37)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self,
        shape: Sequence[int],
        *other_shapes: int | Sequence[int],
        numbers: int,
        size: str = "m",
        widths: Sequence[int] | None = None,
        network: str = "plain",
    ) -> None:
        super().__init__()
        self.pyramid = to = Pyramid(normalize_shapes([shape])[0], size, widths, network)
        (self.input_layer,) = input_layers([shape])
        self.levels = nn.ModuleList()
        for inputs, outputs in pairwise((to.channels, *to.widths)):
            # The first level sees how bright a picture is; after normalisation nobody would.
            first = [] if not self.levels else [group_norm(outputs)]
            halve = convolution(inputs, outputs, to.dims, stride=2)
            self.levels.append(nn.Sequential(halve, *first, nn.SiLU(), to.make_block(outputs, to.dims)))
        self.shapes = [(to.widths[-1] * math.prod(to.sizes[-1]),), *normalize_shapes(other_shapes)]
        self.head = nn.Linear(sum(map(math.prod, self.shapes)), numbers)

    def features(self, x: Tensor) -> list[Tensor]:
        """What every level makes of (B, *shape), the finest first: (B, widths[i], *sizes[i + 1])."""
        found = [to_channels_last(self.input_layer(x))]
        for level in self.levels:
            found.append(level(found[-1]))
        return found[1:]

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """(..., *shape), and what else there is, to (..., numbers); leading dimensions broadcast."""
        lead = x.shape[: x.dim() - self.pyramid.dims - 1]
        top = self.features(x.reshape(-1, *x.shape[len(lead) :]))[-1]
        return self.head(concatenate_inputs((top.reshape(*lead, -1), *others), self.shapes))


class UpsamplingLevel(nn.Sequential):
    """A convolution over features repeated to a larger size, and what comes after it."""

    def forward(self, h: Tensor, size: tuple[int, ...]) -> Tensor:  # type: ignore[override]
        layer, *rest = self
        h = upsample_and_convolve(cast(LinearOrConv, layer), h, size)
        for module in rest:
            h = module(h)
        return h


class Up(nn.Module):
    """From numbers to some for each element of an example, through the sizes that :class:`Down` comes through.

    Each level repeats the places of the one above and convolves. A transposed convolution of stride 2 reaches some
    places more often than others and leaves a checkerboard; here all are reached alike (Odena, Dumoulin & Olah 2016,
    doi 10.23915/distill.00003).

    Args:
        *inputs: the shape of each input; several are flattened and joined.
        shape: of the examples, (C, H, W), (C, T) or (D,), of any size.
        numbers: how many come out, for each place in space as many; as (..., *space), flattened.
        **pyramid: as :class:`Pyramid` takes them, the finest level first as for :class:`Down`.

    >>> import torch
    >>> Up(4, shape=(1, 45, 37), numbers=2 * 45 * 37, widths=(8, 16))(torch.zeros(5, 4)).shape
    torch.Size([5, 3330])
    """

    def __init__(
        self,
        *input_shapes: int | Sequence[int],
        shape: Sequence[int],
        numbers: int,
        size: str = "m",
        widths: Sequence[int] | None = None,
        network: str = "plain",
    ) -> None:
        super().__init__()
        self.pyramid = to = Pyramid(shape, size, widths, network)
        self.shapes, top = normalize_shapes(input_shapes), to.widths[-1]
        self.foot = nn.Linear(sum(map(math.prod, self.shapes)), top * math.prod(to.sizes[-1]))
        self.start = nn.Sequential(nn.SiLU(), to.make_block(top, to.dims))
        self.levels = nn.ModuleList(
            UpsamplingLevel(convolution(a, b, to.dims), group_norm(b), nn.SiLU(), to.make_block(b, to.dims))
            for a, b in pairwise(to.widths[::-1])
        )
        self.out = convolution(to.widths[0], numbers // math.prod(to.sizes[0]), to.dims)

    def forward(self, *inputs: Tensor) -> Tensor:
        """(..., *shape) of each input to (..., numbers); leading dimensions broadcast."""
        flat, to = concatenate_inputs(inputs, self.shapes), self.pyramid
        h = self.start(to_channels_last(self.foot(flat).reshape(-1, to.widths[-1], *to.sizes[-1])))
        *sizes, size = to.sizes[-2::-1]
        for level, between in zip(self.levels, sizes, strict=True):
            h = level(h, between)
        return upsample_and_convolve(self.out, h, size).reshape(*flat.shape[:-1], -1)


def fuse_upsampling(model: nn.Module) -> None:
    """Add the kernels of all growing layers once and for all, where nobody will change the weights any more.

    To decode one picture at 64x64 takes a quarter as long then.

    >>> import torch
    >>> up, z = Up(4, shape=(1, 8, 8), numbers=64, widths=(8, 16)), torch.ones(1, 4)
    >>> before = up(z)
    >>> fuse_upsampling(up)
    >>> torch.equal(up(z), before)
    True
    """
    for module in model.modules():
        layer = module.out if isinstance(module, Up) else module[0] if isinstance(module, UpsamplingLevel) else None
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            layer.fused_kernel = to_channels_last(fuse_upsampling_kernel(layer.weight).detach())
