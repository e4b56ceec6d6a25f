"""Autoregressive distribution: each element given those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.distributions.base import UncheckedDistribution


class RollOut(Protocol):
    """Makes examples (*sample_shape, *batch_shape, *event_shape), each position by ``choose`` from its distribution."""

    def __call__(self, sample_shape: Sequence[int], choose: Callable[[Distribution], Tensor]) -> Tensor: ...


class Autoregressive(UncheckedDistribution):
    r"""Examples whose elements are drawn in turn: :math:`p(x) = \prod_i p(x_i \mid x_{<i})`.

    Its ``mean`` is a deterministic pass in place of the mean, which no single pass has: each position takes the mean of
    its own distribution, given those of the positions before.

    Args:
        conditionals: from examples to the distributions of all their elements, each given the elements before it.
        roll_out: makes examples position by position.
        batch_shape, event_shape: of the distribution.
    """

    def __init__(
        self,
        conditionals: Callable[[Tensor], Distribution],
        roll_out: RollOut,
        batch_shape: torch.Size,
        event_shape: torch.Size,
    ) -> None:
        self.conditionals, self._roll_out = conditionals, roll_out
        super().__init__(batch_shape, event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.conditionals(value).log_prob(value)

    def complete(self, value: Tensor) -> tuple[Tensor, Tensor]:
        r"""Draw the missing values (NaN) of rows in turn, each given those before it, and score the known ones.

        .. math:: x_i \sim p(x_i \mid x_{<i}) \text{ where missing}, \quad
            \log w = \sum_{i \text{ known}} \log p(x_i \mid x_{<i})

        By w as importance weights the draws are those of :math:`p(x_{\mathrm{mis}} \mid x_{\mathrm{obs}})`, and
        :math:`E[w] = p(x_{\mathrm{obs}})`.

        Args:
            value: rows (..., D), broadcast to the batch.

        Returns:
            completed rows, (*batch_shape, D), and log w, (*batch_shape), nats.
        """
        known = iter(value.expand(*self.batch_shape, *self.event_shape).flatten(0, -2).unbind(-1))

        def choose(p: Distribution) -> Tensor:
            own = next(known)[:, None]
            return p.sample().where(own.isnan(), own)

        completed = self._roll_out((), choose)
        return completed, self.conditionals(completed).log_prob(value)

    @property
    def mean(self) -> Tensor:
        return self._roll_out((), lambda p: p.mean)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self._roll_out(sample_shape, lambda p: p.sample())
