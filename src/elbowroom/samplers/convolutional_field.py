"""A vector field over maps that depends on the time: a small U-Net."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Frequencies of the embedding of the time.
N_FREQUENCIES = 16
#: The least side of a map that is halved.
MIN_HALVED_SIDE = 6
#: Levels, at most, of which each has half the sides and twice the channels of the one before.
MAX_LEVELS = 3


class ConvolutionalField(nn.Module):
    r"""A U-Net v(t, z, c) of residual blocks: maps (B, C, \*space) to maps of the same shape.

    Time and condition scale and shift the features of every block (Perez et al. 2018, arXiv 1709.07871), and each
    position has a learned vector of its own, as data sets of aligned images have use for. It starts at zero.

    Args:
        shape: of a map, (C, h, w) or (C, t).
        width: channels of the finest level, a multiple of 8.
        condition_size: of an encoded condition; 0 for none.

    >>> field = ConvolutionalField((4, 7, 5), 16, 0)
    >>> field(torch.rand(3), torch.randn(3, 4, 7, 5)).shape
    torch.Size([3, 4, 7, 5])
    """

    def __init__(self, shape: tuple[int, ...], width: int, condition_size: int) -> None:
        super().__init__()
        channels, *space = shape
        self.sides = [tuple(space)]
        while len(self.sides) < MAX_LEVELS and min(self.sides[-1]) >= MIN_HALVED_SIDE:
            self.sides.append(tuple(-(-side // 2) for side in self.sides[-1]))
        widths = [width * 2**level for level in range(len(self.sides))]
        convolution = _CONVOLUTIONS[len(space)]
        self.time = nn.Sequential(nn.Linear(2 * N_FREQUENCIES, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
        self.condition = nn.Linear(condition_size, 4 * width, bias=False) if condition_size else None
        self.first = convolution(channels, width, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(width, *space))
        self.down = nn.ModuleList(
            [_Block(below, own, 4 * width, convolution) for below, own in zip([width, *widths], widths, strict=False)]
        )
        self.middle = _Block(widths[-1], widths[-1], 4 * width, convolution)
        self.up = nn.ModuleList(
            [
                _Block(own + above, own, 4 * width, convolution)
                for own, above in zip(widths, [*widths[1:], widths[-1]], strict=True)
            ]
        )
        self.last = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), convolution(width, channels, 3, padding=1))
        _set_zero(self.last[-1])

    def forward(self, t: Tensor, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return v(t, z, c) for times (B,), maps (B, C, *space) and conditions (B, n)."""
        angle = t[:, None] * (math.pi * torch.arange(1, N_FREQUENCIES + 1, device=t.device, dtype=t.dtype))
        context = self.time(torch.cat((angle.sin(), angle.cos()), -1))
        if self.condition is not None and condition is not None:
            context = context + self.condition(condition)
        h, kept = self.first(z) + self.position, []
        for level, block in enumerate(self.down):
            h = block(h if level == 0 else _pool(h, self.sides[level]), context)
            kept.append(h)
        h = self.middle(h, context)
        for level in reversed(range(len(self.sides))):
            h = self.up[level](torch.cat((kept[level], F.interpolate(h, self.sides[level])), 1), context)
        velocity: Tensor = self.last(h)
        return velocity

    def matching_loss(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the loss of flow matching for maps (B, C, *space), a scalar."""
        eps, t = torch.randn_like(z), torch.rand(len(z), device=z.device, dtype=z.dtype)
        share = t.reshape(-1, *(1,) * (z.dim() - 1))
        error: Tensor = self(t, (1 - share) * eps + share * z, condition) - (z - eps)
        return error.square().flatten(1).sum(1).mean()


class _Block(nn.Module):
    """A residual block of two convolutions, scaled and shifted by a context."""

    def __init__(self, n_in: int, n_out: int, n_context: int, convolution: type[nn.Module]) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(8, n_in), nn.GroupNorm(8, n_out, affine=False)])
        self.convolutions = nn.ModuleList(
            [convolution(n_in, n_out, 3, padding=1), convolution(n_out, n_out, 3, padding=1)]
        )
        self.context = nn.Linear(n_context, 2 * n_out)
        self.skip = convolution(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        _set_zero(self.convolutions[1])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        h = self.norms[1](self.convolutions[0](F.silu(self.norms[0](x))))
        scale, shift = self.context(F.silu(context)).reshape(len(x), -1, *(1,) * (x.dim() - 2)).chunk(2, 1)
        changed: Tensor = self.skip(x) + self.convolutions[1](F.silu(h * (1 + scale) + shift))
        return changed


def _pool(h: Tensor, sides: tuple[int, ...]) -> Tensor:
    return F.adaptive_avg_pool1d(h, sides) if len(sides) == 1 else F.adaptive_avg_pool2d(h, (sides[0], sides[1]))


def _set_zero(convolution: nn.Module) -> None:
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)


_CONVOLUTIONS: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d}
