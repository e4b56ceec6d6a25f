"""Sums of a likelihood over all x: the spaces of x, enumeration and quadrature."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: log p of many x at once, normalized or not: (N, D) to (N,).
LogDensity = Callable[[Tensor], Tensor]

#: Evaluations that a sum may take; beyond, it is estimated from a random subset of the elements.
MAX_POINTS = 130_000


@dataclass(frozen=True)
class Space:
    """The values that one element of x may take, and their quadrature weights.

    Attributes:
        name: in words.
        values: (M,); for the real line relative to a center and a scale, which are computed for each element.
        log_weights: (M,), zero for discrete values.
        n_levels: the number of discrete values, or ``None`` for an interval.
    """

    name: str
    values: Tensor
    log_weights: Tensor
    n_levels: int | None = None

    @property
    def is_real_line(self) -> bool:
        """Whether the values are all real numbers."""
        return self.name == "all numbers"


def discrete_space(n: int) -> Space:
    """Return the space of ``n`` values from 0 to 1: bits, or the levels of a pixel."""
    name = "the two values 0 and 1" if n == 2 else f"the {n} levels of a pixel"
    return Space(name, torch.linspace(0, 1, n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64), n)


def unit_interval() -> Space:
    """Return the interval [0, 1], with Gauss-Legendre quadrature on panels that halve towards both ends."""
    values, weights = _gauss_legendre_panels([0.0, *(2.0**-i for i in range(12, 0, -1))])
    values, weights = np.concatenate((values, 1 - values)), np.tile(weights, 2)
    return Space("the values between 0 and 1", torch.tensor(values), torch.tensor(weights).log())


def real_line() -> Space:
    r"""Return the real line, as :math:`m + s \sinh u`, which reaches heavy tails; in two halves, for a kink at m."""
    u, weights = _gauss_legendre_panels(np.linspace(0, 12, 13).tolist())
    values, weights = np.sinh(u), np.tile(weights * np.cosh(u), 2)
    return Space("all numbers", torch.tensor(np.concatenate((-values, values))), torch.tensor(weights).log())


def _gauss_legendre_panels(edges: list[float], order: int = 6) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    panels = list(itertools.pairwise(edges))
    values = np.concatenate([(b - a) / 2 * nodes + (a + b) / 2 for a, b in panels])
    return values, np.concatenate([(b - a) / 2 * weights for a, b in panels])


def enumerate_points(n: int, n_levels: int) -> Tensor | None:
    """Return all points of n elements with ``n_levels`` values each, (M, n) in [0, 1]; ``None`` beyond 2 ** 12 points.

    >>> enumerate_points(2, 2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    if n * math.log2(n_levels) > 12:
        return None
    return torch.cartesian_prod(*[torch.linspace(0, 1, n_levels)] * n).reshape(-1, n)


def log_total(f: LogDensity, base: Tensor, space: Space) -> tuple[float, float]:
    r"""Return the log of the sum of :math:`e^{f(x)}` over a space, for an f that is a sum over the elements of x.

    With all elements but i held at a point b, :math:`c_i = f(b) - \log \sum_v e^{f(b, x_i = v)}` is the normalized
    log-probability of :math:`b_i`, whatever the constants in f. So the log of the total is :math:`f(b) - \sum_i c_i`.
    If there are too many elements, the sum of c is estimated from a random subset.

    Args:
        f: log p of many points.
        base: (D,), one point of the space.
        space: the values of each element.

    Returns:
        The log of the total, and its standard error: zero unless a subset was used.

    Raises:
        NotFactorizedError: f is no sum over the elements.
        UnboundedDensityError: f grows without bound along an element.
    """
    n, m = len(base), len(space.values)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(0))[: max(1, MAX_POINTS // m)]
    if not _is_factorized(f, base, space):
        raise NotFactorizedError("the contribution of one value of x to log p(x|z) depends on the others")
    values, log_weights = space.values.expand(len(chosen), m), space.log_weights
    if space.is_real_line:
        base, scale = find_peak(f, base)
        values, log_weights = base[chosen, None] + scale[chosen, None] * values, log_weights + scale[chosen, None].log()
    at_base = f(base[None])[0].double()
    c = at_base - torch.logsumexp(_evaluate_along(f, base, chosen, values) + log_weights, 1)
    std = c.std().item() if len(c) > 1 else 0.0
    error = n * std / math.sqrt(len(c)) * math.sqrt(1 - len(c) / n)
    return (at_base - n * c.mean()).item(), error


class NotFactorizedError(Exception):
    """log p(x|z) is no sum over the elements of x, so they cannot be summed over one by one."""


def _is_factorized(f: LogDensity, base: Tensor, space: Space) -> bool:
    """Whether f is a sum over the elements: second differences vanish for neighbors and for random pairs."""
    n = len(base)
    if n == 1:
        return True
    generator = torch.Generator().manual_seed(2)
    i, j = torch.randint(n, (2, 128), generator=generator)
    j[:64] = (i[:64] + 1) % n
    i, j = i[i != j], j[i != j]
    if space.is_real_line:
        v, w = base[i] + 0.5, base[j] - 0.5
    else:
        v, w = space.values.to(base)[torch.randint(len(space.values), (2, len(i)), generator=generator)]
    rows = torch.arange(len(i))
    first, second, both = (base.repeat(len(i), 1) for _ in range(3))
    first[rows, i], second[rows, j], both[rows, i] = v, w, v
    both[rows, j] = w
    with torch.no_grad():
        difference = f(both) - f(first) - f(second) + f(base[None])
        return bool(difference.abs().max() < 0.01 + 4e-6 * f(base[None]).abs())


def find_peak(f: LogDensity, base: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mode m of f along each element, and the scale d with d |f'(m + d)| = 1; (D,) each.

    The gradient of a sum over the elements holds the derivative of each, so all are bisected at once.

    Raises:
        UnboundedDensityError: f grows without bound along an element.
    """
    low, high = base - 1, base + 1
    for j in range(40):
        down, up = _gradient(f, low) < 0, _gradient(f, high) > 0
        if not (down.any() or up.any()):
            break
        low, high = torch.where(down, low - 2.0**j, low), torch.where(up, high + 2.0**j, high)
    else:
        raise UnboundedDensityError(f"it grows without bound along {int((down | up).sum())} of {len(base)} values")
    for _ in range(50):
        middle = (low + high) / 2
        is_rising = _gradient(f, middle) > 0
        low, high = torch.where(is_rising, middle, low), torch.where(is_rising, high, middle)
    center, near, far = (low + high) / 2, torch.full_like(base, -16.0), torch.full_like(base, 16.0)
    for _ in range(30):
        exponent = (near + far) / 2
        distance = exponent.exp()
        is_beyond = distance * _gradient(f, center + distance).abs() > 1
        near, far = torch.where(is_beyond, near, exponent), torch.where(is_beyond, exponent, far)
    return center, ((near + far) / 2).exp()


class UnboundedDensityError(Exception):
    """log p(x|z) grows without bound, so it is no density."""


def _gradient(f: LogDensity, x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(x[None]).sum(), x)
    return slope


def _evaluate_along(f: LogDensity, base: Tensor, chosen: Tensor, values: Tensor) -> Tensor:
    """Return f with each chosen element in turn at each of its values, (C, M)."""
    parts = []
    with torch.no_grad():
        for part, rows in zip(torch.split(chosen, 32), torch.split(values, 32), strict=True):
            points = base.repeat(*rows.shape, 1)
            points.scatter_(2, part[:, None, None].expand(*rows.shape, 1), rows.to(base)[..., None])
            parts.append(f(points.flatten(0, 1)).double().reshape(rows.shape))
    return torch.cat(parts)
