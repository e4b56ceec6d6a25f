"""Student-t distributions by location, log-scale and degrees of freedom: of one number, and of several at once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import StudentT as TorchStudentT

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes
from elbowroom.distributions.gamma import N_NORMALS, sample_standard_gamma


class ScaledStudentT(UncheckedDistribution):
    r"""Student's t with location :math:`\mu`, scale :math:`s` and :math:`\nu` degrees of freedom.

    .. math:: \log p(x) = \log\Gamma\tfrac{\nu+1}{2} - \log\Gamma\tfrac{\nu}{2} - \tfrac12\log \pi\nu s^2
        - \tfrac{\nu+1}{2} \log\left(1 + \frac{(x-\mu)^2}{\nu s^2}\right)

    The tail falls as a power of x, so an outlier has a bounded influence; a normal as :math:`\nu \to \infty`. All
    arguments broadcast. ``mean`` is the location, which is the median and mode for any :math:`\nu`, and the mean where
    there is one, above :math:`\nu = 1`.

    >>> p = ScaledStudentT(torch.zeros(3), torch.tensor(0.0), torch.tensor(1.0).log())
    >>> p.log_prob(torch.zeros(3)).exp()  # of the Cauchy, 1 / π
    tensor([0.3183, 0.3183, 0.3183])
    """

    def __init__(self, loc: Tensor, log_scale: Tensor, log_df: Tensor) -> None:
        self.loc, self.log_scale, self.log_df = loc, log_scale, log_df
        super().__init__(broadcast_shapes(loc.shape, log_scale.shape, log_df.shape))

    @property
    def mean(self) -> Tensor:
        return self.loc.expand(self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        df = self.log_df.exp()
        constant = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - (math.log(math.pi) + self.log_df) / 2
        squares = ((value - self.loc) * (-self.log_scale).exp()).square() / df
        return constant - self.log_scale - (df + 1) / 2 * squares.log1p()

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        with torch.no_grad():
            t = TorchStudentT(self.log_df.exp(), self.loc, self.log_scale.exp(), validate_args=False)
            return t.rsample(torch.Size(sample_shape))


class MultivariateStudentT(UncheckedDistribution):
    r"""Student's t of D numbers that share their tail: location :math:`\mu`, scales :math:`s`, degrees :math:`\nu`.

    .. math:: \log p(x) = \log\Gamma\tfrac{\nu+D}{2} - \log\Gamma\tfrac{\nu}{2} - \tfrac D2 \log \pi\nu
        - \sum_i \log s_i - \tfrac{\nu+D}{2} \log\left(1 + \tfrac1\nu \sum_i \frac{(x_i-\mu_i)^2}{s_i^2}\right)

    A normal divided by the root of one :math:`\chi^2_\nu / \nu`: numbers are uncorrelated and yet dependent, as where
    one is far out the others are too. ``mean`` is the location.

    Args:
        loc: (..., *event).
        log_scale: that broadcasts to it.
        df: the degrees of freedom, a scalar.
        event_dim: the number of dimensions of an event.

    >>> p = MultivariateStudentT(torch.zeros(5, 3), torch.tensor(0.0), torch.tensor(4.0))
    >>> p.batch_shape, p.event_shape, p.stddev[0]
    (torch.Size([5]), torch.Size([3]), tensor([1.4142, 1.4142, 1.4142]))
    """

    has_rsample = True

    def __init__(self, loc: Tensor, log_scale: Tensor, df: Tensor, event_dim: int = 1) -> None:
        shape = broadcast_shapes(loc.shape, log_scale.shape)
        self.loc, self.log_scale, self.df = loc.expand(shape), log_scale.expand(shape), df
        super().__init__(shape[: len(shape) - event_dim], shape[len(shape) - event_dim :])

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance, infinite where there is none, up to two degrees of freedom."""
        factor = torch.where(self.df > 2, self.df / (self.df - 2), math.inf)
        return (2 * self.log_scale).exp() * factor

    def _sum_event(self, elements: Tensor) -> Tensor:
        return elements.flatten(-len(self.event_shape)).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        n, df = self.event_shape.numel(), self.df
        squares = self._sum_event(((value - self.loc) * (-self.log_scale).exp()).square())
        constant = torch.lgamma((df + n) / 2) - torch.lgamma(df / 2) - n / 2 * (math.pi * df).log()
        return constant - self._sum_event(self.log_scale) - (df + n) / 2 * (squares / df).log1p()

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        if noise.is_zero():
            return self.loc.expand(shape)
        n = self.event_shape.numel()
        batch = shape[: len(shape) - len(self.event_shape)]
        eps = noise.standard_normal(torch.Size((*batch, n + N_NORMALS)), self.loc)
        chi_square = 2 * sample_standard_gamma((self.df / 2).expand(batch), eps[..., n:])
        normal = eps[..., :n] * (self.df / chi_square).sqrt()[..., None]
        return self.loc + self.log_scale.exp() * normal.reshape(shape)
