"""Distributions of the rows of a table: categorical columns, and columns of different kinds side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes, sample_categorical


class ColumnCategorical(UncheckedDistribution):
    r"""A categorical distribution over class indices from 0, with some mass left for a class that was never seen.

    .. math:: p(k) = (1 - m) \, \mathrm{softmax}(\mathrm{logits})_k, \quad p(C) = m

    for the C known classes k < C, and the index C for all others. Its ``mean`` is the most probable class, since class
    indices have no meaningful average; draws are of known classes.

    Args:
        logits: (..., classes).
        unseen_mass: the probability m of a class that was never seen.
        n_classes: how many of the logits are classes, (...), where the others are minus infinity; by default all.

    >>> p = ColumnCategorical(torch.tensor([0.0, 2.0, 0.0]))
    >>> p.mean, p.log_prob(torch.tensor([0.0, 1.0, 3.0]))
    (tensor(1.), tensor([-2.2395, -0.2395,    -inf]))
    >>> ColumnCategorical(torch.zeros(3), 0.1).log_prob(torch.arange(4)).exp()
    tensor([0.3000, 0.3000, 0.3000, 0.1000])
    """

    def __init__(self, logits: Tensor, unseen_mass: float = 0.0, n_classes: Tensor | None = None) -> None:
        self.logits = logits.log_softmax(-1)
        self.unseen_mass = unseen_mass
        self.n_classes = logits.shape[-1] if n_classes is None else n_classes
        super().__init__(logits.shape[:-1])

    @property
    def mean(self) -> Tensor:
        return self.logits.argmax(-1).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        shape, n_classes = broadcast_shapes(value.shape, self.batch_shape), self.n_classes
        is_class = (value >= 0) & (value < n_classes) & (value == value.round())
        index = torch.where(is_class, value, 0).long().expand(shape)
        scores = self.logits.expand(*shape, -1).gather(-1, index[..., None]).squeeze(-1)
        if not self.unseen_mass:
            return scores.where(is_class, -torch.inf)
        others = torch.where(value == n_classes, math.log(self.unseen_mass), -torch.inf).to(scores.dtype)
        return (scores + math.log1p(-self.unseen_mass)).where(is_class, others)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return sample_categorical(self.logits, sample_shape).to(self.logits.dtype)


class IndependentColumns(UncheckedDistribution):
    r"""Independent columns, each with its own distribution; NaN is a missing value and adds nothing.

    .. math:: \log p(x) = \sum_{d:\, x_d \text{ observed}} \log p_d(x_d)

    which is the log-probability of the observed values, the missing ones integrated out.

    Args:
        columns: the distribution of each column, with event shape (1,).
    """

    def __init__(self, columns: Sequence[Distribution]) -> None:
        self.columns = columns
        super().__init__(columns[0].batch_shape, torch.Size((len(columns),)))

    @property
    def mean(self) -> Tensor:
        return torch.cat([column.mean for column in self.columns], -1)

    def element_log_probs(self, value: Tensor) -> Tensor:
        """Return the log-probability of each column's value, (..., D), nats; 0 for a missing one."""
        missing = value.isnan()
        # Filled before scoring, so that no NaN enters a gradient.
        filled = torch.split(value.masked_fill(missing, 0), 1, -1)
        scores = [column.log_prob(x) for column, x in zip(self.columns, filled, strict=True)]
        return torch.stack(scores, -1).masked_fill(missing, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.element_log_probs(value).sum(-1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return torch.cat([column.sample(sample_shape) for column in self.columns], -1)


class StackedColumns(UncheckedDistribution):
    r"""The same as :class:`IndependentColumns`, with all columns of a kind scored in one pass.

    Args:
        batch_shape: of the rows.
        make_stacks: makes distributions of D columns each, with event shape (1,) and their batch shape (..., D).
        positions: of the columns of each stack in a row, (D,).
        make_columns: makes the distributions of the single columns, which means and draws are taken from.
    """

    def __init__(
        self,
        batch_shape: torch.Size,
        make_stacks: Callable[[], Sequence[Distribution]],
        positions: Sequence[Tensor],
        make_columns: Callable[[], Sequence[Distribution]],
    ) -> None:
        self.make_stacks, self.positions, self.make_columns = make_stacks, positions, make_columns
        super().__init__(batch_shape, torch.Size((sum(len(index) for index in positions),)))

    @property
    def columns(self) -> Sequence[Distribution]:
        """The distribution of each column, with event shape (1,)."""
        return self.make_columns()

    @property
    def mean(self) -> Tensor:
        return IndependentColumns(self.columns).mean

    def log_prob(self, value: Tensor) -> Tensor:
        missing = value.isnan()
        # Filled before scoring, so that no NaN enters a gradient.
        filled, scores = value.masked_fill(missing, 0), list[Tensor]()
        for stack, index in zip(self.make_stacks(), self.positions, strict=True):
            score: Tensor = stack.log_prob(filled.index_select(-1, index)[..., None])
            scores.append(score.masked_fill(missing.index_select(-1, index), 0).sum(-1))
        return torch.stack(scores).sum(0)

    def element_log_probs(self, value: Tensor) -> Tensor:
        """Return the log-probability of each column's value, (..., D), nats; 0 for a missing one."""
        return IndependentColumns(self.columns).element_log_probs(value)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return IndependentColumns(self.columns).sample(sample_shape)
