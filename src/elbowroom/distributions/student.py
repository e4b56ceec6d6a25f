"""Student-t distribution by location, log-scale and log-degrees of freedom."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import StudentT as TorchStudentT

from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes


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
