"""Gamma and Dirichlet distributions whose draws are transformations of normals."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributions as td
from torch import Tensor
from torch.distributions import register_kl

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.manifolds.orthant import MIN_POSITIVE

#: Proposals for a draw, of which the first accepted is taken: each is accepted with a probability above 95 %.
N_PROPOSALS = 6
#: Numbers of noise for a draw: a normal and a uniform one for each proposal, and the power of a small shape.
N_NORMALS = 2 * N_PROPOSALS + 1


def sample_standard_gamma(concentration: Tensor, eps: Tensor) -> Tensor:
    r"""Map standard normals (..., :data:`N_NORMALS`) to draws of :math:`\Gamma(\alpha, 1)`, (...), with gradients by α.

    Marsaglia & Tsang 2000, doi 10.1145/358407.358414: :math:`z = d (1 + x / \sqrt{9 d})^3` with
    :math:`d = \alpha - \tfrac13`, accepted with a probability of at least 95 %; that of :math:`\alpha < 1` is one of
    :math:`\alpha + 1` times :math:`u^{1/\alpha}`. Where none of the proposals is accepted, as at one draw in tens
    of millions, the last is taken. The gradient is that of torch, implicit (Figurnov, Mohamed & Mnih 2018, arXiv
    1805.08498).
    """
    with torch.no_grad():
        alpha = torch.where(concentration < 1, concentration + 1, concentration)
        d = (alpha - 1 / 3)[..., None]
        x, normals = eps[..., :N_PROPOSALS], eps[..., N_PROPOSALS:]
        log_u = noise.to_uniform(normals).clamp(1e-7, 1 - 1e-7).log()
        cube = (1 + x / (9 * d).sqrt()) ** 3
        is_accepted = log_u[..., :-1] < 0.5 * x.square() + d * (1 - cube + cube.clamp_min(1e-30).log())
        is_accepted = is_accepted & (cube > 0)
        is_accepted[..., -1] = True
        first = is_accepted.to(torch.uint8).argmax(-1, keepdim=True)
        log_power = torch.where(concentration < 1, log_u[..., -1] / concentration, 0.0)
        z = (d * cube.clamp_min(1e-3)).gather(-1, first)[..., 0] * log_power.exp()
        z = z.clamp_min(MIN_POSITIVE)
        if not concentration.requires_grad:
            return z
        slope = torch._standard_gamma_grad(concentration.expand_as(z).contiguous(), z)
    return z + slope * (concentration - concentration.detach())


class IndependentGamma(UncheckedDistribution):
    r"""Independent gamma variables with shape α and rate β: the numbers of a latent above zero.

    .. math:: \log p(z) = \sum_i \alpha_i \log \beta_i - \log \Gamma(\alpha_i) + (\alpha_i - 1) \log z_i - \beta_i z_i

    Args:
        concentration: α, (..., D).
        rate: β, (..., D).

    >>> q = IndependentGamma(torch.full((1, 2), 2.0), torch.ones(1, 2))
    >>> q.log_prob(torch.ones(2)), q.mean
    (tensor([-2.]), tensor([[2., 2.]]))
    """

    has_rsample = True

    def __init__(self, concentration: Tensor, rate: Tensor) -> None:
        self.concentration, self.rate = concentration, rate
        super().__init__(concentration.shape[:-1], concentration.shape[-1:])

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    @property
    def elements(self) -> td.Gamma:
        """The gamma distributions of the numbers, one by one."""
        return td.Gamma(self.concentration, self.rate, validate_args=False)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        if noise.is_zero():
            return self.mean.expand(shape)
        eps = noise.standard_normal(torch.Size((*shape, N_NORMALS)), self.concentration)
        return (sample_standard_gamma(self.concentration.expand(shape), eps) / self.rate).clamp_min(MIN_POSITIVE)

    def log_prob(self, value: Tensor) -> Tensor:
        log_prob: Tensor = self.elements.log_prob(value.clamp_min(MIN_POSITIVE)).sum(-1)  # type: ignore[no-untyped-call]
        return log_prob


class KeyedDirichlet(UncheckedDistribution):
    r"""The Dirichlet distribution of shares, whose draws are gamma variables divided by their sum.

    .. math:: \log p(z) = \log \Gamma(\textstyle\sum_i \alpha_i) - \sum_i \log \Gamma(\alpha_i)
        + \sum_i (\alpha_i - 1) \log z_i

    Args:
        concentration: α, (..., D).

    >>> q = KeyedDirichlet(torch.full((1, 3), 2.0))
    >>> q.log_prob(torch.full((3,), 1 / 3)), q.mean
    (tensor([1.4917]), tensor([[0.3333, 0.3333, 0.3333]]))
    """

    has_rsample = True

    def __init__(self, concentration: Tensor) -> None:
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:])

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.mean) / (1 + self.concentration.sum(-1, keepdim=True))

    @property
    def joint(self) -> td.Dirichlet:
        """The same distribution of torch."""
        return td.Dirichlet(self.concentration, validate_args=False)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        if noise.is_zero():
            return self.mean.expand(shape)
        eps = noise.standard_normal(torch.Size((*shape, N_NORMALS)), self.concentration)
        z = sample_standard_gamma(self.concentration.expand(shape), eps)
        return (z / z.sum(-1, keepdim=True)).clamp_min(MIN_POSITIVE)

    def log_prob(self, value: Tensor) -> Tensor:
        log_prob: Tensor = self.joint.log_prob(value.clamp_min(MIN_POSITIVE))  # type: ignore[no-untyped-call]
        return log_prob


@register_kl(IndependentGamma, IndependentGamma)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_gamma(q: IndependentGamma, p: IndependentGamma) -> Tensor:
    return td.kl_divergence(q.elements, p.elements).sum(-1)


@register_kl(KeyedDirichlet, KeyedDirichlet)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_dirichlet(q: KeyedDirichlet, p: KeyedDirichlet) -> Tensor:
    return td.kl_divergence(q.joint, p.joint)
