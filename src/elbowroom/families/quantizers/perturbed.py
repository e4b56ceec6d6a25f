"""Vector quantization whose training has noise of the size of the quantization error in the place of codes."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions import Quantized
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.codebook import Codebook
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: Recent outputs for each code, M: the ball around an output that holds as many is as large as the cell of a code.
OUTPUTS_PER_CODE = 16
#: Rank of the neighbor whose distance says how dense outputs are, k.
DENSITY_NEIGHBOR = 8
#: Share of the outputs of a batch that are remembered: those of one example are alike.
REMEMBERED_SHARE = 0.1
#: Outputs whose distances are computed at once, for the memory.
ROWS = 1024
#: Smallest distance whose logarithm is taken.
MIN_DISTANCE = 1e-12


class PerturbedCodebook(Codebook):
    r"""Vector perturbation: training moves outputs at random by about as much as ``codes`` codes would.

    .. math:: z' = e + u, \quad u \sim \mathrm{Unif}(\mathcal B(0, R(e))), \quad R(e) = \eta D_M(e)

    with :math:`D_m(e)` the distance from e to the m-th nearest of :math:`M C` recent outputs. A step of Metropolis and
    Hastings keeps outputs where others are, by the density :math:`\pi(e) \propto D_k(e)^{-D}`: z' is taken with
    probability

    .. math:: \alpha = \min\left( 1, \left( \frac{D_k(e) D_M(e)}{D_k(z') D_M(z')} \right)^D \right)
        \text{ if } \| u \| \le R(z'), \text{ else } 0

    and e itself otherwise. After training it is the nearest code. Encoder and decoder never see a codebook while they
    are trained, so that it cannot collapse. Zhai et al. 2026, arXiv 2602.17133 (VP-VAE). A loss holds the moments of
    outputs (:class:`~elbowroom.CodeMoments`). Densities by neighbors need a small D: the paper has 3 to 5.

    Deviations: entries follow outputs by averages beside the training, as those of
    :class:`~elbowroom.families.Codebook`, where the paper clusters outputs after it: so validation has codes and the
    prior learns their frequencies, and nothing else depends on them. There are no projections to D numbers and back.

    Reconstructions in training are those of moved outputs: the ELBO of its rows is no bound, that of validation is.

    Args:
        positions: P, or the sizes of a map of them.
        dim: D, the length of a code.
        codes: C.
        scale: :math:`\eta`.
        decay: of the averages that entries follow.

    Raises:
        ValueError: there is one code, or the scale is negative.

    >>> _ = torch.manual_seed(0)
    >>> book = PerturbedCodebook(positions=4, dim=2, codes=8)
    >>> book(torch.randn(10, book.size)).indices.shape, book.recent.shape
    (torch.Size([10, 4, 1]), torch.Size([128, 2]))
    """

    loss_weights: ClassVar = MappingProxyType({"moments": 10.0})
    recent: Tensor
    oldest: Tensor

    def __init__(self, positions: Shape, dim: int, codes: int = 512, scale: float = 1.0, decay: float = 0.99) -> None:
        if scale < 0:
            raise ValueError(f"the scale of the perturbation must be at least 0, got {scale:g}")
        super().__init__(positions, dim, codes, decay)
        self.scale = scale
        # The loss of moments draws outputs to those of standard normals.
        self.register_buffer("recent", torch.randn(OUTPUTS_PER_CODE * codes, dim))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))

    def quantize(self, output: Tensor) -> Quantized:
        q = super().quantize(output)
        if not self.training:
            return q
        vectors = output.detach().flatten(0, -2)
        perturbation = (self.perturb(vectors) - vectors).view_as(output)
        self._remember(vectors)
        return Quantized(output, q.codes, q.indices, self.index_sizes, z=output + perturbation)

    @torch.no_grad()
    def perturb(self, vectors: Tensor) -> Tensor:
        """Return vectors after one step of Metropolis and Hastings among recent outputs, (N, D) to (N, D)."""
        near = self.find_distances(vectors)
        radius = self.scale * near[1] * self._draw_uniform(near[1]) ** (1 / vectors.shape[-1])
        direction = F.normalize(noise.standard_normal(vectors.shape, vectors), dim=-1)
        proposed = vectors + radius[:, None] * direction
        log_acceptance = self.find_log_acceptance(radius, near, self.find_distances(proposed))
        is_taken = self._draw_uniform(radius).log() < log_acceptance
        return torch.where(is_taken[:, None], proposed, vectors)

    def find_distances(self, vectors: Tensor) -> Tensor:
        """Return the distances to the k-th and the M-th nearest recent output: (N, D) to (2, N)."""
        nearest = [
            torch.cdist(part, self.recent).topk(OUTPUTS_PER_CODE, largest=False).values
            for part in torch.split(vectors, ROWS)
        ]
        distances = torch.cat(nearest).clamp_min(MIN_DISTANCE)
        # Not by a list of ranks, which would be copied to the device.
        return torch.stack([distances[:, DENSITY_NEIGHBOR - 1], distances[:, OUTPUTS_PER_CODE - 1]])

    def find_log_acceptance(self, distance: Tensor, near: Tensor, proposed_near: Tensor) -> Tensor:
        r"""Return :math:`\log \alpha` of steps of these lengths, (N,), given :meth:`find_distances` of both ends."""
        log_ratio = self.shape[1] * (near.log() - proposed_near.log()).sum(0)
        return torch.where(distance <= self.scale * proposed_near[1], log_ratio.clamp_max(0.0), -math.inf)

    def _draw_uniform(self, like: Tensor) -> Tensor:
        return noise.to_uniform(noise.standard_normal(like.shape, like))

    @torch.no_grad()
    def _remember(self, vectors: Tensor) -> None:
        """Put some of these outputs, (N, D), in the place of the oldest."""
        size = len(self.recent)
        count = min(max(round(REMEMBERED_SHARE * len(vectors)), 1), size)
        picked = vectors[torch.randint(len(vectors), (count,), device=vectors.device)]
        places = (self.oldest + torch.arange(count, device=vectors.device)) % size
        self.recent.index_copy_(0, places, picked)
        self.oldest.copy_((self.oldest + count) % size)


@register_quantizer("perturbed", "CODES", "512")
def make_perturbed(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Codebook that training does without: noise of the size of its error."""
    (codes,) = parse_sizes(setting, 1)
    return PerturbedCodebook(positions, dim, codes)
