"""Families of latents: q(z|x), and p(z|z') between the latents of a hierarchy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import distributed
from elbowroom.distributions import Delta, Normal, Quantized, nearest_code_index
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood


class DiagonalNormal(Family):
    """A normal with mean and log-variance from the network: the posterior of the standard VAE.

    As a likelihood it predicts a variance for every pixel; where the data is constant its density is unbounded, so it
    needs a floor.

    Args:
        shape: of a latent, or of an example.
        floor: the smallest log-variance, approached smoothly, so that the gradient does not vanish.

    >>> DiagonalNormal(20).size
    40
    """

    def __init__(self, shape: Shape, floor: float | None = None) -> None:
        super().__init__(shape, per_element=2)
        self.floor = floor

    def forward(self, phi: Tensor) -> Normal:
        loc, log_var = self.split_parameters(phi)
        if self.floor is not None:
            log_var = self.floor + F.softplus(log_var - self.floor)
        return Normal(loc, log_var, len(self.shape))


@register_likelihood("diagonal-normal", "a gaussian with a variance for every pixel")
def pixel_normal(shape: Shape) -> DiagonalNormal:
    """Return a likelihood of pixels, which resolve no standard deviation below half a level.

    Without that floor the density of pixels that are constant diverges.
    """
    return DiagonalNormal(shape, floor=2 * math.log(1 / 510))


class Point(Family):
    """A delta distribution: the latent of an autoencoder. It has no density, so the KL is undefined.

    >>> Point(2)(torch.zeros(5, 2)).mean.shape
    torch.Size([5, 2])
    """

    def forward(self, phi: Tensor) -> Delta:
        return Delta(phi)


class Codebook(Family):
    r"""Vector quantization: the nearest of ``codes`` learned vectors at each of ``positions`` positions.

    The vectors follow the encoder by exponential moving averages, updated in forward as batch normalisation updates its
    statistics: :math:`N_i \leftarrow \gamma N_i + (1-\gamma) n_i`, :math:`m_i \leftarrow \gamma m_i + (1-\gamma)
    \sum_j e_{ij}`, :math:`c_i = m_i / N_i`. van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937, appendix A.1.

    Deviation from the paper: an entry whose usage falls below 3 % of uniform usage is replaced by a vector of the batch
    (Dhariwal et al. 2020, arXiv 2005.00341, restart codes in this way), which also initializes all entries at the first
    step.

    Args:
        positions: P, the number of entries that make one latent.
        dim: D, the length of an entry.
        codes: C, the number of entries of the codebook.
        decay: :math:`\gamma` of the averages.

    >>> _ = torch.manual_seed(0)
    >>> book = Codebook(positions=4, dim=2, codes=8)
    >>> q = book(torch.randn(10, book.size))
    >>> q.mean.shape, q.indices.shape
    (torch.Size([10, 4, 2]), torch.Size([10, 4]))
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, positions: int, dim: int, codes: int = 512, decay: float = 0.99) -> None:
        super().__init__((positions, dim))
        if codes < 2:
            raise ValueError(f"a codebook needs at least 2 codes to choose from, got {codes}")
        self.decay = decay
        self.register_buffer("codes", torch.randn(codes, dim))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))

    def forward(self, phi: Tensor) -> Quantized:
        output = torch.unflatten(phi, -1, self.shape)
        indices = nearest_code_index(output.detach(), self.codes)
        codes = self.codes[indices]
        if self.training:
            self._update_averages(output.detach().flatten(0, -2), indices.flatten())
        return Quantized(output, codes, indices)

    @torch.no_grad()
    def _update_averages(self, output: Tensor, indices: Tensor) -> None:
        # Sums over all processes; entries restarted differently are replaced by those of rank 0 at the next sync.
        counts = distributed.all_reduce_sum(
            torch.zeros_like(self.counts).index_add_(0, indices, output.new_ones(len(indices)))
        )
        sums = distributed.all_reduce_sum(torch.zeros_like(self.sums).index_add_(0, indices, output))
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        uniform = counts.sum() / len(self.codes)
        unused = (self.counts < 0.03 * uniform)[:, None]
        restarts = output[torch.randint(len(output), (len(self.codes),), device=output.device)]
        self.counts.copy_(torch.where(unused[:, 0], uniform, self.counts))
        self.sums.copy_(torch.where(unused, restarts * uniform, self.sums))
        self.codes.copy_(self.sums / self.counts[:, None])
