"""Building blocks of the networks in :mod:`conv`, for zero, one or two dimensions of space."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.registry import Registry

#: Makes the block of a level: from channels and dimensions of space to a module that keeps the shape.
BlockFactory = Callable[[int, int], nn.Module]

#: A linear map with weights and a bias, over space or without it.
LinearOrConv = nn.Linear | nn.Conv1d | nn.Conv2d


class Upsampling(ABC):
    """A module with a convolution after an upsampling, both of which :func:`upsample_and_convolve` computes as one."""

    @property
    @abstractmethod
    def upsampling_layer(self) -> LinearOrConv:
        """The convolution."""


def convolution(
    inputs: int, outputs: int, dims: int, kernel: int = 3, stride: int = 1, padding: int | None = None
) -> LinearOrConv:
    """Make a convolution that keeps the size, or with stride 2 halves it, rounding up; without space, a linear map."""
    if dims == 0:
        return nn.Linear(inputs, outputs)
    padding = kernel // 2 if padding is None else padding
    return (nn.Conv1d, nn.Conv2d)[dims - 1](inputs, outputs, kernel, stride, padding)


def group_norm(width: int) -> nn.GroupNorm:
    """Make a group normalisation with up to eight groups of channels; it does not depend on the rest of the batch.

    A group has at least four channels, so that its output is not constant where the space is a single position.
    """
    return nn.GroupNorm(math.gcd(8, width // 4) if width % 4 == 0 else 1, width)


def upsample(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Upsample (B, C, *half) to (B, C, *size) by repetition (nearest neighbour)."""
    return F.interpolate(x, size) if size else x


def upsample_and_convolve(layer: LinearOrConv, x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Compute ``layer(upsample(x, size))``, at less cost where every side doubles.

    The copies of a position are equal, so the weights that apply to them can be added beforehand: a transposed
    convolution of stride 2 with the kernel of :func:`fuse_upsampling_kernel` is the same map, with four ninths of the
    multiplications in two dimensions and without the upsampled intermediate.
    """
    if not size or size != tuple(2 * half for half in x.shape[2:]):
        return cast(Tensor, layer(upsample(x, size)))
    transposed = (F.conv_transpose1d, F.conv_transpose2d)[len(size) - 1]
    kernel: Tensor | None = getattr(layer, "fused_kernel", None)
    if kernel is None:
        kernel = fuse_upsampling_kernel(layer.weight)
    return transposed(x, kernel, layer.bias, stride=2, padding=1)


def fuse_upsampling_kernel(kernel: Tensor) -> Tensor:
    """Sum a convolution's kernel, (O, I, 3) or (O, I, 3, 3), to the transposed one of :func:`upsample_and_convolve`.

    Its shape is (I, O, 4) or (I, O, 4, 4).
    """
    dims = kernel.dim() - 2
    pool = (F.avg_pool1d, F.avg_pool2d)[dims - 1]
    mirrored = F.pad(kernel.flip(tuple(range(2, 2 + dims))), (1, 1) * dims)
    kernel_sum: Tensor = 2**dims * pool(mirrored, 2, stride=1).transpose(0, 1)
    return kernel_sum


def to_channels_last(x: Tensor) -> Tensor:
    """Store images in the channels-last memory format, the fastest for convolutions."""
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


class Residual(nn.Module):
    """A pre-activation residual block: two convolutions, each after normalisation and activation, and a skip.

    He et al. 2016, arXiv 1603.05027. With ``inner`` channels there are four convolutions, the outer ones of kernel 1:
    the bottleneck of Child 2021, arXiv 2011.10650.

    Args:
        width: channels.
        dims: of space.
        inner: channels inside; ``width`` if not given.
        gain: factor on the initial weights of the last convolution, so that a deep stack starts near the identity.

    >>> Residual(8, 2, inner=2)(torch.zeros(3, 8, 5, 7)).shape
    torch.Size([3, 8, 5, 7])
    """

    def __init__(self, width: int, dims: int, inner: int | None = None, gain: float = 0.5) -> None:
        super().__init__()
        kernels = (3, 3) if inner is None else (1, 3, 3, 1)
        channels = (width, *[inner or width] * (len(kernels) - 1), width)
        layers: list[nn.Module] = []
        for (a, b), kernel in zip(pairwise(channels), kernels, strict=True):
            layers += [group_norm(a), nn.SiLU(), last := convolution(a, b, dims, kernel)]
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        last.weight.data.mul_(gain)
        self.change = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.change(x)
        return x + change


class SqueezeExcitation(nn.Module):
    """Channels weighted by a gate of their means over space: Hu, Shen & Sun 2018, arXiv 1709.01507."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(4, width // 16)
        self.gate = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(x.flatten(2).mean(-1) if x.dim() > 2 else x)
        return x * gate.reshape(*gate.shape, *[1] * (x.dim() - 2))


class DepthwiseCell(nn.Module):
    """The generative residual cell of NVAE: a depthwise convolution of kernel 5 between expanded channels, and a gate.

    Vahdat & Kautz 2020, arXiv 2007.03898. Deviation: group normalisation, so that an example's bound does not depend on
    the rest of the batch, in training or evaluation.

    Args:
        width: channels.
        dims: of space.
        gain: factor on the initial weights of the last convolution.
        expansion: the channels inside, relative to ``width``.

    >>> DepthwiseCell(8, 2)(torch.zeros(3, 8, 5, 7)).shape
    torch.Size([3, 8, 5, 7])
    """

    def __init__(self, width: int, dims: int, gain: float = 0.5, expansion: int = 3) -> None:
        super().__init__()
        inner = expansion * width
        last = convolution(inner, width, dims, kernel=1)
        last.weight.data.mul_(gain)
        self.change = nn.Sequential(
            group_norm(width),
            convolution(width, inner, dims, kernel=1),
            group_norm(inner),
            nn.SiLU(),
            _depthwise(inner, dims),
            group_norm(inner),
            nn.SiLU(),
            last,
            SqueezeExcitation(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.change(x)
        return x + change


def _depthwise(width: int, dims: int) -> nn.Module:
    """Make a convolution of kernel 5 of each channel by itself; nothing without space."""
    if dims == 0:
        return nn.Identity()
    return (nn.Conv1d, nn.Conv2d)[dims - 1](width, width, 5, padding=2, groups=width)


#: The blocks by the name of their network.
BLOCKS: Registry[BlockFactory] = Registry("network", renamed={"plain": "conv"})


def no_block(width: int, dims: int) -> nn.Module:
    """Convolutions: one of stride 2 for each level, and no block."""
    return nn.Identity()


def residual_block(width: int, dims: int) -> nn.Module:
    """Convolutions with a residual block at each level (He et al. 2016, arXiv 1603.05027)."""
    return Residual(width, dims)


def deep_block(width: int, dims: int) -> nn.Module:
    """Convolutions with four bottleneck blocks at each level (Child 2021, arXiv 2011.10650)."""
    return nn.Sequential(*(Residual(width, dims, max(1, width // 4), gain=0.25) for _ in range(4)))


BLOCKS.add("conv", no_block)
BLOCKS.add("residual", residual_block)
BLOCKS.add("deep", deep_block)
