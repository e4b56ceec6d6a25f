"""Families of counts: Poisson, negative binomial with or without zero inflation, multinomial."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
import torch.distributions as td
from torch import Tensor, nn

from elbowroom import distributions, errors
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood

#: Largest log of a mean: 3 million; an untrained network must not overflow.
MAX_LOG_MEAN = 15.0
#: What has a dispersion of its own.
DISPERSION_MODES = ("element", "shared", "predicted")


class TotalAverage(nn.Module):
    """The average total of the examples trained on: as many items have the means and the draws of a model of bags.

    It is an exponential average over the last dozens of steps.
    """

    total: Tensor
    started: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.ones(()))
        self.register_buffer("started", torch.zeros(()))

    @torch.no_grad()
    def update(self, totals: Tensor) -> None:
        """Update the average with the totals of a training step."""
        rate = torch.where(self.started > 0, 0.1, 1.0)
        self.total += rate * (totals.mean() - self.total)
        self.started.fill_(1)


class KnownTotal(distributions.UncheckedDistribution):
    """A distribution given the total of each example, which is that of what is scored, or else the average.

    Args:
        average: the average total, updated by what is scored in training.
        make: from totals (...) to the distribution with those.
        like: the distribution at the average, which has batch and event shape, mean and draws.
    """

    def __init__(self, average: TotalAverage, make: Callable[[Tensor], td.Distribution], like: td.Distribution) -> None:
        self.average, self.make, self.like = average, make, like
        super().__init__(like.batch_shape, like.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.like.mean

    def for_totals(self, value: Tensor) -> td.Distribution:
        """Return the distribution of examples with the totals of these values."""
        return self.make(value.flatten(-len(self.event_shape)).sum(-1).clamp_min(1))

    def log_prob(self, value: Tensor) -> Tensor:
        if self.average.training:
            self.average.update(value.flatten(-len(self.event_shape)).sum(-1))
        return self.for_totals(value).log_prob(value)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.like.sample(sample_shape)


class Counts(Family):
    """A family of independent counts, the log of whose means are the first outputs of the network.

    Args:
        shape: of an example.
        per_element: outputs of the network for each count.
        has_library: whether the outputs are shares instead, by a softmax over the example, of its total: what differs
            between examples is then their composition and not their size (the library size of a cell). The total is
            taken from the example itself, so this is a likelihood given the total, as in scvi-tools.
    """

    support = (0.0, math.inf)
    is_count = True

    def __init__(self, shape: Shape, per_element: int = 1, has_library: bool = False) -> None:
        super().__init__(shape, per_element)
        self.average = TotalAverage() if has_library else None

    @abstractmethod
    def build_counts(self, log_mean: Tensor, *others: Tensor) -> td.Distribution:
        """Return the distribution of each count: (..., *shape) to batch (..., *shape)."""

    def forward(self, phi: Tensor) -> td.Distribution:
        first, *others = self.split_parameters(phi)
        dims = len(self.shape)
        if self.average is None:
            return distributions.to_event(self.build_counts(first.clamp(max=MAX_LOG_MEAN), *others), dims)
        log_share = first.flatten(-dims).log_softmax(-1).unflatten(-1, self.shape)

        def make(total: Tensor) -> td.Distribution:
            log_mean = log_share + total.log()[(..., *[None] * dims)]
            return distributions.to_event(self.build_counts(log_mean, *others), dims)

        return KnownTotal(self.average, make, make(self.average.total))


def scale_by_total(family: Family) -> Family:
    """Return a family of independent counts with means that are shares of an example's total; any other as it is.

    >>> scale_by_total(Poisson(2))(torch.zeros(1, 2)).log_prob(torch.tensor([[2.0, 2.0]])).exp()
    tensor([0.0733])
    """
    if isinstance(family, Counts):
        family.average = TotalAverage()
    return family


@register_likelihood("poisson", "counts, whose variance is their mean")
class Poisson(Counts):
    """:class:`elbowroom.distributions.CountPoisson` for every count.

    >>> Poisson(2)(torch.zeros(1, 2)).log_prob(torch.tensor([[0.0, 1.0]]))
    tensor([-2.])
    """

    def __init__(self, shape: Shape, has_library: bool = False) -> None:
        super().__init__(shape, 1, has_library)

    def build_counts(self, log_mean: Tensor, *others: Tensor) -> td.Distribution:
        return distributions.CountPoisson(log_mean)


@register_likelihood("negative-binomial", "counts that spread more than their mean", "|".join(DISPERSION_MODES))
class NegativeBinomial(Counts):
    """:class:`elbowroom.distributions.CountNegativeBinomial` for every count.

    Args:
        shape: of an example.
        dispersion: what has an inverse dispersion of its own: ``"element"``, each element of an example, the same for
            all examples (a gene, in scvi-tools); ``"shared"``, one for all; ``"predicted"``, each count, from the
            network.
        has_library: as for :class:`Counts`.
        per_element: outputs of the network for each count, without the dispersion.

    Raises:
        ValueError: an unknown dispersion.

    >>> p = NegativeBinomial(2, "shared")(torch.zeros(1, 2))
    >>> p.log_prob(torch.tensor([[0.0, 1.0]])).exp().detach()
    tensor([0.1250])
    """

    def __init__(
        self, shape: Shape, dispersion: str = "element", has_library: bool = False, per_element: int = 1
    ) -> None:
        if dispersion not in DISPERSION_MODES:
            raise errors.unknown_name("dispersion", dispersion, DISPERSION_MODES)
        super().__init__(shape, per_element + (dispersion == "predicted"), has_library)
        self.dispersion = dispersion
        if dispersion != "predicted":
            self.log_shape = nn.Parameter(torch.zeros(self.shape if dispersion == "element" else ()))

    def build_counts(self, log_mean: Tensor, *others: Tensor) -> td.Distribution:
        log_shape = others[-1] if self.dispersion == "predicted" else self.log_shape
        return distributions.CountNegativeBinomial(log_mean, log_shape.clamp(max=MAX_LOG_MEAN / 2))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dispersion={self.dispersion}"


@register_likelihood(
    "zero-inflated-negative-binomial",
    "the same, with more zeros than it has",
    "|".join(DISPERSION_MODES),
)
class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """:class:`NegativeBinomial` with zeros of their own: :class:`elbowroom.distributions.ZeroInflatedCount`.

    The network predicts the share of such zeros for each count. Arguments as for :class:`NegativeBinomial`.

    >>> p = ZeroInflatedNegativeBinomial(1, "shared")(torch.zeros(1, 2))
    >>> p.log_prob(torch.tensor([[0.0]])).exp().detach()
    tensor([0.7500])
    """

    def __init__(self, shape: Shape, dispersion: str = "element", has_library: bool = False) -> None:
        super().__init__(shape, dispersion, has_library, per_element=2)

    def build_counts(self, log_mean: Tensor, *others: Tensor) -> td.Distribution:
        return distributions.ZeroInflatedCount(super().build_counts(log_mean, *others), others[0])


@register_likelihood("multinomial", "bags of words or items: which, given how many")
class Multinomial(Family):
    """:class:`elbowroom.distributions.BagMultinomial` over all elements of an example, given their total.

    Means and draws have the average total of the training examples.

    >>> Multinomial(3)(torch.zeros(1, 3)).log_prob(torch.tensor([[1.0, 0.0, 0.0]])).exp()
    tensor([0.3333])
    """

    support = (0.0, math.inf)
    is_count = True

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.average = TotalAverage()

    def forward(self, phi: Tensor) -> td.Distribution:
        logits = torch.unflatten(phi, -1, self.shape)
        bag = distributions.BagMultinomial(logits, self.average.total, len(self.shape))
        return KnownTotal(self.average, lambda _: bag, bag)
