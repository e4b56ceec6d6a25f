"""Deep hierarchical VAE: latents at every size of a pyramid, drawn from the top down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
from elbowroom.models.inputs import takes_examples, takes_latents
from elbowroom.networks import Down, Pyramid, Residual
from elbowroom.networks.blocks import convolution, group_norm, upsample

#: Bound on log-variances, those of a posterior relative to its prior's: a factor of 150 to 1/150.
LOG_VAR_BOUND = 5.0


class Hierarchy(GenerativeModel):
    r"""A deep hierarchical VAE: latents :math:`z_L, \dots, z_1` at growing sizes, each given all those above it.

    .. math:: p(x, z) = p(x \mid h_0) \prod_l p(z_l \mid h_l), \quad
        h_{l-1} = h_l + r(h_l) + W z_l + \dots, \quad q(z \mid x) = \prod_l q(z_l \mid h_l, a_l(x))

    Features h, the stream, pass down the sizes of a pyramid. At every latent, h gives the prior, and h together with
    the encoder's features of x at that size the posterior; the latent drawn is added to h. After Child 2021, arXiv
    2011.10650, with the posterior relative to the prior of Vahdat & Kautz 2020, arXiv 2007.03898.

    Deviations: the finest latents are at half the size of the data; group normalisation, so that an example's bound
    does not depend on the rest of the batch; log-variances are bounded smoothly (:data:`LOG_VAR_BOUND`), which neither
    removes a gradient nor lets a posterior collapse to a point.

    Args:
        encoder: x to features at every size.
        family: p(x|h).
        latent: channels of each latent.
        latents: the number of latents at each size, the top first.
        cell: makes the residual block after each latent, from channels, dimensions of space and the factor on its
            initial weights; by default a bottleneck.

    >>> import elbowroom as er
    >>> model = er.Hierarchy(er.Down((1, 9, 8), numbers=1, widths=(8, 16)), er.Bernoulli((1, 9, 8)), 4, (2, 1))
    >>> draw = model.draw(torch.rand(3, 1, 9, 8), k=2)
    >>> [tuple(latent.z.shape) for latent in draw.latents]
    [(2, 3, 4, 5, 4), (2, 3, 4, 3, 2), (2, 3, 4, 3, 2)]
    """

    def __init__(
        self,
        encoder: Down,
        family: Family,
        latent: int,
        latents: Sequence[int],
        cell: Callable[[int, int, float], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if latent < 1:
            raise ValueError(f"the channels of a latent must be at least 1, got {latent}")
        pyramid = encoder.pyramid
        if len(latents) != len(pyramid.widths) or min(latents) < 1:
            raise ValueError(
                f"latents {tuple(latents)} for {len(pyramid.widths)} sizes: give one number for each, of at least 1"
            )
        self.encoder = encoder
        # Only the encoder's features are used, not its output.
        del encoder.head
        self.widths, self.sizes, dims = pyramid.widths[::-1], pyramid.sizes[:0:-1], pyramid.dims
        self.latent_shape = (latent, *self.sizes[0])
        gain = 1 / math.sqrt(sum(latents))
        self.start = nn.Parameter(torch.zeros(self.widths[0], *self.sizes[0]))
        #: The level of each block.
        self.block_levels = [level for level, count in enumerate(latents) for _ in range(count)]
        self.rungs = nn.ModuleList(
            _LatentBlock(self.widths[level], latent, dims, gain, i == 0, _make_bottleneck if cell is None else cell)
            for i, level in enumerate(self.block_levels)
        )
        self.narrow = nn.ModuleList(convolution(a, b, dims, kernel=1) for a, b in pairwise(self.widths))
        self.decoder = Conditional(_OutputHead(pyramid, family.size), family)

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        features = self.encoder.features(x)[::-1]
        latents: list[Latent] = []
        h, level = self._initial_stream(k, x.shape[0]), 0
        for block_level, block in self._iter_blocks():
            h, level = self._move_to_level(block_level, level, h), block_level
            h, latent = block.infer(h, features[level].expand(k, *features[level].shape))
            latents.append(latent)
        return Draw(x, self.decoder(h), *reversed(latents), c=c)

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        levels = reversed(self.block_levels)
        return {f"z{i}": (self.latent_shape[0], *self.sizes[level]) for i, level in enumerate(levels, 1)}

    @property
    def has_standard_prior(self) -> bool:
        return True

    def latent_prior(self, c: Tensor | None = None) -> Normal:
        zero = self.start.new_zeros(self.latent_shape)
        return Normal(zero, zero, len(self.latent_shape))

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        lead = z.shape[: -len(self.latent_shape)]
        h, level = self._initial_stream(1, math.prod(lead)), 0
        block_z: Tensor | None = z.reshape(1, -1, *self.latent_shape)
        for block_level, block in self._iter_blocks():
            h, level = self._move_to_level(block_level, level, h), block_level
            h, block_z = block.generate(h, block_z), None
        p: Distribution = self.decoder(h.reshape(*lead, *h.shape[2:]))
        return p

    def _iter_blocks(self) -> Iterator[tuple[int, _LatentBlock]]:
        """Iterate over the blocks from the top down, each with its level."""
        return zip(self.block_levels, cast("Sequence[_LatentBlock]", self.rungs), strict=True)

    def _initial_stream(self, k: int, n: int) -> Tensor:
        return self.start.expand(k, n, *self.start.shape)

    def _move_to_level(self, target: int, level: int, h: Tensor) -> Tensor:
        """Bring the stream to the size and channels of ``target``, which is its level or the one below."""
        if target == level:
            return h
        flat = upsample(self.narrow[level](h.flatten(0, 1)), self.sizes[target])
        return flat.reshape(*h.shape[:2], *flat.shape[1:])


class _LatentBlock(nn.Module):
    """One latent of the hierarchy: its prior, its posterior, and its contribution to the stream."""

    def __init__(
        self,
        width: int,
        latent: int,
        dims: int,
        gain: float,
        is_first: bool,
        cell: Callable[[int, int, float], nn.Module],
    ) -> None:
        super().__init__()
        inner = max(4, width // 4)
        self.dims, self.latent, self.is_first = dims, latent, is_first
        # The first prior is a standard normal: there is no latent above to condition it on.
        self.prior = None if is_first else _head(width, inner, 2 * latent + width, dims)
        self.posterior = _head(2 * width, inner, 2 * latent, dims)
        self.back = convolution(latent, width, dims, kernel=1)
        _scale_parameters(self.back, gain)
        self.change = cell(width, dims, gain)

    def infer(self, h: Tensor, features: Tensor) -> tuple[Tensor, Latent]:
        """Draw the latent from its posterior; return the stream (K, B, C, *size) with it added, and the latent."""
        prior, h = self._propose_prior(h)
        loc, log_var = _apply_flat(self.posterior, torch.cat((h, features), 2)).chunk(2, 2)
        q = Normal(prior.loc + loc, prior.log_var + _bound_log_var(log_var), self.dims + 1)
        z = q.rsample()
        return self._add_latent(h, z), Latent(z, q, prior)

    def generate(self, h: Tensor, z: Tensor | None) -> Tensor:
        """Return the stream with ``z`` added, or a draw from the prior."""
        prior, h = self._propose_prior(h)
        return self._add_latent(h, prior.rsample() if z is None else z)

    def _propose_prior(self, h: Tensor) -> tuple[Normal, Tensor]:
        if self.prior is None:
            zero = h.new_zeros(*h.shape[:2], self.latent, *h.shape[3:])
            return Normal(zero, zero, self.dims + 1), h
        output = _apply_flat(self.prior, h)
        loc, log_var, residual = torch.split(output, [self.latent, self.latent, h.shape[2]], 2)
        return Normal(loc, _bound_log_var(log_var), self.dims + 1), h + residual

    def _add_latent(self, h: Tensor, z: Tensor) -> Tensor:
        return _apply_flat(self.change, h + _apply_flat(self.back, z))


class _OutputHead(nn.Module):
    """The output layers: from the finest features to parameters for each element of an example."""

    def __init__(self, pyramid: Pyramid, numbers: int) -> None:
        super().__init__()
        width, dims = pyramid.widths[0], pyramid.dims
        self.dims, self.size = dims, pyramid.sizes[0]
        self.smooth = nn.Sequential(convolution(width, width, dims), Residual(width, dims))
        self.out = nn.Sequential(
            group_norm(width), nn.SiLU(), convolution(width, numbers // math.prod(self.size), dims)
        )

    def forward(self, h: Tensor) -> Tensor:
        """Map (..., C, *half) to (..., numbers)."""
        lead = h.shape[: h.dim() - self.dims - 1]
        flat: Tensor = self.out(self.smooth(upsample(h.reshape(-1, *h.shape[len(lead) :]), self.size)))
        return flat.reshape(*lead, -1)


def _make_bottleneck(width: int, dims: int, gain: float) -> nn.Module:
    return Residual(width, dims, max(4, width // 4), gain)


def _head(width: int, inner: int, numbers: int, dims: int) -> nn.Module:
    """Make the network of a prior or posterior, its initial output near zero, so that both start almost equal."""
    last = convolution(inner, numbers, dims, kernel=1)
    _scale_parameters(last, 0.01)
    middle = (convolution(width, inner, dims, kernel=1), nn.SiLU(), convolution(inner, inner, dims), nn.SiLU())
    return nn.Sequential(group_norm(width), nn.SiLU(), *middle, last)


def _scale_parameters(layer: nn.Module, factor: float) -> None:
    for parameter in layer.parameters():
        parameter.data.mul_(factor)


def _apply_flat(net: nn.Module, h: Tensor) -> Tensor:
    """Apply a network to (K, B, ...)."""
    flat: Tensor = net(h.flatten(0, 1))
    return flat.reshape(*h.shape[:2], *flat.shape[1:])


def _bound_log_var(log_var: Tensor) -> Tensor:
    return LOG_VAR_BOUND * torch.tanh(log_var / LOG_VAR_BOUND)
