"""A continuous normalizing flow, fitted to latents by flow matching."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.samplers.base import SAMPLERS, Sampler
from elbowroom.samplers.map_flow_matching import MapFlowMatchingSampler
from elbowroom.samplers.optimization import minimize
from elbowroom.samplers.runge_kutta import runge_kutta_step
from elbowroom.samplers.standard import standard_log_density
from elbowroom.samplers.whitened import WhitenedSampler

#: Steps of the fourth-order Runge-Kutta method from noise to latent.
ODE_STEPS = 20


class FlowMatchingSampler(WhitenedSampler):
    r"""Continuous normalizing flow, fitted by flow matching: flow-matching:STEPS, with at most 1500 steps of its fit.

    Noise is moved to latents along a learned vector field; on maps it is one of convolutions
    (:class:`~elbowroom.samplers.map_flow_matching.MapFlowMatchingSampler`).

    .. math:: \dot z_t = v(t, z_t), \quad \min_v E \| v(t, (1 - t) \epsilon + t z) - (z - \epsilon) \|^2, \quad
        \log p(z_1) = \log \mathcal N(z_0; 0, I) - \int_0^1 \operatorname{tr} \frac{\partial v}{\partial z_t} dt

    Lipman et al. 2023, arXiv 2210.02747, with straight paths. The divergence is exact, as the field is a network of
    two hidden layers (:class:`VectorField`); the integral over t is taken by the same fixed steps as the path, backward
    from z. So the density is that of the flow in continuous time, which draws follow up to the error of the steps.

    Args:
        size: of a latent, D.
        hidden: the width of both hidden layers.

    >>> latents = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> FlowMatchingSampler.fit(latents, steps=10)().sample((3,)).shape
    torch.Size([3, 2])
    """

    option = "steps"

    def __init__(self, size: int, hidden: int = 256) -> None:
        super().__init__(size, hidden=hidden)
        self.field = VectorField(size, hidden)

    @classmethod
    def for_latents(cls, shape: tuple[int, ...]) -> type[Sampler]:
        return cls if len(shape) == 1 else MapFlowMatchingSampler

    @classmethod
    def fit(cls, latents: Tensor, hidden: int = 256, steps: int = 1500, **options: Any) -> Self:
        with noise.seeded_rng(0):
            sampler = cls(latents.shape[1], hidden, **options)
            minimize(sampler.field, sampler.field.matching_loss, sampler.whiten(latents), steps)
        return sampler

    def transform_whitened(self, eps: Tensor) -> Tensor:
        z, step = eps, 1 / ODE_STEPS
        for i in range(ODE_STEPS):
            z = z + runge_kutta_step(lambda t, z: self.field(t, z), i * step, z, step)
        return z

    def whitened_log_density(self, z: Tensor) -> Tensor:
        state, step = torch.cat((z, torch.zeros_like(z[..., :1])), -1), 1 / ODE_STEPS
        for i in range(ODE_STEPS, 0, -1):
            state = state + runge_kutta_step(self._derivative, i * step, state, -step)
        return standard_log_density(state[..., :-1]) + state[..., -1]

    def _derivative(self, t: float, state: Tensor) -> Tensor:
        """Return the derivatives of z and of its log-density's change along the path."""
        z = state[..., :-1]
        return torch.cat((self.field(t, z), self.field.divergence(t, z)[..., None]), -1)


class VectorField(nn.Module):
    r"""A network v(t, z) of two hidden layers, whose divergence costs one matrix product.

    .. math:: v = C\, s(B\, s(A z + a_t) + b_t) + D z + c, \quad
        \operatorname{tr} \frac{\partial v}{\partial z} = s_2'^\top \left[ B \circ (A C)^\top \right] s_1'
        + \operatorname{tr} D

    Args:
        size: of z.
        hidden: the width of both layers.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(size, hidden), nn.Linear(hidden, hidden)
        self.time = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 2 * hidden))
        self.last, self.skip = nn.Linear(hidden, size), nn.Linear(size, size, bias=False)
        nn.init.zeros_(self.skip.weight)

    def forward(self, t: float | Tensor, z: Tensor) -> Tensor:
        """Return v(t, z), (..., D); t is a number, or (..., 1)."""
        a, b = self._time_biases(t, z)
        velocity: Tensor = self.last(torch.tanh(self.second(torch.tanh(self.first(z) + a)) + b)) + self.skip(z)
        return velocity

    def divergence(self, t: float | Tensor, z: Tensor) -> Tensor:
        """Return the trace of ∂v/∂z, (...)."""
        a, b = self._time_biases(t, z)
        h = torch.tanh(self.first(z) + a)
        slope = 1 - torch.tanh(self.second(h) + b).square()
        product = self.second.weight * (self.first.weight @ self.last.weight).T
        return ((slope @ product) * (1 - h.square())).sum(-1) + self.skip.weight.trace()

    def _time_biases(self, t: float | Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        t = torch.tensor([t], dtype=z.dtype, device=z.device) if isinstance(t, float) else t
        a, b = self.time(torch.cat((t, t.square(), (torch.pi * t).sin()), -1)).chunk(2, -1)
        return a, b

    def matching_loss(self, z: Tensor) -> Tensor:
        """Return the loss of flow matching for latents (B, D), a scalar."""
        eps, t = torch.randn_like(z), torch.rand_like(z[:, :1])
        error: Tensor = self(t, (1 - t) * eps + t * z) - (z - eps)
        return error.square().sum(-1).mean()


SAMPLERS.add("flow-matching", FlowMatchingSampler)
