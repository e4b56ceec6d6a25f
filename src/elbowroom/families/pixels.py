"""Families for pixels: bits, grey values, the 256 levels of an image."""

from __future__ import annotations

import math

import torch
import torch.distributions as td
from torch import Tensor

from elbowroom import distributions
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood


@register_likelihood("bernoulli", "bits; of grey values the binary cross-entropy, which is no likelihood")
class Bernoulli(Family):
    r"""An independent Bernoulli for every pixel, parametrized by its logit.

    .. math:: \log p(x) = \sum_i x_i \log p_i + (1 - x_i) \log(1 - p_i)

    A likelihood for binary data only. On grey values it is the widely used binary cross-entropy: it trains well, but
    does not integrate to one, which is noted wherever it is reported; :class:`ContinuousBernoulli` does.

    >>> import torch
    >>> p = Bernoulli((1, 2, 2))(torch.zeros(3, 4))
    >>> p.log_prob(torch.ones(3, 1, 2, 2))
    tensor([-2.7726, -2.7726, -2.7726])
    """

    support = (0.0, 1.0)
    levels = 2

    def forward(self, phi: Tensor) -> td.Distribution:
        return distributions.IndependentBernoulli(torch.unflatten(phi, -1, self.shape), len(self.shape))


@register_likelihood("continuous-bernoulli", "a density on [0, 1] for grey values")
class ContinuousBernoulli(Family):
    """:class:`elbowroom.distributions.PixelContinuousBernoulli` for every pixel: a density on [0, 1]."""

    support = (0.0, 1.0)

    def forward(self, phi: Tensor) -> td.Distribution:
        pixel = distributions.PixelContinuousBernoulli(torch.unflatten(phi, -1, self.shape))
        return distributions.to_event(pixel, len(self.shape))


@register_likelihood("categorical", "the 256 values of a pixel, without their order")
class Categorical(Family):
    """A categorical distribution over the 256 values of every pixel; discrete, so bits per dimension are defined.

    It does not use the order of the values, and needs 256 outputs of the network for every element: for small images
    and large data sets.
    """

    support = (0.0, 1.0)
    levels = 256

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_element=256)

    def forward(self, phi: Tensor) -> td.Distribution:
        return distributions.to_event(
            distributions.PixelCategorical(self.split_parameters(phi).movedim(0, -1)), len(self.shape)
        )


@register_likelihood("discretized-logistic", "a logistic over the 256 values of a pixel")
class DiscretizedLogistic(Family):
    """:class:`elbowroom.distributions.PixelLogistic` for every pixel, location and scale from the network."""

    support = (0.0, 1.0)
    levels = 256

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, per_element=2)

    def forward(self, phi: Tensor) -> td.Distribution:
        loc, raw = self.split_parameters(phi)
        return distributions.to_event(distributions.PixelLogistic(*_logistic_parameters(loc, raw)), len(self.shape))


def parse_components(setting: str) -> int:
    """Return the number of components of a mixture."""
    if not setting.isdecimal():
        raise ValueError(f"'{setting}' is not a number of components: write logistic-mixture:10")
    return int(setting)


@register_likelihood(
    "logistic-mixture", "a mixture of logistics over a pixel's channels together", "COMPONENTS", parse_components
)
class LogisticMixture(Family):
    """:class:`elbowroom.distributions.PixelLogisticMixture` for every pixel: its channels are not independent.

    Args:
        shape: of an example: (C, *space), or (D,) for one channel.
        components: K, the number of logistics for a pixel.

    >>> import torch
    >>> p = LogisticMixture((3, 2, 2), components=4)(torch.zeros(5, 3 * 2 * 2 * 12))
    >>> p.log_prob(torch.rand(5, 3, 2, 2)).shape, p.mean.shape
    (torch.Size([5]), torch.Size([5, 3, 2, 2]))
    """

    support = (0.0, 1.0)
    levels = 256

    def __init__(self, shape: Shape, components: int = 5) -> None:
        if components < 1:
            raise ValueError(f"a mixture needs at least 1 component, got {components}")
        super().__init__(shape, per_element=3 * components)
        self.components = components

    def forward(self, phi: Tensor) -> td.Distribution:
        channels = self.shape[0] if len(self.shape) > 1 else 1
        by_channel = torch.unflatten(phi, -1, (3, self.components, channels, math.prod(self.shape) // channels))
        loc, raw, slope = by_channel.unbind(-4)
        # The first channel depends on no other, so in place of its slope stands the logit of the component.
        return distributions.PixelLogisticMixture(
            slope[..., 0, :], *_logistic_parameters(loc, raw), slope, torch.Size(self.shape)
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, components={self.components}"


def _logistic_parameters(loc: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
    """Return location and log-scale: mid-grey and about a seventh of the range for an untrained network.

    The log-scale is bounded smoothly, so that the gradient does not vanish, between -7, a quarter of a level, below
    which the mass of a bin is one, and 3, where all mass is in the outer bins.
    """
    return loc + 0.5, 5 * (raw / 5).tanh() - 2
