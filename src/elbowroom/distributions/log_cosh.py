"""The density whose negative log is the log-cosh loss."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes


class ScaledLogCosh(UncheckedDistribution):
    r"""The log-cosh loss of an error, normalized to a density; with sharpness 1 the hyperbolic secant.

    .. math:: \log p(x) = -\frac1a \log\cosh(a t) + \log\frac{a\,\Gamma(\frac{1}{2a} + \frac12)}
        {\sqrt\pi\,\Gamma(\frac{1}{2a})} - \log s, \quad t = \frac{x - \mu}{s}

    The loss is that of Chen et al. 2019, openreview rkglvsC9Ym: quadratic for errors far below :math:`s/a`, absolute
    above. Deviation: the paper has the loss alone; here it has its constant and a scale, so that it is a likelihood.

    Args:
        loc: location :math:`\mu`.
        log_scale: log of the scale s.
        sharpness: a, the curvature at zero error; as it grows the density becomes a Laplace.

    >>> p = ScaledLogCosh(torch.tensor(0.0), torch.tensor(0.0), sharpness=1.0)
    >>> p.log_prob(torch.tensor(0.0)).exp()  # of the hyperbolic secant, 1 / π
    tensor(0.3183)
    """

    def __init__(self, loc: Tensor, log_scale: Tensor, sharpness: float = 10.0) -> None:
        self.loc, self.log_scale, self.sharpness = loc, log_scale, sharpness
        super().__init__(broadcast_shapes(loc.shape, log_scale.shape))

    @property
    def mean(self) -> Tensor:
        return self.loc.expand(self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        a, half = self.sharpness, 1 / (2 * self.sharpness)
        u = (a * (value - self.loc) * (-self.log_scale).exp()).abs()
        log_cosh = u + F.softplus(-2 * u) - math.log(2)  # without the overflow of cosh
        constant = math.log(a) + math.lgamma(half + 0.5) - math.lgamma(half) - math.log(math.pi) / 2
        return constant - log_cosh / a - self.log_scale

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw by the logit of a Beta(1/2a, 1/2a), which is the log of a ratio of gammas."""
        shape = self._extended_shape(sample_shape)
        first, second = (_log_gamma_draw(1 / (2 * self.sharpness), shape, self.loc) for _ in range(2))
        return self.loc + self.log_scale.exp() * (first - second) / (2 * self.sharpness)


def _log_gamma_draw(concentration: float, shape: torch.Size, like: Tensor) -> Tensor:
    """Draw the log of a gamma variable; of a small concentration most draws would round to zero.

    A gamma of concentration c is one of c + 1 times :math:`u^{1/c}` with uniform u.
    """
    larger = torch._standard_gamma(torch.full(shape, concentration + 1, dtype=like.dtype, device=like.device))
    return larger.log() - torch.empty_like(larger).exponential_() / concentration
