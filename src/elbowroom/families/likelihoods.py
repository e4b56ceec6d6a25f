"""Families for data: p(x|z)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.distributions as td
from torch import Tensor, nn

from elbowroom import advice, distributions
from elbowroom.families.family import Family
from elbowroom.families.posteriors import DiagonalNormal

Shape = int | Sequence[int]


class Bernoulli(Family):
    r"""A coin for every pixel, on its logit: :math:`\log p(x) = \sum_i x_i \log p_i + (1-x_i) \log(1-p_i)`.

    A likelihood for binary data only. On grey values it is the cross-entropy of the classic example: it trains well,
    but does not integrate to one, so it is labelled wherever it is reported; :class:`ContinuousBernoulli` does.

    >>> p = Bernoulli((1, 2, 2))(torch.zeros(3, 4))
    >>> p.log_prob(torch.ones(3, 1, 2, 2))
    tensor([-2.7726, -2.7726, -2.7726])
    """

    support = (0.0, 1.0)
    levels = 2

    def forward(self, phi: Tensor) -> td.Distribution:  # noqa: D102
        coin = td.Bernoulli(logits=phi.unflatten(-1, self.shape), validate_args=False)
        return distributions.independent(coin, len(self.shape))


class ContinuousBernoulli(Family):
    """:class:`elbowroom.distributions.ContinuousBernoulli` for every pixel: a density for grey values in [0, 1]."""

    support = (0.0, 1.0)

    def forward(self, phi: Tensor) -> td.Distribution:  # noqa: D102
        pixel = distributions.ContinuousBernoulli(phi.unflatten(-1, self.shape))
        return distributions.independent(pixel, len(self.shape))


class _Scaled(Family):
    """A location from the network and one log-scale for all elements: a number, or learned beside the weights."""

    log_scale: Tensor

    def __init__(self, shape: Shape, scale: float | str = "learned") -> None:
        super().__init__(shape)
        self.scale = scale
        if scale == "learned":
            self.log_scale = nn.Parameter(torch.zeros(()))
            return
        if not isinstance(scale, str) and not scale > 0:
            raise ValueError(f"a fixed scale must be above 0, got {scale}")
        self.register_buffer("log_scale", torch.tensor(0.0 if isinstance(scale, str) else math.log(scale)))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale={self.scale}"


class Gaussian(_Scaled):
    r"""A normal around the network's output with one standard deviation :math:`\sigma` for all elements.

    Args:
        shape: of an example.
        scale: a number keeps :math:`\sigma` there; ``"learned"`` makes it a parameter; ``"optimal"`` sets it in every
            training step to the batch's root mean squared error, the value that maximises the likelihood, through
            which the gradient flows (Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202).

    Deviation from the paper: outside training, ``"optimal"`` uses an exponential average (rate 0.1, so over the last
    dozens of steps) of the steps' :math:`\log\sigma^2`, since a scale taken from the batch under test is no likelihood.

    >>> p = Gaussian(4, scale=1.0)(torch.zeros(1, 4))
    >>> p.log_prob(torch.zeros(1, 4))
    tensor([-3.6758])
    """

    started: Tensor

    def __init__(self, shape: Shape, scale: float | str = "learned") -> None:
        if isinstance(scale, str) and scale not in ("learned", "optimal"):
            raise advice.unknown("Gaussian scale", scale, ("learned", "optimal"), " or a number")
        super().__init__(shape, scale)
        if scale == "optimal":
            self.register_buffer("started", torch.zeros(()))

    def forward(self, phi: Tensor) -> td.Distribution:  # noqa: D102
        loc = phi.unflatten(-1, self.shape)
        if self.scale == "optimal" and self.training:
            return _OptimalNormal(loc, self)
        return distributions.Normal(loc, 2 * self.log_scale, len(self.shape))

    @torch.no_grad()
    def follow(self, log_var: Tensor) -> None:
        """Take one training step's log-variance into the average."""
        rate = torch.where(self.started > 0, 0.1, 1.0)
        self.log_scale += rate * (log_var / 2 - self.log_scale)
        self.started.fill_(1)


