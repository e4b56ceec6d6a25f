"""A normal that an invertible transformation is applied to: the distribution of a normalizing flow."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal


class InvertibleMap(Protocol):
    """An invertible map of vectors with parameters, as :class:`elbowroom.families.flows.Flow` has it."""

    def __call__(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., D), given parameters (..., size), to (..., D) and the log-determinant of the Jacobian, (...)."""

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector that is mapped to this one, and the log-determinant of the map there."""


class FlowDistribution(UncheckedDistribution):
    r"""A normalizing flow: a normal that an invertible map is applied to.

    .. math:: z = f(z_0), \quad z_0 \sim \mathcal N(\mu, \sigma^2), \quad
        \log q(z) = \log q_0(z_0) - \log |\det \partial f / \partial z_0|

    The density of the last draw is known from drawing it, and remembered; for any other value the map is inverted,
    which takes longer.

    Args:
        base: the normal, with batch shape (...) and any event shape of D numbers.
        flow: the map of vectors of D numbers.
        phi: parameters of the map that depend on the example, (..., size).

    >>> import elbowroom as er
    >>> q = er.posterior("planar:4", 2)(torch.randn(5, er.posterior("planar:4", 2).size))
    >>> z = q.rsample((3,))
    >>> z.shape, torch.allclose(q.log_prob(z), q.log_prob(z.clone()), atol=1e-4)
    (torch.Size([3, 5, 2]), True)
    """

    has_rsample = True

    def __init__(self, base: Normal, flow: InvertibleMap, phi: Tensor) -> None:
        self.base, self.flow, self.phi = base, flow, phi
        self._last_draw: tuple[Tensor, Tensor] | None = None
        super().__init__(base.batch_shape, base.event_shape)

    @property
    def mean(self) -> Tensor:
        """What the mean of the normal is mapped to, which is no mean where the map is curved; the draw of no noise."""
        return self._transform(self.base.mean)[0]

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.from_noise(noise.standard_normal(self._extended_shape(sample_shape), self.base.loc))

    def from_noise(self, eps: Tensor) -> Tensor:
        """Return the draw that standard normals make, (..., *event), whose density is then remembered."""
        z0 = self.base.from_noise(eps)
        z, log_det = self._transform(z0)
        self._last_draw = z, self.base.log_prob(z0) - log_det
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log q(z), nats: (..., *event) to (...)."""
        if self._last_draw is not None and self._last_draw[0] is value:
            return self._last_draw[1]
        z0, log_det = self.flow.inverse(value.flatten(-len(self.event_shape)), self.phi)
        return self.base.log_prob(torch.unflatten(z0, -1, self.event_shape)) - log_det

    def _transform(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        z, log_det = self.flow(z0.flatten(-len(self.event_shape)), self.phi)
        return torch.unflatten(z, -1, self.event_shape), log_det
