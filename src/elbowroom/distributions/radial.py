"""Distances from a center: densities on an interval in one parameter, by quadrature and inversion."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from elbowroom.manifolds.poincare_ball import as_precise

T = TypeVar("T")

#: Cells that the interval where the mass lies is cut into.
N_CELLS = 64
#: Nodes of Gauss-Legendre quadrature in each cell.
N_NODES = 4
#: How far that interval reaches to either side of the mode, in scales of the density.
REACH = 12.0
#: Steps of Newton's method inside a cell.
NEWTON_STEPS = 5
#: The probability that draws are held away from 0 and 1 by.
MIN_PROBABILITY = 1e-12


@cache
def _quadrature(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return nodes and weights of the interval from 0 to 1; kept, as nothing is copied inside a captured step."""
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    with torch.inference_mode(False):
        return (
            torch.as_tensor((nodes + 1) / 2, dtype=dtype, device=device),
            torch.as_tensor(weights / 2, dtype=dtype, device=device),
        )


def _kept_with_gradient(integral: Callable[[Any], T]) -> cached_property[T]:
    """Return a property that is computed once, with its gradient wherever the parameter has one.

    The first to ask may be a draw, whose inversion is done without gradients; a KL of the same density is not.
    """

    def compute(density: RadialDensity) -> T:
        with torch.set_grad_enabled(density.parameter.requires_grad):
            return integral(density)

    compute.__doc__ = integral.__doc__
    return cached_property(compute)


