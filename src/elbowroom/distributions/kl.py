"""KL divergences in closed form."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence, register_kl

from elbowroom.distributions.categories import OneHot, RelaxedOneHot, kl_of_categories
from elbowroom.distributions.gamma import IndependentGamma
from elbowroom.distributions.latent import Normal
from elbowroom.distributions.parts import IndependentParts
from elbowroom.distributions.quantized import CodeCategorical, CodeDistribution, Quantized
from elbowroom.distributions.toroidal import ToroidalNormal, ToroidalUniform
from elbowroom.distributions.view_flows import ViewFlows


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
    if isinstance(q, OneHot) and isinstance(p, OneHot) and not isinstance(p, RelaxedOneHot):
        return _share_among_classes(q, p)
    if isinstance(q, IndependentParts) and isinstance(p, IndependentParts):
        parts = [kl_elements(a, b) for a, b in zip(q.parts, p.parts, strict=True)]
        known = [part for part in parts if part is not None]
        return torch.cat(known, -1) if len(known) == len(parts) else None
    if isinstance(q, Quantized) and isinstance(p, CodeCategorical):
        return -p.position_log_mass(q.indices)
    return None


def _share_among_classes(q: OneHot, p: OneHot) -> Tensor:
    """Return the KL of each category, in equal shares for the numbers that it consists of."""
    kl = kl_of_categories(q, p)[..., None]
    return q.layout.join((kl / q.layout.classes).expand(*kl.shape[:-1], q.layout.classes))


@register_kl(Normal, Normal)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_normal(q: Normal, p: Normal) -> Tensor:
    elements = kl_elements(q, p)
    assert elements is not None
    return elements.sum(tuple(range(-len(q.event_shape), 0)))


@register_kl(Quantized, CodeDistribution)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_quantized(q: Quantized, p: CodeDistribution) -> Tensor:
    return -p.log_mass(q.indices)


@register_kl(ViewFlows, Normal)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_view_flows(q: ViewFlows, p: Normal) -> Tensor:
    return q.kl_from(p)
