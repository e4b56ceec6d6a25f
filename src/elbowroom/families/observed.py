"""Family of examples with missing values: another one, of the values that are observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
import torch.distributions as td
from torch import Tensor

from elbowroom.distributions.elements import ObservedValues, elementwise_log_prob
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import likelihood, register_likelihood
from elbowroom.masked_shape import DEFAULT_LIKELIHOOD, OBSERVED_LIKELIHOOD


class Observed(Family):
    """:class:`elbowroom.distributions.elements.ObservedValues` of another family, with its parameters.

    A missing value, NaN, adds nothing to the log-probability: a gap of a series costs nothing, nor do the steps by
    which a short one was padded to the length of the others. Nazábal et al. 2020, arXiv 1807.03653.

    Args:
        inner: whose elements are independent.

    Raises:
        ValueError: a family whose elements are not, or whose scale is fitted to a batch, which may lack values.

    >>> family = Observed(likelihood("gaussian:1", (1, 3)))
    >>> family(torch.zeros(3)).log_prob(torch.tensor([[0.0, torch.nan, 0.0]]))
    tensor(-1.8379)
    """

    missing = True

    def __init__(self, inner: Family) -> None:
        super().__init__(inner.shape)
        self.size, self.support, self.levels = inner.size, inner.support, inner.levels
        self.is_count, self.is_location, self.inner = inner.is_count, inner.is_location, inner
        try:
            elementwise_log_prob(inner(torch.zeros(inner.size)), torch.zeros(inner.shape))
        except ValueError:
            raise ValueError(
                f"{type(inner).__name__} ({inner.extra_repr()}) has no log-probability of single values, of which some "
                "may be missing here: take gaussian, laplace or another of independent values, without 'optimal'"
            ) from None

    def forward(self, phi: Tensor) -> td.Distribution:
        return ObservedValues(self.inner(phi))

    def with_shape(self, shape: Sequence[int]) -> Self:
        family = super().with_shape(shape)
        family._modules = {**self._modules, "inner": self.inner.with_shape(shape)}
        return family


@register_likelihood(
    OBSERVED_LIKELIHOOD, "another likelihood, of the values that are there; a missing one adds nothing", "LIKELIHOOD"
)
def observed_values(shape: Shape, inner: str = DEFAULT_LIKELIHOOD) -> Observed:
    """Return the likelihood of the observed values of examples, by the name of that of single values."""
    return Observed(likelihood(inner, shape if isinstance(shape, int) else tuple(shape)))
