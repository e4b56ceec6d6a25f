"""KL divergences in closed form."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, kl_divergence, register_kl

from elbowroom.distributions.gamma import IndependentGamma
from elbowroom.distributions.latent import Normal
from elbowroom.distributions.quantized import CodeCategorical, CodeDistribution, Quantized
from elbowroom.distributions.toroidal import ToroidalNormal, ToroidalUniform


def kl_elements(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q || p) for each element of the latent, in nats, where both factorise over it; else ``None``.

    >>> import torch
    >>> kl_elements(Normal(torch.ones(1, 3), torch.zeros(1, 3)), Normal(torch.zeros(3), torch.zeros(3)))
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    if isinstance(q, Normal) and isinstance(p, Normal):
        difference = q.log_var - p.log_var
        return 0.5 * (difference.exp() + (q.loc - p.loc) ** 2 * (-p.log_var).exp() - 1 - difference)
    if isinstance(q, ToroidalNormal) and isinstance(p, ToroidalUniform):
        return q.kl_from_uniform
    if isinstance(q, IndependentGamma) and isinstance(p, IndependentGamma):
        return kl_divergence(q.elements, p.elements)
    if isinstance(q, Quantized) and isinstance(p, CodeCategorical):
        return -p.position_log_mass(q.indices)
    return None


@register_kl(Normal, Normal)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_normal(q: Normal, p: Normal) -> Tensor:
    elements = kl_elements(q, p)
    assert elements is not None
    return elements.sum(tuple(range(-len(q.event_shape), 0)))


@register_kl(Quantized, CodeDistribution)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_quantized(q: Quantized, p: CodeDistribution) -> Tensor:
    return -p.log_mass(q.indices)
