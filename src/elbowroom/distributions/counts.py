"""Distributions of counts: Poisson, negative binomial, zero inflation, multinomial."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions import Multinomial as TorchMultinomial

from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes


class CountPoisson(UncheckedDistribution):
    r"""Counts with mean :math:`\mu`, which is their variance: :math:`\log p(n) = n \log\mu - \mu - \log n!`.

    Args:
        log_mean: of each count.

    >>> p = CountPoisson(torch.tensor(3.0).log())
    >>> round(p.log_prob(torch.arange(60.0)).exp().sum().item(), 4)
    1.0
    """

    def __init__(self, log_mean: Tensor) -> None:
        self.log_mean = log_mean
        super().__init__(log_mean.shape)

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp()

    def log_prob(self, value: Tensor) -> Tensor:
        return value * self.log_mean - self.log_mean.exp() - torch.lgamma(value + 1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        with torch.no_grad():
            return torch.poisson(self.mean.expand(self._extended_shape(sample_shape)))


class CountNegativeBinomial(UncheckedDistribution):
    r"""Counts that spread more than a Poisson: with mean :math:`\mu` their variance is :math:`\mu + \mu^2/\theta`.

    .. math:: \log p(n) = \log\frac{\Gamma(n + \theta)}{\Gamma(\theta)\,n!} + \theta \log\frac{\theta}{\theta + \mu}
        + n \log\frac{\mu}{\theta + \mu}

    A Poisson whose mean is gamma distributed with shape :math:`\theta`; a plain one as :math:`\theta \to \infty`.

    Args:
        log_mean: of each count.
        log_shape: log of :math:`\theta`, the inverse dispersion; broadcastable to ``log_mean``.

    >>> p = CountNegativeBinomial(torch.tensor(3.0).log(), torch.tensor(0.5).log())
    >>> round(p.log_prob(torch.arange(400.0)).exp().sum().item(), 4)
    1.0
    """

    def __init__(self, log_mean: Tensor, log_shape: Tensor) -> None:
        self.log_mean, self.log_shape = log_mean, log_shape
        super().__init__(broadcast_shapes(log_mean.shape, log_shape.shape))

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp().expand(self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        shape, log_total = self.log_shape.exp(), torch.logaddexp(self.log_mean, self.log_shape)
        coefficient = torch.lgamma(value + shape) - torch.lgamma(shape) - torch.lgamma(value + 1)
        return coefficient + shape * (self.log_shape - log_total) + value * (self.log_mean - log_total)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        with torch.no_grad():
            shape = self.log_shape.exp().expand(self._extended_shape(sample_shape))
            return torch.poisson(torch._standard_gamma(shape) / shape * self.mean)


class ZeroInflatedCount(UncheckedDistribution):
    r"""Counts of which a share :math:`\pi` is zero for a reason of its own, as a count that was not taken.

    .. math:: p(n) = \pi\,[n = 0] + (1 - \pi)\,p_0(n)

    Args:
        counts: :math:`p_0`, of single counts.
        zero_logits: the logit of :math:`\pi`.

    >>> p = ZeroInflatedCount(CountPoisson(torch.tensor(3.0).log()), torch.tensor(0.0))
    >>> p.mean, round(p.log_prob(torch.arange(60.0)).exp().sum().item(), 4)
    (tensor(1.5000), 1.0)
    """

    def __init__(self, counts: Distribution, zero_logits: Tensor) -> None:
        self.counts, self.zero_logits = counts, zero_logits
        super().__init__(broadcast_shapes(counts.batch_shape, zero_logits.shape))

    @property
    def mean(self) -> Tensor:
        return (-self.zero_logits).sigmoid() * self.counts.mean

    def log_prob(self, value: Tensor) -> Tensor:
        counted = F.logsigmoid(-self.zero_logits) + self.counts.log_prob(value)
        return torch.where(value == 0, torch.logaddexp(F.logsigmoid(self.zero_logits), counted), counted)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        counts = self.counts.expand(self.batch_shape) if self.counts.batch_shape != self.batch_shape else self.counts
        drawn = cast(Tensor, counts.sample(torch.Size(sample_shape)))
        return drawn.masked_fill(torch.rand_like(drawn) < self.zero_logits.sigmoid(), 0)


class BagMultinomial(UncheckedDistribution):
    r"""A bag of N items, such as the words of a text, each drawn from the same categories.

    .. math:: \log p(x \mid N) = \log N! - \sum_i \log x_i! + \sum_i x_i \log \mathrm{softmax}(\mathrm{logits})_i

    for counts x that add up to N, whatever N is: it is known, no part of what is predicted. Without the first two terms
    it is the log-probability of the items in their order, :meth:`log_prob_of_items`.

    Args:
        logits: of the categories, (..., *event).
        total: N of draws and of the mean, any number above 0.
        event_dim: how many trailing dimensions make one bag.

    >>> p = BagMultinomial(torch.zeros(2), torch.tensor(2.0))
    >>> p.log_prob(torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])).exp()
    tensor([0.2500, 0.5000, 0.2500])
    """

    def __init__(self, logits: Tensor, total: Tensor, event_dim: int = 1) -> None:
        self.total, self._dims, split = total, tuple(range(-event_dim, 0)), logits.dim() - event_dim
        self.logits = logits.flatten(split).log_softmax(-1)
        super().__init__(logits.shape[:split], logits.shape[split:])

    @property
    def mean(self) -> Tensor:
        mean: Tensor = (self.logits.exp() * self.total).reshape(self.batch_shape + self.event_shape)
        return mean

    def log_prob_of_items(self, value: Tensor) -> Tensor:
        """Return the log-probability of the items one after the other, in any order that is given: nats."""
        return (value.flatten(-len(self.event_shape)) * self.logits).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        orders = torch.lgamma(value.sum(self._dims) + 1) - torch.lgamma(value + 1).sum(self._dims)
        return orders + self.log_prob_of_items(value)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        bag = TorchMultinomial(max(1, round(self.total.item())), logits=self.logits, validate_args=False)
        counts: Tensor = bag.sample(torch.Size(sample_shape))  # type: ignore[no-untyped-call]
        return counts.reshape(*counts.shape[:-1], *self.event_shape)
