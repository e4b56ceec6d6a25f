"""Gaussian and Laplace families: a location from the network, and one scale for all elements or each channel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, Self

import torch
import torch.distributions as td
from torch import Tensor, nn

from elbowroom import distributions, errors
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood

#: The values of a scale, besides a number.
SCALE_MODES = ("learned", "channels", "optimal")
#: The scales that are parameters.
LEARNED_MODES = ("learned", "channels")
SCALE_SETTINGS = "|".join(("SCALE", *SCALE_MODES))


def parse_scale(setting: str) -> float | str:
    """Return a scale as :class:`LocationScale` takes it: a number, or a name to be checked there."""
    try:
        return float(setting)
    except ValueError:
        return setting


class LocationScale(Family):
    """A location-scale family: the location from the network, one scale for all elements or each channel.

    Args:
        shape: of an example.
        scale: a number fixes it; ``"learned"`` makes it a parameter; ``"channels"`` one of each channel, the first
            dimension of an example, since the channels of a series differ in how well they are known; ``"optimal"``
            sets it in every training step to the value that maximises the batch's likelihood, through which the
            gradient flows (Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202).

    Deviation from the paper: outside training, ``"optimal"`` uses an exponential average (rate 0.1, so over the last
    dozens of steps) of the steps' log-scales, since with a scale fitted to the test batch it would not be a likelihood.
    """

    is_location = True

    tenth: Tensor
    kept: Tensor
    started: Tensor

    def __init__(self, shape: Shape, scale: float | str = "learned") -> None:
        super().__init__(shape)
        if isinstance(scale, str) and scale not in SCALE_MODES:
            raise errors.unknown_name(f"{type(self).__name__} scale", scale, SCALE_MODES, " or a number")
        if not isinstance(scale, str) and not 0 < scale < math.inf:
            raise ValueError(f"a fixed scale must be above 0 and finite, got {scale}")
        self.scale = scale
        if scale in LEARNED_MODES:
            size = (self.shape[0], *[1] * (len(self.shape) - 1)) if scale == "channels" else ()
            self.tenth = nn.Parameter(torch.zeros(size))
        else:
            self.register_buffer("kept", torch.tensor(0.0 if isinstance(scale, str) else math.log(scale)))
        if scale == "optimal":
            self.register_buffer("started", torch.zeros(()))

    @abstractmethod
    def build_distribution(self, loc: Tensor, log_scale: Tensor) -> td.Distribution:
        """Return the distribution with this location and scale."""

    @abstractmethod
    def optimal_log_scale(self, error: Tensor) -> Tensor:
        """Return the log-scale of maximum likelihood for these errors."""

    @property
    def log_scale(self) -> Tensor:
        """The log-scale used outside training."""
        # One parameter for many elements, with far to go from its start: it moves ten times as fast as a weight.
        return 10 * self.tenth if self.scale in LEARNED_MODES else self.kept

    def forward(self, phi: Tensor) -> td.Distribution:
        loc = torch.unflatten(phi, -1, self.shape)
        return (
            OptimalScaleDistribution(self, loc)
            if self.scale == "optimal" and self.training
            else self.build_distribution(loc, self.log_scale)
        )

    @property
    def stack_key(self) -> Hashable:
        """Columns of learned scales, or of fixed ones."""
        return (type(self), self.scale in LEARNED_MODES)

    def stack(self, columns: Sequence[Self], phi: Tensor) -> td.Distribution:
        scales = (
            10 * torch.stack([column.tenth.reshape(()) for column in columns])
            if self.scale in LEARNED_MODES
            else torch.stack([column.kept for column in columns])
        )
        return self.build_distribution(phi, scales[:, None])

    @torch.no_grad()
    def update_average(self, log_scale: Tensor) -> None:
        """Update the average with the log-scale of a training step."""
        rate = torch.where(self.started > 0, 0.1, 1.0)
        self.kept += rate * (log_scale - self.kept)
        self.started.fill_(1)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale={self.scale}"


class OptimalScaleDistribution(distributions.UncheckedDistribution):
    """A distribution whose scale is fitted to the values it scores."""

    def __init__(self, family: LocationScale, loc: Tensor) -> None:
        self.family, self.loc = family, loc
        split = loc.dim() - len(family.shape)
        super().__init__(loc.shape[:split], loc.shape[split:])

    @property
    def mean(self) -> Tensor:
        return self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        log_scale = self.family.optimal_log_scale(value - self.loc)
        self.family.update_average(log_scale.detach())
        return self.family.build_distribution(self.loc, log_scale).log_prob(value)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.family.build_distribution(self.loc, self.family.log_scale).sample(sample_shape)


@register_likelihood("gaussian", "squared error: for real numbers, and images in colour", SCALE_SETTINGS, parse_scale)
class Gaussian(LocationScale):
    r"""A normal with the network's output as mean and one standard deviation :math:`\sigma` for all elements.

    >>> p = Gaussian(4, scale=1.0)(torch.zeros(1, 4))
    >>> p.log_prob(torch.zeros(1, 4))
    tensor([-3.6758])
    """

    def build_distribution(self, loc: Tensor, log_scale: Tensor) -> td.Distribution:
        return distributions.Normal(loc, 2 * log_scale, len(self.shape))

    def optimal_log_scale(self, error: Tensor) -> Tensor:
        """Return the log of the root mean square of the errors."""
        return error.square().mean().clamp_min(1e-12).log() / 2


@register_likelihood("laplace", "absolute error: as gaussian, with heavier tails", SCALE_SETTINGS, parse_scale)
class Laplace(LocationScale):
    r"""A Laplace with the network's output as location and one scale :math:`b` for all elements.

    .. math:: \log p(x) = -\sum_i |x_i - \mu_i| / b + \log 2b

    >>> p = Laplace(4, scale=1.0)(torch.zeros(1, 4))
    >>> p.log_prob(torch.zeros(1, 4))
    tensor([-2.7726])
    """

    def build_distribution(self, loc: Tensor, log_scale: Tensor) -> td.Distribution:
        pixel = td.Laplace(loc, log_scale.exp(), validate_args=False)
        return distributions.to_event(pixel, len(self.shape))

    def optimal_log_scale(self, error: Tensor) -> Tensor:
        """Return the log of the mean absolute error."""
        return error.abs().mean().clamp_min(1e-6).log()
