"""The classical fourth-order Runge-Kutta method."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def runge_kutta_step(derivative: Callable[[float, Tensor], Tensor], t: float, state: Tensor, step: float) -> Tensor:
    """Return the change of the state in one step of the classical fourth-order Runge-Kutta method."""
    k1 = derivative(t, state)
    k2 = derivative(t + step / 2, state + step / 2 * k1)
    k3 = derivative(t + step / 2, state + step / 2 * k2)
    k4 = derivative(t + step, state + step * k3)
    change: Tensor = step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return change