class RadialDensity(ABC):
    r"""A density of distances or angles r from a center, an exponential family in one parameter.

    .. math:: p(r) = e^{a\, g(r) + h(r)} / Z(a), \quad 0 < r < r_{\max}

    A distribution that is symmetric about a center is the product of such a density and of the uniform one over
    directions. :math:`\log Z` and :math:`E[g] = \partial \log Z / \partial a` are by Gauss-Legendre quadrature on the
    interval that holds the mass, to about nine digits at any a and in any number of dimensions, where closed forms need
    Bessel functions of high order, which overflow. Draws invert the distribution function, by the same quadrature and
    Newton's method: one number of noise for a draw, no rejection, and the exact pathwise gradient

    .. math:: \frac{\partial r}{\partial a} = -\frac1{p(r)} \int_0^r (g(s) - E[g])\, p(s)\, ds

    Figurnov, Mohamed & Mnih 2018, arXiv 1805.08498. All in double precision, where there is one.

    Args:
        parameter: a, (...).

    Attributes:
        end: the largest r.
    """

    end: float = math.inf

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = as_precise(parameter)

    @abstractmethod
    def statistic(self, r: Tensor) -> Tensor:
        """Return g(r)."""

    @abstractmethod
    def log_base(self, r: Tensor) -> Tensor:
        """Return h(r)."""

    @abstractmethod
    def find_mode(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mode, and the scale on which the density falls beyond it: the wider of both sides."""

    @_kept_with_gradient
    def log_normalizer(self) -> Tensor:
        """log Z(a), (...), nats."""
        return self._log_terms.logsumexp((-2, -1))

    @_kept_with_gradient
    def mean_statistic(self) -> Tensor:
        """E[g(r)], (...)."""
        shares = (self._log_terms - self.log_normalizer[..., None, None]).exp()
        return (shares * self.statistic(self._points)).sum((-2, -1))

    @torch.no_grad()
    def _invert(self, u: Tensor) -> Tensor:
        """Return r with P(r) = u: (K, ...) to (K, ...)."""
        masses, _ = self._cell_sums
        total = masses.cumsum(-1)
        u = u.movedim(0, -1).clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY) * total[..., -1:]
        cell = torch.searchsorted(total.contiguous(), u.contiguous()).clamp_max(N_CELLS - 1)
        left = self._edges.gather(-1, cell)
        width, rest = self._edges.gather(-1, cell + 1) - left, u - (total - masses).gather(-1, cell)
        rest = rest.clamp_min(1e-300)
        r = left + width * (rest / masses.gather(-1, cell).clamp_min(1e-300)).clamp(1e-12, 1)
        for _ in range(NEWTON_STEPS):
            # In logarithms of the mass and of the distance from the edge, linear also where the density is a power.
            mass = self._integrate(left, r)[0].clamp_min(1e-300)
            slope = ((r - left) * self._density(r) / mass).clamp_min(0.1)
            r = left + torch.minimum((r - left) * ((rest / mass).log() / slope).clamp(-20, 20).exp(), width)
        return r.movedim(-1, 0)

    @torch.no_grad()
    def _differentiate(self, r: Tensor) -> Tensor:
        """Return the derivatives of draws by a, (K, ...)."""
        r, (_, excesses) = r.movedim(0, -1), self._cell_sums
        cell = (torch.searchsorted(self._edges.contiguous(), r.contiguous()) - 1).clamp(0, N_CELLS - 1)
        _, excess = self._integrate(self._edges.gather(-1, cell), r)
        excess = excess + (excesses.cumsum(-1) - excesses).gather(-1, cell)
        return (-excess / self._density(r).clamp_min(1e-300)).movedim(-1, 0)

    def draw(self, eps: Tensor, batch_shape: torch.Size) -> Tensor:
        """Return a draw for each standard normal, (*samples, *batch) to (*samples, *batch, 1), by inversion."""
        u = torch.special.ndtr(as_precise(eps)).reshape(-1, *batch_shape)
        return self.sample(u).reshape(*eps.shape, 1).to(eps.dtype)

    def sample(self, u: Tensor) -> Tensor:
        """Map uniform numbers to draws, with the gradient of each by the parameter: (K, ...) to (K, ...)."""
        r = self._invert(as_precise(u))
        if not self.parameter.requires_grad:
            return r
        slope = self._differentiate(r)
        return r + slope * (self.parameter - self.parameter.detach())

    @cached_property
    def _edges(self) -> Tensor:
        """The edges of the cells, (..., cells + 1)."""
        mode, scale = self.find_mode(self.parameter.detach())
        low, high = (mode - REACH * scale).clamp_min(0), (mode + REACH * scale).clamp_max(self.end)
        fractions = torch.linspace(0, 1, N_CELLS + 1, dtype=mode.dtype, device=mode.device)
        return low[..., None] + (high - low)[..., None] * fractions

    @cached_property
    def _points(self) -> Tensor:
        """The nodes of the quadrature, (..., cells, nodes)."""
        return _spread(self._edges[..., :-1], self._edges[..., 1:])

    @_kept_with_gradient
    def _log_terms(self) -> Tensor:
        """The logarithms of the terms whose sum is Z, (..., cells, nodes)."""
        widths = (self._edges[..., 1:] - self._edges[..., :-1])[..., None]
        _, weights = _quadrature(widths.dtype, widths.device)
        return self._log_unnormalized(self.parameter[..., None, None], self._points) + (widths * weights).log()

    @_kept_with_gradient
    def _cell_sums(self) -> tuple[Tensor, Tensor]:
        """The integrals of p and of (g - E[g]) p over each cell, (..., cells) each."""
        terms = (self._log_terms - self.log_normalizer[..., None, None]).exp()
        excess = self.statistic(self._points) - self.mean_statistic[..., None, None]
        return terms.sum(-1), (terms * excess).sum(-1)

    def _log_unnormalized(self, parameter: Tensor, r: Tensor) -> Tensor:
        return parameter * self.statistic(r) + self.log_base(r)

    def _density(self, r: Tensor) -> Tensor:
        """Return p(r): (..., K) to (..., K)."""
        return (self._log_unnormalized(self.parameter[..., None], r) - self.log_normalizer[..., None]).exp()

    def _integrate(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Return the integrals of p and of (g - E[g]) p over parts of cells, (..., K) each."""
        points = _spread(left, right)
        log_density = self._log_unnormalized(self.parameter[..., None, None], points)
        _, weights = _quadrature(left.dtype, left.device)
        terms = weights * (right - left)[..., None] * (log_density - self.log_normalizer[..., None, None]).exp()
        return terms.sum(-1), (terms * (self.statistic(points) - self.mean_statistic[..., None, None])).sum(-1)


def _spread(left: Tensor, right: Tensor) -> Tensor:
    """Return the nodes of intervals: (...) and (...) to (..., nodes)."""
    nodes, _ = _quadrature(left.dtype, left.device)
    return left[..., None] + (right - left)[..., None] * nodes
