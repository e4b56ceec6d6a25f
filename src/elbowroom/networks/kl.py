"""The network of the autoencoders of latent diffusion, with the structure and parameter names of diffusers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.networks.blocks import LinearOrConv, Upsampling, convolution, to_channels_last, upsample_and_convolve
from elbowroom.networks.inputs import append_channels, apply_to_maps, input_layers, normalize_shapes
from elbowroom.networks.map_sizes import sizes_above

#: The most groups that channels are normalised in.
MAX_GROUPS = 32
#: Added to the variance of a group.
NORM_EPSILON = 1e-6


@dataclass(frozen=True)
class KLStructure:
    """What the encoder and the decoder of an autoencoder share; in parentheses the names of diffusers.

    Attributes:
        widths: channels of each size, the finest first (``block_out_channels``); sides halve once less.
        layers: residual blocks at each size, and one more in the decoder (``layers_per_block``).
        groups: in which channels are normalised (``norm_num_groups``); by default up to 32, of at least four channels.
        attention: whether there is self-attention in the middle (``mid_block_add_attention``).
        quant_conv: whether there are convolutions of kernel 1 at the latent (``use_quant_conv``,
            ``use_post_quant_conv``).

    Raises:
        ValueError: no width, no layer, no group, or groups that do not divide the widths.

    >>> KLStructure((128, 256, 512, 512)).norm_groups, KLStructure((16, 32)).norm_groups
    (32, 4)
    """

    widths: tuple[int, ...]
    layers: int = 2
    groups: int | None = None
    attention: bool = True
    quant_conv: bool = True

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1 or self.layers < 1:
            raise ValueError(f"widths {self.widths} with {self.layers} layers: give numbers of at least 1")
        if self.norm_groups < 1:
            raise ValueError(f"channels are normalised in at least 1 group, got {self.groups}")
        if any(width % self.norm_groups for width in self.widths):
            raise ValueError(
                f"{self.groups} groups do not divide the channels {self.widths}: give a number that divides each"
            )

    @property
    def norm_groups(self) -> int:
        """The number of groups that channels are normalised in."""
        if self.groups is not None:
            return self.groups
        return 1 if any(width % 4 for width in self.widths) else math.gcd(MAX_GROUPS, *(w // 4 for w in self.widths))

    def sizes(self, space: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the sides of every size for examples with these: halved, rounding up.

        >>> KLStructure((16, 32, 32)).sizes((45, 32))
        [(45, 32), (23, 16), (12, 8)]
        """
        return [tuple(-(-side // 2**level) for side in space) for level in range(len(self.widths))]


class KLResnet(nn.Module):
    """A residual block of two convolutions, each after normalisation and SiLU, which may change the channels."""

    def __init__(self, inputs: int, outputs: int, groups: int, dims: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(inputs, groups), convolution(inputs, outputs, dims)
        self.norm2, self.conv2 = _norm(outputs, groups), convolution(outputs, outputs, dims)
        self.conv_shortcut = nn.Identity() if inputs == outputs else convolution(inputs, outputs, dims, kernel=1)

    def forward(self, h: Tensor) -> Tensor:
        change = self.conv1(F.silu(self.norm1(h)))
        change = self.conv2(F.silu(self.norm2(change)))
        output: Tensor = self.conv_shortcut(h) + change
        return output


class KLAttention(nn.Module):
    """Self-attention over all positions of (B, C, *space), with one head, after normalisation, and a skip.

    Vaswani et al. 2017, arXiv 1706.03762.
    """

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.group_norm = _norm(width, groups)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, h: Tensor) -> Tensor:
        positions = self.group_norm(h).flatten(2).mT[:, None]  # (B, heads, P, C), the one shape that ONNX takes
        attended = F.scaled_dot_product_attention(self.to_q(positions), self.to_k(positions), self.to_v(positions))
        change: Tensor = self.to_out[0](attended)
        return h + change.mT.reshape(h.shape)


class KLMiddle(nn.Module):
    """The coarsest size: a residual block, self-attention where there is space, and a residual block."""

    def __init__(self, structure: KLStructure, dims: int) -> None:
        super().__init__()
        width, groups = structure.widths[-1], structure.norm_groups
        attentions = [KLAttention(width, groups)] if structure.attention and dims else []
        self.attentions = nn.ModuleList(attentions)
        self.resnets = nn.ModuleList(KLResnet(width, width, groups, dims) for _ in range(2))

    def forward(self, h: Tensor) -> Tensor:
        first, last = self.resnets
        h = first(h)
        for attention in self.attentions:
            h = attention(h)
        output: Tensor = last(h)
        return output


class KLDownsampler(nn.Module):
    """A convolution of stride 2, padded on the right and below alone: by one where a side is even, else by two."""

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        self.conv = convolution(width, width, dims, stride=2, padding=0)

    def forward(self, h: Tensor) -> Tensor:
        padding = [n for side in reversed(h.shape[2:]) for n in (0, 1 + side % 2)]
        output: Tensor = self.conv(F.pad(h, padding))
        return output


class KLUpsampler(nn.Module, Upsampling):
    """Upsampling by repetition, and a convolution."""

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        self.conv = convolution(width, width, dims)

    @property
    def upsampling_layer(self) -> LinearOrConv:
        return self.conv

    def forward(self, h: Tensor, size: tuple[int, ...]) -> Tensor:
        return upsample_and_convolve(self.conv, h, size)


class KLDownBlock(nn.Module):
    """One size downwards: residual blocks, and then a halving, except at the coarsest."""

    def __init__(self, inputs: int, outputs: int, structure: KLStructure, dims: int, is_last: bool) -> None:
        super().__init__()
        self.resnets = _resnets(inputs, outputs, structure.layers, structure.norm_groups, dims)
        self.downsamplers = nn.ModuleList([] if is_last else [KLDownsampler(outputs, dims)])

    def forward(self, h: Tensor) -> Tensor:
        for module in (*self.resnets, *self.downsamplers):
            h = module(h)
        return h


class KLUpBlock(nn.Module):
    """One size upwards: residual blocks, and then a doubling, except at the finest."""

    def __init__(self, inputs: int, outputs: int, structure: KLStructure, dims: int, is_last: bool) -> None:
        super().__init__()
        self.resnets = _resnets(inputs, outputs, structure.layers + 1, structure.norm_groups, dims)
        self.upsamplers = nn.ModuleList([] if is_last else [KLUpsampler(outputs, dims)])

    def forward(self, h: Tensor, next_size: tuple[int, ...]) -> Tensor:
        """Map (B, inputs, *size) to (B, outputs, *next_size)."""
        for resnet in self.resnets:
            h = resnet(h)
        for upsampler in self.upsamplers:
            h = upsampler(h, next_size)
        return h


class KLEncoder(nn.Module):
    """The encoder of an autoencoder for latent diffusion: from examples in [0, 1] to a map of numbers.

    Residual blocks at each size, between them convolutions of stride 2; attention at the coarsest. Rombach et al. 2022,
    arXiv 2112.10752; structure and names of parameters are those of ``diffusers.AutoencoderKL``. The network takes
    2x − 1, as pixels are in [−1, 1] there: the zeros beyond the border are a mid-grey.

    Deviations: sides of odd length are halved rounding up, where diffusers rounds down and its decoder returns a
    smaller image; further inputs, if any, are channels beside those of the last convolution's inputs. Log-variances
    are not clamped to [−30, 20], which :class:`elbowroom.distributions.Normal` explains.

    Args:
        shape: of the first input, (C, H, W) or (C, T); also (D,) or a table's row, which have no sides to halve.
        *other_shapes: of further inputs, such as labels.
        numbers: the number of outputs, the same for each position of the coarsest size.
        structure: sizes and layers.

    >>> import torch
    >>> encoder = KLEncoder((3, 16, 8), numbers=2 * 4 * 8 * 4, structure=KLStructure((8, 16)))
    >>> encoder(torch.rand(5, 3, 16, 8)).shape
    torch.Size([5, 256])
    """

    def __init__(
        self, shape: Sequence[int], *other_shapes: int | Sequence[int], numbers: int, structure: KLStructure
    ) -> None:
        super().__init__()
        (channels, *space), self.other_shapes = normalize_shapes([shape])[0], normalize_shapes(other_shapes)
        self.structure, self.dims, widths = structure, len(space), structure.widths
        (self.input_layer,) = input_layers([shape])
        self.conv_in = convolution(channels, widths[0], self.dims)
        self.down_blocks = nn.ModuleList(
            KLDownBlock(a, b, structure, self.dims, is_last=i == len(widths) - 1)
            for i, (a, b) in enumerate(pairwise((widths[0], *widths)))
        )
        self.mid_block = KLMiddle(structure, self.dims)
        self.conv_norm_out = _norm(widths[-1], structure.norm_groups)
        outputs = numbers // math.prod(structure.sizes(space)[-1])
        self.conv_out = convolution(widths[-1] + sum(map(math.prod, self.other_shapes)), outputs, self.dims)
        self.quant_conv = _quant_conv(outputs, structure, self.dims)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Map (..., *shape) and further inputs to (..., numbers), a map flattened; leading dimensions broadcast."""
        h = append_channels(apply_to_maps(self._features, x, self.dims), others, self.other_shapes, self.dims)
        return apply_to_maps(lambda flat: self.quant_conv(self.conv_out(flat)), h, self.dims).flatten(-self.dims - 1)

    def _features(self, x: Tensor) -> Tensor:
        h = self.conv_in(to_channels_last(2 * self.input_layer(x) - 1))
        for block in self.down_blocks:
            h = block(h)
        return F.silu(self.conv_norm_out(self.mid_block(h)))


class KLDecoder(nn.Module):
    """The decoder of an autoencoder for latent diffusion: from a map to parameters for each element of an example.

    The mirror of :class:`KLEncoder`, with one more residual block at each size.

    Args:
        channels: of the map, whose sides are those of the coarsest size.
        *other_shapes: of further inputs, which are channels of equal numbers beside those of the map.
        shape: of the examples, as for :class:`KLEncoder`.
        numbers: the number of outputs, the same for each position in space; as (..., *space), flattened.
        structure: sizes and layers.

    >>> import torch
    >>> decoder = KLDecoder(4, shape=(3, 16, 8), numbers=3 * 16 * 8, structure=KLStructure((8, 16)))
    >>> decoder(torch.zeros(5, 4, 8, 4)).shape
    torch.Size([5, 384])
    """

    def __init__(
        self,
        channels: int,
        *other_shapes: int | Sequence[int],
        shape: Sequence[int],
        numbers: int,
        structure: KLStructure,
    ) -> None:
        super().__init__()
        self.other_shapes, space = normalize_shapes(other_shapes), tuple(shape[1:])
        self.structure, self.dims, widths = structure, len(space), structure.widths[::-1]
        self.sizes = structure.sizes(space)
        channels += sum(map(math.prod, self.other_shapes))
        self.post_quant_conv = _quant_conv(channels, structure, self.dims)
        self.conv_in = convolution(channels, widths[0], self.dims)
        self.mid_block = KLMiddle(structure, self.dims)
        self.up_blocks = nn.ModuleList(
            KLUpBlock(a, b, structure, self.dims, is_last=i == len(widths) - 1)
            for i, (a, b) in enumerate(pairwise((widths[0], *widths)))
        )
        self.conv_norm_out = _norm(widths[-1], structure.norm_groups)
        self.conv_out = convolution(widths[-1], numbers // math.prod(space), self.dims)

    def forward(self, z: Tensor, *others: Tensor) -> Tensor:
        """Map (..., C, *sides) and further inputs to (..., numbers); leading dimensions broadcast.

        A map of other sides gives an example of other sides, as it is a network of convolutions.
        """
        h = append_channels(z, others, self.other_shapes, self.dims)
        return apply_to_maps(self._decode, h, self.dims).flatten(-self.dims - 1)

    def _decode(self, z: Tensor) -> Tensor:
        h = self.mid_block(self.conv_in(self.post_quant_conv(to_channels_last(z))))
        sizes = sizes_above(z.shape[2:], self.sizes)
        for block, next_size in zip(self.up_blocks, (*sizes, ()), strict=True):  # the finest block keeps its size
            h = block(h, next_size)
        output: Tensor = self.conv_out(F.silu(self.conv_norm_out(h)))
        return output


def _norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, NORM_EPSILON)


def _resnets(inputs: int, outputs: int, layers: int, groups: int, dims: int) -> nn.ModuleList:
    channels = pairwise((inputs, *[outputs] * layers))
    return nn.ModuleList(KLResnet(a, b, groups, dims) for a, b in channels)


def _quant_conv(channels: int, structure: KLStructure, dims: int) -> nn.Module:
    return convolution(channels, channels, dims, kernel=1) if structure.quant_conv else nn.Identity()