class _OptimalNormal(distributions.Normal):
    """A normal that takes its variance from the first value it scores."""

    def __init__(self, loc: Tensor, family: Gaussian) -> None:
        super().__init__(loc, 2 * family.log_scale, len(family.shape))
        self._family = family

    def log_prob(self, value: Tensor) -> Tensor:
        self.log_var = ((value - self.loc) ** 2).mean().clamp_min(1e-12).log()
        self._family.follow(self.log_var.detach())
        return super().log_prob(value)


class Laplace(_Scaled):
    r"""A Laplace around the network's output, one scale :math:`b` for all: :math:`\log p(x) = -\sum_i |x_i-\mu_i|/b +
    \log 2b`.

    Args:
        shape: of an example.
        scale: a number, or ``"learned"``.
    """

    def __init__(self, shape: Shape, scale: float | str = "learned") -> None:
        if isinstance(scale, str) and scale != "learned":
            raise advice.unknown("Laplace scale", scale, ("learned",), " or a number")
        super().__init__(shape, scale)

    def forward(self, phi: Tensor) -> td.Distribution:  # noqa: D102
        pixel = td.Laplace(phi.unflatten(-1, self.shape), self.log_scale.exp(), validate_args=False)
        return distributions.independent(pixel, len(self.shape))


class Categorical(Family):
    """A free probability for each of the 256 values of every pixel; discrete, so bits per dimension are defined."""

    support = (0.0, 1.0)
    levels = 256

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_element=256)

    def forward(self, phi: Tensor) -> td.Distribution:  # noqa: D102
        return distributions.independent(distributions.Levels(phi.unflatten(-1, (*self.shape, 256))), len(self.shape))


class DiscretisedLogistic(Family):
    """:class:`elbowroom.distributions.DiscretisedLogistic` for every pixel, location and scale from the network."""

    support = (0.0, 1.0)
    levels = 256

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_element=2)

    def forward(self, phi: Tensor) -> td.Distribution:  # noqa: D102
        loc, log_scale = (half.unflatten(-1, self.shape) for half in phi.chunk(2, -1))
        # Centred so that a fresh network says mid-grey with a scale of about a seventh of the range; the floor keeps a
        # bin's mass finite in single precision.
        pixel = distributions.DiscretisedLogistic(loc + 0.5, (log_scale - 2).clamp_min(-7))
        return distributions.independent(pixel, len(self.shape))


#: The likelihoods by the name a recipe takes; a scale may follow a colon.
LIKELIHOODS: dict[str, Callable[..., Family]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "diagonal-normal": DiagonalNormal,
    "categorical": Categorical,
    "discretised-logistic": DiscretisedLogistic,
}


def likelihood(name: str, shape: Shape) -> Family:
    """The likelihood of this name for data of this shape: ``"bernoulli"``, ``"gaussian:optimal"``, ``"laplace:0.1"``.

    Raises:
        ValueError: the name is not in :data:`LIKELIHOODS`, or the part behind the colon is no scale it takes.

    >>> likelihood("gaussian:0.1", (1, 8, 8))
    Gaussian(1x8x8, scale=0.1)
    """
    kind, _, scale = name.partition(":")
    if kind not in LIKELIHOODS:
        raise advice.unknown("likelihood", kind, LIKELIHOODS)
    if not scale:
        return LIKELIHOODS[kind](shape)
    if kind not in ("gaussian", "laplace"):
        raise ValueError(f"likelihood '{name}': {kind} has no scale to set; write '{kind}' alone")
    return LIKELIHOODS[kind](shape, scale=_number_or_name(scale))


def _number_or_name(scale: str) -> float | str:
    try:
        return float(scale)
    except ValueError:
        return scale
