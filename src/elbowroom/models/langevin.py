"""Chains of the Metropolis-adjusted Langevin algorithm, from the standard normal to a tilted one."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.models.differentiation import as_constant, differentiation

#: From z, (..., *latent), to f(z), (...), nats.
Tilt = Callable[[Tensor], Tensor]


class Chains(NamedTuple):
    """Ends of chains.

    Attributes:
        z: where they ended, (n, *latent).
        log_weights: of annealed importance sampling, (n,), nats: the mean of their exponentials estimates Z.
    """

    z: Tensor
    log_weights: Tensor

    @property
    def log_z(self) -> Tensor:
        """The estimate of log Z, nats."""
        return self.log_weights.logsumexp(0) - math.log(len(self.log_weights))

    @property
    def log_z_error(self) -> Tensor:
        """Its standard error, nats."""
        n = len(self.log_weights)
        return (n * self.log_weights.softmax(0)).std() / math.sqrt(n)


class _State(NamedTuple):
    """A position, (..., *latent), f at it, (...), and the gradient of f, (..., *latent)."""

    z: Tensor
    value: Tensor
    slope: Tensor


def run_chains(tilt: Tilt, lead: torch.Size, origin: Tensor, steps: int, scale: float) -> Chains:
    r"""Run Langevin chains from the standard normal to :math:`e^{f(z)} \, \mathcal N(z; 0, I) / Z`.

    .. math:: z' = z + \tfrac{s^2}2 \left( t \nabla f(z) - z \right) + s \epsilon, \qquad
        \log w = \sum_k (t_k - t_{k-1}) f(z_{k-1})

    A step is taken with the probability that keeps :math:`e^{t f(z)} \, \mathcal N(z; 0, I)` (Roberts & Tweedie 1996,
    doi 10.2307/3318418). t grows to 1 in the first half of the steps, evenly, and stays there: E[w] is Z (annealed
    importance sampling, Neal 2001, doi 10.1023/A:1008923215028), and the ends are draws, but for the chains' length.

    Args:
        tilt: f.
        lead: the shape of the batch of chains.
        origin: zeros of the shape of z.
        steps: of a chain, at least 2.
        scale: s.

    >>> chains = run_chains(lambda z: z.sum(-1), torch.Size((500,)), torch.zeros(2), steps=40, scale=0.5)
    >>> chains.z.shape, abs(chains.log_z.item() - 1) < 0.3
    (torch.Size([500, 2]), True)
    """
    size, shape = origin.numel(), origin.shape
    shares = [min(1.0, 2 * step / steps) for step in range(steps + 1)]

    def draw(n: int) -> Tensor:
        return as_constant(noise.standard_normal(torch.Size((*lead, n)), origin))

    with differentiation():
        state = _evaluate(tilt, torch.unflatten(draw(size), -1, shape))
        log_weights = torch.zeros_like(state.value)
        for before, share in pairwise(shares):
            log_weights = log_weights + (share - before) * state.value
            eps = draw(size + 1)
            log_uniform = noise.to_uniform(eps[..., -1]).log()
            state = _step(tilt, state, share, scale, torch.unflatten(eps[..., :-1], -1, shape), log_uniform)
    return Chains(state.z, log_weights)


def _evaluate(tilt: Tilt, z: Tensor) -> _State:
    leaf = z.detach().requires_grad_()
    value = tilt(leaf)
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    return _State(leaf.detach(), value.detach(), slope)


def _step(tilt: Tilt, state: _State, share: float, scale: float, eps: Tensor, log_uniform: Tensor) -> _State:
    dims = eps.dim() - log_uniform.dim()

    def drift(at: _State) -> Tensor:
        return at.z + 0.5 * scale**2 * (share * at.slope - at.z)

    def log_density(at: _State, of_residual: Tensor) -> Tensor:
        """Return that of being there and of the residual from there, without constants."""
        squares = at.z.square() + (of_residual / scale).square()
        return share * at.value - 0.5 * squares.flatten(-dims).sum(-1)

    other = _evaluate(tilt, drift(state) + scale * eps)
    ratio = log_density(other, state.z - drift(other)) - log_density(state, scale * eps)
    is_taken = log_uniform < ratio
    wide = is_taken.reshape(*is_taken.shape, *[1] * dims)
    conditions = (wide, is_taken, wide)
    return _State(*(torch.where(c, new, old) for c, new, old in zip(conditions, other, state, strict=True)))
