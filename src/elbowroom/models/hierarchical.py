"""The deep hierarchy: latents at every size of a pyramid, from the top down, on one stream that each adds to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.families import Family
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.networks import Down, Pyramid, Residual
from elbowroom.networks.blocks import convolution, group_norm, upsample

#: How far a log-variance may go from where it starts, of a posterior that is from its prior: a factor of 150 to 1/150.
LOG_VAR_BOUND = 5.0


class Hierarchy(GenerativeModel):
    r"""Latents :math:`z_L, \dots, z_1` at growing sizes, each drawn given all those above it.

    .. math:: p(x, z) = p(x \mid h_0) \prod_l p(z_l \mid h_l), \quad
        h_{l-1} = h_l + r(h_l) + W z_l + \dots, \quad q(z \mid x) = \prod_l q(z_l \mid h_l, a_l(x))

    A stream h of features comes down the sizes of a pyramid; at every latent it proposes a prior, joined with what the
    encoder made of x at that size a posterior, and the latent drawn is added to it. In the manner of Child 2021, arXiv
    2011.10650, and Vahdat & Kautz 2020, arXiv 2007.03898, whose posterior relative to the prior is taken over.

    Deviations: the finest latents are at half the size of the data; normalisation over groups of an example's own
    channels, so that its bound does not depend on its company; log-variances are bounded smoothly (:data:`LOG_VAR_BOUND`), which
    neither clamps a gradient away nor lets a posterior collapse to a point.

    Args:
        encoder: x to features at every size.
        family: p(x|h).
        latent: channels of each latent.
        latents: how many of them at each size, the top first.

    >>> import elbowroom as er
    >>> model = er.Hierarchy(er.Down((1, 9, 8), numbers=1, widths=(8, 16)), er.Bernoulli((1, 9, 8)), 4, (2, 1))
    >>> draw = model.draw(torch.rand(3, 1, 9, 8), k=2)
    >>> [tuple(latent.z.shape) for latent in draw.latents]
    [(2, 3, 4, 5, 4), (2, 3, 4, 3, 2), (2, 3, 4, 3, 2)]
    """

    def __init__(self, encoder: Down, family: Family, latent: int, latents: Sequence[int]) -> None:
        super().__init__()
        if latent < 1:
            raise ValueError(f"the channels of a latent must be at least 1, got {latent}")
        to = encoder.pyramid
        if len(latents) != len(to.widths) or min(latents) < 1:
            raise ValueError(
                f"latents {tuple(latents)} for {len(to.widths)} sizes: give one number for each, of at least 1"
            )
        self.encoder = encoder
        # The numbers at the end of the way down are not asked for.
        del encoder.head
        self.widths, self.sizes = to.widths[::-1], to.sizes[:0:-1]
        self.latent_shape = (latent, *self.sizes[0])
        gain = 1 / math.sqrt(sum(latents))
        self.start = nn.Parameter(torch.zeros(self.widths[0], *self.sizes[0]))
        #: The level that each rung stands at.
        self.block_levels = [level for level, count in enumerate(latents) for _ in range(count)]
        rungs = [
            _LatentBlock(self.widths[place], latent, to.dims, gain, is_first=i == 0)
            for i, place in enumerate(self.block_levels)
        ]
        self.rungs = nn.ModuleList(rungs)
        self.narrow = nn.ModuleList(convolution(a, b, to.dims, kernel=1) for a, b in pairwise(self.widths))
        self.decoder = Conditional(_OutputHead(to, family.size), family)

    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        features = self.encoder.features(x)[::-1]
        latents: list[Latent] = []
        h, level = self._initial_stream(k, x.shape[0]), 0
        for place, rung in self._iter_blocks():
            h, level = self._move_to_level(place, level, h), place
            h, latent = rung.infer(h, features[level].expand(k, *features[level].shape))
            latents.append(latent)
        return Draw(x, self.decoder(h), *reversed(latents), c=c)

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        """Codes of the uppermost latent, (n, *latent_shape)."""
        zero = self.start.new_zeros(n, *self.latent_shape)
        return Normal(zero, zero, len(self.latent_shape)).sample()

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """p(x|z), from the uppermost latent down; the latents below are drawn on the way."""
        lead = z.shape[: -len(self.latent_shape)]
        h, level = self._initial_stream(1, math.prod(lead)), 0
        code: Tensor | None = z.reshape(1, -1, *self.latent_shape)
        for place, rung in self._iter_blocks():
            h, level = self._move_to_level(place, level, h), place
            h, code = rung.generate(h, code), None
        return self.decoder(h.reshape(*lead, *h.shape[2:]))

    def _iter_blocks(self) -> Iterator[tuple[int, _LatentBlock]]:
        """Every rung from the top down, with the level it stands at."""
        return zip(self.block_levels, cast("Sequence[_LatentBlock]", self.rungs), strict=True)

    def _initial_stream(self, k: int, n: int) -> Tensor:
        return self.start.expand(k, n, *self.start.shape)

    def _move_to_level(self, target: int, level: int, h: Tensor) -> Tensor:
        """The stream at the size and with the channels of a level, come from the one above it or there already."""
        if target == level:
            return h
        flat = upsample(self.narrow[level](h.flatten(0, 1)), self.sizes[target])
        return flat.reshape(*h.shape[:2], *flat.shape[1:])


class _LatentBlock(nn.Module):
    """One latent on the stream."""

    def __init__(self, width: int, latent: int, dims: int, gain: float, is_first: bool) -> None:
        super().__init__()
        inner = max(4, width // 4)
        self.dims, self.latent, self.is_first = dims, latent, is_first
        # The first prior is a standard normal: nothing above it has been drawn that could say more.
        self.prior = None if is_first else _head(width, inner, 2 * latent + width, dims)
        self.posterior = _head(2 * width, inner, 2 * latent, dims)
        self.back = convolution(latent, width, dims, kernel=1)
        _scale_parameters(self.back, gain)
        self.change = Residual(width, dims, inner, gain)

    def infer(self, h: Tensor, features: Tensor) -> tuple[Tensor, Latent]:
        """The stream (K, B, C, *size) with a draw from the posterior added, and the draw."""
        prior, h = self._propose_prior(h)
        loc, log_var = _apply_flat(self.posterior, torch.cat((h, features), 2)).chunk(2, 2)
        q = Normal(prior.loc + loc, prior.log_var + _bound_log_var(log_var), self.dims + 1)
        z = q.rsample()
        return self._add_latent(h, z), Latent(z, q, prior)

    def generate(self, h: Tensor, z: Tensor | None) -> Tensor:
        """The stream with ``z``, or a draw from the prior, added."""
        prior, h = self._propose_prior(h)
        return self._add_latent(h, prior.rsample() if z is None else z)

    def _propose_prior(self, h: Tensor) -> tuple[Normal, Tensor]:
        if self.prior is None:
            zero = h.new_zeros(*h.shape[:2], self.latent, *h.shape[3:])
            return Normal(zero, zero, self.dims + 1), h
        loc, log_var, more = _apply_flat(self.prior, h).split([self.latent, self.latent, h.shape[2]], 2)
        return Normal(loc, _bound_log_var(log_var), self.dims + 1), h + more

    def _add_latent(self, h: Tensor, z: Tensor) -> Tensor:
        return _apply_flat(self.change, h + _apply_flat(self.back, z))


class _OutputHead(nn.Module):
    """The stream at its finest to some numbers for each element of an example."""

    def __init__(self, to: Pyramid, numbers: int) -> None:
        super().__init__()
        width = to.widths[0]
        self.dims, self.size = to.dims, to.sizes[0]
        self.smooth = nn.Sequential(convolution(width, width, to.dims), Residual(width, to.dims))
        self.out = nn.Sequential(
            group_norm(width), nn.SiLU(), convolution(width, numbers // math.prod(self.size), to.dims)
        )

    def forward(self, h: Tensor) -> Tensor:
        """(..., C, *half) to (..., numbers)."""
        lead = h.shape[: h.dim() - self.dims - 1]
        flat = self.out(self.smooth(upsample(h.reshape(-1, *h.shape[len(lead) :]), self.size)))
        return flat.reshape(*lead, -1)


def _head(width: int, inner: int, numbers: int, dims: int) -> nn.Module:
    """What a latent is told by: at the start next to nothing, so that posterior and prior begin as almost one."""
    last = convolution(inner, numbers, dims, kernel=1)
    _scale_parameters(last, 0.01)
    middle = (convolution(width, inner, dims, kernel=1), nn.SiLU(), convolution(inner, inner, dims), nn.SiLU())
    return nn.Sequential(group_norm(width), nn.SiLU(), *middle, last)


def _scale_parameters(layer: nn.Module, factor: float) -> None:
    for parameter in layer.parameters():
        parameter.data.mul_(factor)


def _apply_flat(net: nn.Module, h: Tensor) -> Tensor:
    """A network over (K, B, ...)."""
    flat = net(h.flatten(0, 1))
    return flat.reshape(*h.shape[:2], *flat.shape[1:])


def _bound_log_var(log_var: Tensor) -> Tensor:
    return LOG_VAR_BOUND * torch.tanh(log_var / LOG_VAR_BOUND)
