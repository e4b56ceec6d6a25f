"""Vector quantization by a codebook that the reconstruction trains, through the length of the quantization error."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import distributed, noise
from elbowroom.distributions import Quantized, nearest_code_index
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.codebook import MIN_USAGE
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: Smallest norm that is divided by.
MIN_NORM = 1e-12


class DiVeQ(Quantizer):
    r"""Differentiable vector quantization: the nearest of ``codes`` vectors, which the reconstruction itself trains.

    .. math:: z = e + \|c - e\| \, \mathrm{sg}\left[\frac{v}{\|v\|}\right], \quad v = c - e + \sigma \varepsilon,
        \quad \varepsilon \sim \mathcal N(0, I)

    with the nearest entry c of the encoder's output e: an error of the right length, in about the right direction,
    which is a constant. The gradient g at z reaches the entry along that direction, :math:`\frac{v^\top g}{\|v\|}
    \frac{c - e}{\|c - e\|}`, and the encoder with the rest of g: there is no codebook loss and no commitment. After
    training there is no noise, and z is the entry. Vali, Bäckström & Solin 2025, arXiv 2509.26469 (ICLR 2026).

    Codes of one number, D = 1, leave the encoder nearly no gradient: all of it is along the direction.

    Deviation: an entry whose usage falls below 3 % of uniform usage restarts on a vector of the batch, as those of
    :class:`~elbowroom.families.Codebook`, which also initializes all entries; the authors' package replaces entries
    that are seldom used by copies of others, every hundred steps.

    Args:
        positions: P, or the sizes of a map of them.
        dim: D, the length of a code.
        codes: C, the number of entries.
        variance: :math:`\sigma^2` of the noise in training, by default that of the authors' package.
        decay: of the averages of usage.

    Raises:
        ValueError: there is one code, or the variance is negative.

    >>> _ = torch.manual_seed(0)
    >>> book = DiVeQ(positions=4, dim=2, codes=8)
    >>> book(torch.randn(10, book.size)).indices.shape, dict(book.loss_weights)
    (torch.Size([10, 4, 1]), {})
    """

    loss_weights: ClassVar = MappingProxyType({})
    usage: Tensor

    def __init__(
        self, positions: Shape, dim: int, codes: int = 512, variance: float = 1e-3, decay: float = 0.99
    ) -> None:
        if codes < 2:
            raise ValueError(f"a codebook needs at least 2 codes to choose from, got {codes}")
        if variance < 0:
            raise ValueError(f"the variance of the noise must be at least 0, got {variance:g}")
        super().__init__(positions, dim, (codes,))
        self.sigma, self.decay = variance**0.5, decay
        self.codes = nn.Parameter(torch.randn(codes, dim) / dim**0.5)
        # Averages of how often each entry is chosen, in units of uniform usage.
        self.register_buffer("usage", torch.zeros(codes))

    def quantize(self, output: Tensor) -> Quantized:
        if self.training:
            self._restart_unused(output.detach().flatten(0, -2))
        indices = self.find_indices(output.detach())
        codes = self.decode_indices(indices)
        direction = (codes - output).detach()
        if self.training:
            direction = direction + self.sigma * noise.standard_normal(direction.shape, direction)
            self._update_usage(indices.flatten())
        z = add_error(output, codes, direction)
        return Quantized(output, codes, indices, self.index_sizes, z=z)

    def decode_indices(self, indices: Tensor) -> Tensor:
        return self.codes[indices[..., 0]]

    def find_indices(self, z: Tensor) -> Tensor:
        return nearest_code_index(z, self.codes)[..., None]

    @torch.no_grad()
    def _restart_unused(self, output: Tensor) -> None:
        """Set entries that are seldom chosen to outputs of the batch, (N, D), the same ones in every process."""
        # Entries are parameters, which no process sends to the others after the start.
        restarts = distributed.draw_rows(output, len(self.codes))
        unused = self.usage < MIN_USAGE
        self.codes.copy_(torch.where(unused[:, None], restarts, self.codes))
        self.usage.copy_(torch.where(unused, 1.0, self.usage))

    @torch.no_grad()
    def _update_usage(self, indices: Tensor) -> None:
        counts = torch.zeros_like(self.usage).index_add_(0, indices, self.usage.new_ones(len(indices)))
        counts = distributed.all_reduce_sum(counts)
        self.usage.lerp_(counts * len(counts) / counts.sum(), 1 - self.decay)


def add_error(output: Tensor, codes: Tensor, direction: Tensor) -> Tensor:
    r"""Return the output plus an error of the length :math:`\|c - e\|` in a constant direction: (..., D) to (..., D).

    >>> e, c = torch.tensor([1.0, 0.0], requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    >>> z = add_error(e, c, c - e)
    >>> z.sum().backward()
    >>> z.detach(), e.grad, c.grad
    (tensor([1., 2.]), tensor([1., 0.]), tensor([0., 1.]))
    """
    length: Tensor = torch.linalg.vector_norm(codes - output, dim=-1, keepdim=True)
    return output + length * F.normalize(direction.detach(), dim=-1, eps=MIN_NORM)


@register_quantizer("diveq", "CODES", "512")
def make_diveq(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Codebook that the reconstruction trains, without losses of its own."""
    (codes,) = parse_sizes(setting, 1)
    return DiVeQ(positions, dim, codes)
