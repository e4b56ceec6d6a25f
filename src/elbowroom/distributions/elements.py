"""Log-probabilities of the elements of an event, and of those of them that are observed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from elbowroom.distributions.autoregressive import Autoregressive
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal


class ObservedValues(UncheckedDistribution):
    r"""A distribution of independent elements, of which some may be missing; NaN is a missing one and adds nothing.

    .. math:: \log p(x) = \sum_{i:\, x_i \text{ observed}} \log p_i(x_i)

    which is the log-probability of the observed values, the missing ones integrated out.

    Args:
        base: of all elements, which are independent.

    >>> p = ObservedValues(Normal(torch.zeros(3), torch.zeros(3)))
    >>> p.log_prob(torch.tensor([0.0, torch.nan, torch.nan]))
    tensor(-0.9189)
    """

    def __init__(self, base: Distribution) -> None:
        self.base = base
        super().__init__(base.batch_shape, base.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        return self.base.variance

    def element_log_probs(self, value: Tensor) -> Tensor:
        """Return the log-probability of each element, nats; 0 for a missing one."""
        missing = value.isnan()
        # Filled before scoring, so that no NaN enters a gradient.
        return elementwise_log_prob(self.base, value.masked_fill(missing, 0)).masked_fill(missing, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.element_log_probs(value).sum(tuple(range(-len(self.event_shape), 0)))

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.base.sample(sample_shape)


def elementwise_log_prob(p: Distribution, x: Tensor) -> Tensor:
    """Return the log-probability of each element of an event, in the shape of p's batch and event.

    Raises:
        ValueError: the elements are not independent.

    >>> elementwise_log_prob(Normal(torch.zeros(2), torch.zeros(2)), torch.tensor([0.0, 2.0]))
    tensor([-0.9189, -2.9189])
    """
    if isinstance(p, ObservedValues):
        return p.element_log_probs(x)
    if isinstance(p, Independent):
        log_prob: Tensor = p.base_dist.log_prob(x)
        return log_prob
    if isinstance(p, Normal):
        # With a last dimension of one, every element is an event.
        return Normal(p.loc[..., None], p.log_var.expand_as(p.loc)[..., None]).log_prob(x[..., None])
    if isinstance(p, Autoregressive):
        return elementwise_log_prob(p.conditionals(x), x)
    raise ValueError(f"{type(p).__name__} is not a product over pixels or steps: they have no log-probability each")
