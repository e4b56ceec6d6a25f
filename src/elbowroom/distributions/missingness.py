"""Distribution of values and of which of them are missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.tabular import IndependentColumns, StackedColumns


class ValuesAndMask(UncheckedDistribution):
    r"""Values with the mask s of those that are there, where whether a value is missing depends on the values.

    .. math:: \log p(x_{\mathrm{obs}}) + \log p(s \mid x_{\mathrm{obs}}, \tilde x_{\mathrm{mis}}), \quad
        \tilde x_{\mathrm{mis}} \sim p(x_{\mathrm{mis}})

    whose exponential is an unbiased estimate of the density of what was observed, values and mask. The draw
    :math:`\tilde x` is one for each element of the batch, the same at each call, and lets gradients pass where the
    values have them (categories do not).

    Ipsen, Mattei & Frellsen 2021, arXiv 2006.12871.

    Args:
        values: p(x), which takes missing values, or is never given any.
        mask_logits: from examples without a gap, (..., *shape), to the logits of their values being there.

    >>> from elbowroom.distributions import Normal
    >>> from elbowroom.distributions.elements import ObservedValues
    >>> values = ObservedValues(Normal(torch.zeros(2), torch.zeros(2)))
    >>> ValuesAndMask(values, torch.zeros_like).log_prob(torch.tensor([0.0, torch.nan]))  # -0.9189 - 2 log 2
    tensor(-2.3052)
    """

    def __init__(self, values: Distribution, mask_logits: Callable[[Tensor], Tensor]) -> None:
        self.values, self.mask_logits = values, mask_logits
        super().__init__(values.batch_shape, values.event_shape)

    @cached_property
    def drawn(self) -> Tensor:
        """A draw of the values, by which the mask is judged."""
        if isinstance(self.values, IndependentColumns | StackedColumns):
            return torch.cat([_draw_with_gradient(column) for column in self.values.columns], -1)
        return _draw_with_gradient(self.values)

    @property
    def mean(self) -> Tensor:
        return self.values.mean

    def log_prob(self, value: Tensor) -> Tensor:
        filled = self.drawn.where(value.isnan(), value)
        is_there = (~value.isnan()).to(value.dtype).expand(filled.shape)
        mask = Bernoulli(logits=self.mask_logits(filled), validate_args=False)
        score: Tensor = mask.log_prob(is_there)  # type: ignore[no-untyped-call]
        values: Tensor = self.values.log_prob(value)
        return values + score.flatten(-len(self.event_shape)).sum(-1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.values.sample(sample_shape)


def _draw_with_gradient(p: Distribution) -> Tensor:
    drawn: Tensor = p.rsample() if p.has_rsample else p.sample()
    return drawn
