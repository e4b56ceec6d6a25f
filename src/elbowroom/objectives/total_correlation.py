"""Parts of the KL: mutual information, total correlation, dimension-wise KL."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence, Sized

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term

#: How a batch stands for the whole training set.
SAMPLINGS = ("stratified", "weighted")


class AggregatePosteriorTerm(Term):
    r"""A term of the aggregate posterior :math:`q(z) = \frac1N \sum_n q(z \mid x_n)` of N training examples.

    A batch of B examples stands for all. Of a latent :math:`z_i` drawn for :math:`x_i`,

    .. math:: q(z_i) \approx \sum_j w_{ij}\, q(z_i \mid x_j)

    ========== =============================================================== ====================================
    stratified :math:`w_{ii} = 1/N,\ w_{ij} = \frac{N-1}{N (B-1)}`              unbiased; exact where B = N
    weighted   :math:`w_{ij} = 1/(N B)`                                         lower by a constant and biased
    ========== =============================================================== ====================================

    Chen et al. 2018, arXiv 1802.04942, appendix C, have both, and train with the weighted one, whose values are off by
    multiples of log N; its gradient counts the own posterior of a latent as one of B, not of N. Deviation: the paper's
    stratified sampling gives one of the other examples a weight that differs from those of the rest; the mean over
    which one that is, taken here, is unbiased too and varies less. It is also that of Esmaeili et al. 2019, arXiv
    1804.02086.

    N is the size of the training set, told before the first step. Until then, outside of training, the batch is taken
    for the whole set. A batch of a single example has no mutual information and no total correlation.

    Args:
        sampling: stratified or weighted.

    Raises:
        ValueError: there is no such sampling; in training, for a posterior that is no normal with independent
            numbers, and for free bits.
    """

    def __init__(self, sampling: str = "stratified") -> None:
        super().__init__()
        if sampling not in SAMPLINGS:
            raise errors.unknown_name("sampling", sampling, SAMPLINGS)
        self.sampling = sampling
        #: N, or 0 where it is not known.
        self.n_examples = 0

    def prepare(self, train: Sized) -> None:
        self.n_examples = len(train)

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if draw.free_nats:
            raise ValueError(f"free bits change a KL as a whole, and {self!r} is a part of it: leave them out")
        return draw.kl_weight * self.score(draw, draw.pairwise_log_qz).mean()

    @abstractmethod
    def score(self, draw: Draw, pairs: Tensor) -> Tensor:
        """Return the term for each latent, (K, B), nats, from log q(z_i | x_j) of each number, (K, B, B, D)."""

    def log_qz(self, pairs: Tensor) -> Tensor:
        """Return log q(z) of the aggregate posterior, nats: log q(z_i | x_j), (..., B, B), to (..., B)."""
        return (pairs + self.log_weights(pairs)).logsumexp(-1)

    def log_weights(self, like: Tensor) -> Tensor:
        """Return the logarithms of the weights of the batch's posteriors, (B, B)."""
        batch = like.shape[-1]
        n = max(self.n_examples, batch)
        if batch == 1:
            return like.new_zeros(1, 1)
        if self.sampling == "weighted":
            return like.new_full((batch, batch), -math.log(n * batch))
        others = like.new_full((batch, batch), math.log(n - 1) - math.log(n) - math.log(batch - 1))
        return torch.where(torch.eye(batch, device=like.device) > 0, -math.log(n), others)


class MutualInformation(AggregatePosteriorTerm):
    r"""Mutual information of examples and latents, :math:`E[\log q(z \mid x) - \log q(z)]`, nats per example.

    With :class:`TotalCorrelation` and :class:`DimensionKL` it adds up to the KL, estimated from the same latents: Chen
    et al. 2018, arXiv 1802.04942, equation 2, where it is the index-code mutual information. It is at most log N.

    Args:
        sampling: stratified or weighted (:class:`AggregatePosteriorTerm`).

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2)
    >>> draw, step = model.draw(torch.rand(5, 1, 8, 8)), torch.tensor(0)
    >>> parts = [term(draw, step) for term in (er.MutualInformation(), er.TotalCorrelation(), er.DimensionKL())]
    >>> torch.allclose(sum(parts), (draw.log_qz - draw.log_pz).mean(), atol=1e-4)
    True
    """

    name = "mutual_information"

    def score(self, draw: Draw, pairs: Tensor) -> Tensor:
        return draw.log_qz - self.log_qz(pairs.sum(-1))


class TotalCorrelation(AggregatePosteriorTerm):
    r"""Total correlation of the latents, :math:`E[\log q(z) - \sum_g \log q(z_g)]`, nats per example.

    The KL of the aggregate posterior from the product of its marginals: zero where these are independent. Each number
    is a group of its own; with ``groups`` it is the total correlation between groups of neighboring numbers, whatever
    there is within each, the upper level of Esmaeili et al. 2019, arXiv 1804.02086: ``TotalCorrelation() -
    TotalCorrelation(groups)`` is the sum of those within the groups.

    Args:
        groups: how many numbers are in each group; they add up to the size of the latent.
        sampling: stratified or weighted (:class:`AggregatePosteriorTerm`).

    Raises:
        ValueError: in training, the groups do not add up to the size of the latent.

    >>> TotalCorrelation(), TotalCorrelation(groups=(3, 2))
    (total_correlation, group_correlation)
    """

    name = "total_correlation"

    def __init__(self, groups: Sequence[int] | None = None, sampling: str = "stratified") -> None:
        super().__init__(sampling)
        if groups is not None and min(groups, default=0) < 1:
            raise ValueError(f"groups of latents have at least 1 number each, got {tuple(groups)}")
        self.groups = None if groups is None else list(groups)
        self.name = "total_correlation" if groups is None else "group_correlation"

    def score(self, draw: Draw, pairs: Tensor) -> Tensor:
        size = pairs.shape[-1]
        groups = self.groups or [1] * size
        if sum(groups) != size:
            raise ValueError(f"groups of {groups} are {sum(groups)} numbers, and the latent has {size}: give others")
        by_group = torch.stack([part.sum(-1) for part in torch.split(pairs, groups, -1)])
        return self.log_qz(pairs.sum(-1)) - self.log_qz(by_group).sum(0)


class DimensionKL(AggregatePosteriorTerm):
    r"""Dimension-wise KL, :math:`E[\sum_d \log q(z_d) - \log p(z)]`, nats per example.

    How far the marginals of the aggregate posterior are from the prior: Chen et al. 2018, arXiv 1802.04942, equation 2.

    Args:
        sampling: stratified or weighted (:class:`AggregatePosteriorTerm`).
    """

    name = "dimension_kl"

    def score(self, draw: Draw, pairs: Tensor) -> Tensor:
        return self.log_qz(pairs.movedim(-1, 0)).sum(0) - draw.log_pz
