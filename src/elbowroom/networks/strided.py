"""Stacks of strided convolutions, without normalization: those of PyTorch-VAE with theirs folded into the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from elbowroom.networks.inputs import apply_to_maps

#: Slope of the leaky ReLU below 0, torch's default.
NEGATIVE_SLOPE = 0.01


def strided_sides(shape: Sequence[int], n_levels: int) -> tuple[int, int]:
    """Return the sides of the coarsest map of images (C, H, W): each level halves them, rounded up.

    >>> strided_sides((3, 64, 64), 5)
    (2, 2)
    """
    height, width = shape[1:]
    return math.ceil(height / 2**n_levels), math.ceil(width / 2**n_levels)


class StridedEncoder(nn.Module):
    """Convolutions of kernel 3 and stride 2 with leaky ReLUs, then an affine map: (..., C, H, W) to (..., numbers).

    Args:
        shape: of an example, (C, H, W).
        numbers: how many come out.
        widths: channels of the levels, the finest first.
    """

    def __init__(self, shape: Sequence[int], numbers: int, widths: Sequence[int]) -> None:
        super().__init__()
        pairs = pairwise((shape[0], *widths))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.head = nn.Linear(widths[-1] * math.prod(strided_sides(shape, len(widths))), numbers)

    def forward(self, x: Tensor) -> Tensor:
        return apply_to_maps(self._encode, x, 2)

    def _encode(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = nn.functional.leaky_relu(conv(x), NEGATIVE_SLOPE)
        output: Tensor = self.head(x.flatten(1))
        return output


class StridedDecoder(nn.Module):
    """An affine map, transposed convolutions of stride 2 with leaky ReLUs and a last convolution, cropped to the image.

    Args:
        latent: size of z.
        shape: of an example, (C, H, W).
        per_element: how many numbers come out for each of its elements.
        widths: channels of the levels, the finest first, as those of :class:`StridedEncoder`.
    """

    def __init__(self, latent: int, shape: Sequence[int], per_element: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.shape, self.map_shape = tuple(shape), (widths[-1], *strided_sides(shape, len(widths)))
        self.stem = nn.Linear(latent, math.prod(self.map_shape))
        pairs = pairwise((*reversed(widths), widths[0]))
        self.convs = nn.ModuleList(nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1) for a, b in pairs)
        self.head = nn.Conv2d(widths[0], per_element * shape[0], 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.stem(z).reshape(-1, *self.map_shape)
        for conv in self.convs:
            x = nn.functional.leaky_relu(conv(x), NEGATIVE_SLOPE)
        x = self.head(x)[..., : self.shape[1], : self.shape[2]]
        numbers: Tensor = x.reshape(*z.shape[:-1], -1)
        return numbers


def fold_normalization(
    weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, is_transposed: bool
) -> tuple[Tensor, Tensor]:
    r"""Return the weights and biases of a convolution with the batch normalization after it, in evaluation, folded in.

    .. math:: w' = w \, \gamma / \sqrt{v + \epsilon}, \quad b' = (b - m) \, \gamma / \sqrt{v + \epsilon} + \beta

    >>> import torch
    >>> conv, norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3).eval()
    >>> _ = norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
    >>> x, folded = torch.randn(1, 2, 5, 5), nn.Conv2d(2, 3, 3)
    >>> parts = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    >>> new_weight, new_bias = fold_normalization(conv.weight, conv.bias, *parts, is_transposed=False)
    >>> torch.nn.functional.conv2d(x, new_weight, new_bias).allclose(norm(conv(x)), atol=1e-5)
    True
    """
    factor = scale / (variance + nn.BatchNorm2d(1).eps).sqrt()
    channels = (None, slice(None), None, None) if is_transposed else (slice(None), None, None, None)
    return weight * factor[channels], (bias - mean) * factor + shift
