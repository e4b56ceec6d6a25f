"""Families for codes: q(z|x), and p(z|z') between the latents of a hierarchy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import distributed
from elbowroom.distributions import Delta, Normal, Quantized, nearest_code_index
from elbowroom.families.base import Family, Shape


class DiagonalNormal(Family):
    """A normal with its mean and log-variance from the network: the posterior of the classic VAE.

    As a likelihood it predicts a variance for every pixel, which has no end where the data is flat, so there it needs
    a floor.

    Args:
        shape: of a code, or of an example.
        floor: the smallest log-variance; it is approached smoothly, so that the gradient goes on.

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


class Point(Family):
    """One point: the code of an autoencoder. There is no density, so the KL is undefined.

    >>> Point(2)(torch.zeros(5, 2)).mean.shape
    torch.Size([5, 2])
    """

    def forward(self, phi: Tensor) -> Delta:
        return Delta(phi)


class Codebook(Family):
    r"""The nearest of ``codes`` learned vectors at each of ``positions`` places.

    The vectors follow the encoder by exponential moving averages, in forward, as batch normalisation keeps its
    statistics: :math:`N_i \leftarrow \gamma N_i + (1-\gamma) n_i`, :math:`m_i \leftarrow \gamma m_i + (1-\gamma)
    \sum_j e_{ij}`, :math:`c_i = m_i / N_i`. van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937, appendix A.1.

    Deviation from the paper: a code whose share of use falls below 3 % of an even share is set on a vector of the
    batch (Dhariwal et al. 2020, arXiv 2005.00341, restart codes in this way), which also places all of them at the
    first step.

    Args:
        positions: P, how many codes make one latent.
        dim: D, the length of a code.
        codes: C, how many there are to choose from.
        decay: the average's :math:`\gamma`.

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
        output = phi.unflatten(-1, self.shape)
        indices = nearest_code_index(output.detach(), self.codes)
        codes = self.codes[indices]
        if self.training:
            self._update_averages(output.detach().flatten(0, -2), indices.flatten())
        return Quantized(output, codes, indices)

    @torch.no_grad()
    def _update_averages(self, output: Tensor, indices: Tensor) -> None:
        # Over all processes that train together; a code restarted in one is the first's when they next agree.
        used = distributed.all_reduce_sum(
            torch.zeros_like(self.counts).index_add_(0, indices, output.new_ones(len(indices)))
        )
        summed = distributed.all_reduce_sum(torch.zeros_like(self.sums).index_add_(0, indices, output))
        self.counts.lerp_(used, 1 - self.decay)
        self.sums.lerp_(summed, 1 - self.decay)
        even = used.sum() / len(self.codes)
        idle = (self.counts < 0.03 * even)[:, None]
        fresh = output[torch.randint(len(output), (len(self.codes),), device=output.device)]
        self.counts.copy_(torch.where(idle[:, 0], even, self.counts))
        self.sums.copy_(torch.where(idle, fresh * even, self.sums))
        self.codes.copy_(self.sums / self.counts[:, None])
