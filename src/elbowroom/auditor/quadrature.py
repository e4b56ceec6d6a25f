"""The spaces that a likelihood may be one over, and sums over them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: log p of many x at once, up to a constant perhaps: (N, D) to (N,).
LogDensity = Callable[[Tensor], Tensor]

#: Points that a sum may take; beyond, some of the elements stand for all.
MAX_POINTS = 130_000


@dataclass(frozen=True)
class Space:
    """The values that one element of x may take, and what each weighs in a sum over them.

    Attributes:
        name: in words.
        values: (M,); of ``all numbers``, in units of a scale from a centre that are found for each element.
        log_weights: (M,), zero where there is nothing between the values.
        n_levels: how many values there are, or ``None`` for an interval.
    """

    name: str
    values: Tensor
    log_weights: Tensor
    n_levels: int | None = None

    @property
    def is_real_line(self) -> bool:
        """Whether it is all numbers."""
        return self.name == "all numbers"


def discrete_space(n: int) -> Space:
    """``n`` values from 0 to 1: bits, or the grey levels of a pixel."""
    name = "the two values 0 and 1" if n == 2 else f"the {n} levels of a pixel"
    return Space(name, torch.linspace(0, 1, n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64), n)


def unit_interval() -> Space:
    """The interval [0, 1], by Gauss and Legendre's rule on panels that halve towards both ends."""
    values, weights = _gauss_legendre_panels([0.0, *(2.0**-i for i in range(12, 0, -1))])
    values, weights = np.concatenate((values, 1 - values)), np.tile(weights, 2)
    return Space("the values between 0 and 1", torch.tensor(values), torch.tensor(weights).log())


def real_line() -> Space:
    r"""All numbers, as :math:`m + s \sinh u`, so that heavy tails are reached; each side by itself, for a kink at m."""
    u, weights = _gauss_legendre_panels(np.linspace(0, 12, 13).tolist())
    values, weights = np.sinh(u), np.tile(weights * np.cosh(u), 2)
    return Space("all numbers", torch.tensor(np.concatenate((-values, values))), torch.tensor(weights).log())


def _gauss_legendre_panels(edges: list[float], order: int = 6) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    ends = list(itertools.pairwise(edges))
    values = np.concatenate([(b - a) / 2 * nodes + (a + b) / 2 for a, b in ends])
    return values, np.concatenate([(b - a) / 2 * weights for a, b in ends])


def enumerate_points(n: int, n_levels: int) -> Tensor | None:
    """All points of a space of n elements with so many values each, (M, n) in [0, 1]; ``None`` beyond 2 ** 12 points.

    >>> enumerate_points(2, 2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    if n * math.log2(n_levels) > 12:
        return None
    return torch.cartesian_prod(*[torch.linspace(0, 1, n_levels)] * n).reshape(-1, n)


def log_total(f: LogDensity, base: Tensor, space: Space) -> tuple[float, float]:
    r"""The log of the sum of :math:`e^{f(x)}` over a space, where f is a sum over the elements, and its standard error.

    With all elements but i held at a point b, :math:`c_i = f(b) - \log \sum_v e^{f(b, x_i = v)}` is the normalised
    log-probability of :math:`b_i`, whatever the constants in f. So the total is :math:`f(b) - \sum_i c_i`. Where there
    are too many elements, some at random stand for all, which is all that the standard error is for.

    Args:
        f: log p of many points.
        base: (D,), one point of the space.
        space: what each element may be.

    Raises:
        Entangled: f is no such sum.
        Unbounded: it grows without end along an element.
    """
    n, m = len(base), len(space.values)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(0))[: max(1, MAX_POINTS // m)]
    if not _is_factorized(f, base, space):
        raise NotFactorizedError("what one value of x adds to log p(x|z) depends on the others")
    values, log_weights = space.values.expand(len(chosen), m), space.log_weights
    if space.is_real_line:
        base, scale = find_peak(f, base)
        values, log_weights = base[chosen, None] + scale[chosen, None] * values, log_weights + scale[chosen, None].log()
    here = f(base[None])[0].double()
    c = here - torch.logsumexp(_evaluate_along(f, base, chosen, values) + log_weights, 1)
    spread = c.std().item() if len(c) > 1 else 0.0
    error = n * spread / math.sqrt(len(c)) * math.sqrt(1 - len(c) / n)
    return (here - n * c.mean()).item(), error


class NotFactorizedError(Exception):
    """No sum over the elements, so its parts cannot be looked at one by one."""


def _is_factorized(f: LogDensity, base: Tensor, space: Space) -> bool:
    """Whether what one element adds does not depend on another: neighbours, and pairs at random."""
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
    one, other, both = (base.repeat(len(i), 1) for _ in range(3))
    one[rows, i], other[rows, j], both[rows, i] = v, w, v
    both[rows, j] = w
    with torch.no_grad():
        mixed = f(both) - f(one) - f(other) + f(base[None])
        return bool(mixed.abs().max() < 0.01 + 4e-6 * f(base[None]).abs())


def find_peak(f: LogDensity, base: Tensor) -> tuple[Tensor, Tensor]:
    """Where each element of f is largest, and how far from there it counts: d with d |f'(m + d)| = 1; (D,) each.

    The gradient of a sum over the elements is every element's own derivative, so all are bisected at once.

    Raises:
        Unbounded: an element along which f grows without end.
    """
    low, high = base - 1, base + 1
    for j in range(40):
        down, up = _gradient(f, low) < 0, _gradient(f, high) > 0
        if not (down.any() or up.any()):
            break
        low, high = torch.where(down, low - 2.0**j, low), torch.where(up, high + 2.0**j, high)
    else:
        raise UnboundedDensityError(f"it grows without end along {int((down | up).sum())} of {len(base)} values")
    for _ in range(50):
        middle = (low + high) / 2
        rises = _gradient(f, middle) > 0
        low, high = torch.where(rises, middle, low), torch.where(rises, high, middle)
    centre, near, far = (low + high) / 2, torch.full_like(base, -16.0), torch.full_like(base, 16.0)
    for _ in range(30):
        exponent = (near + far) / 2
        away = exponent.exp()
        counts = away * _gradient(f, centre + away).abs() > 1
        near, far = torch.where(counts, near, exponent), torch.where(counts, exponent, far)
    return centre, ((near + far) / 2).exp()


class UnboundedDensityError(Exception):
    """No density at all: the log grows without end."""


def _gradient(f: LogDensity, x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(x[None]).sum(), x)
    return slope


def _evaluate_along(f: LogDensity, base: Tensor, chosen: Tensor, values: Tensor) -> Tensor:
    """f with each chosen element in turn at each of its values, (C, M)."""
    found = []
    with torch.no_grad():
        for part, rows in zip(chosen.split(32), values.split(32), strict=True):
            points = base.repeat(*rows.shape, 1)
            points.scatter_(2, part[:, None, None].expand(*rows.shape, 1), rows.to(base)[..., None])
            found.append(f(points.flatten(0, 1)).double().reshape(rows.shape))
    return torch.cat(found)
