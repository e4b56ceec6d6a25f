"""Base class of the families: from the output of a network to a distribution."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.manifolds import FLAT, Manifold
from elbowroom.view_shape import ViewShape

#: A shape without batch; an integer n is the shape (n,).
Shape = int | Sequence[int]


class Family(nn.Module, ABC):
    """A map from the output of a network to a distribution over events of one shape.

    Where every element of an event takes the same number of parameters, the network puts them out as (per_element,
    *shape), flattened: the channels of a convolution, whatever the family.

    Attributes:
        shape: the event's shape, without batch.
        size: the number of parameters of one event, which is the width of the network's output.
        support: (low, high), the range of an event's elements.
        unseen_mass: of a column of categories, or the columns of a table: the probability of a category that training
            never saw.
        missing: whether a value may be missing, NaN, which then adds nothing to the log-probability.
        has_mask: whether it is of values and of which of them are there, so that complete examples are a part of all.
        is_location: whether the parameters are the elements' locations, in their units: one number for each.
        levels: the number of values of an element: 2 for a bit, 256 for a pixel; ``None`` for a density and for counts.
        is_count: whether elements are counts, whole numbers from 0 without a largest one.
        manifold: that events lie on.
        views: the views that an event consists of; ``None`` where it is one.
    """

    support: tuple[float, float] = (-math.inf, math.inf)
    missing: bool = False
    has_mask: bool = False
    is_location: bool = False
    levels: int | None = None
    unseen_mass: float = 0.0
    is_count: bool = False
    views: ViewShape | None = None
    manifold: Manifold = FLAT

    def __init__(self, shape: Shape, per_element: int = 1) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(n < 1 for n in self.shape) or not self.shape:
            raise ValueError(f"{type(self).__name__} needs sizes of at least 1, got {self.shape}: give a larger latent")
        self.size = per_element * math.prod(self.shape)

    @property
    def column_levels(self) -> tuple[int | None, ...]:
        """Of a table's row, the :attr:`levels` of each column; empty for all else."""
        return ()

    @property
    def is_mass(self) -> bool:
        """Whether it is of probabilities, so that −log p is at least 0: of counts, or of finitely many values."""
        return self.is_count or self.levels is not None

    @property
    def map_shape(self) -> tuple[int, ...] | None:
        """The event as a map of channels, (C, *space); ``None`` if it has no space."""
        return self.shape if len(self.shape) > 1 else None

    @abstractmethod
    def forward(self, phi: Tensor) -> Distribution:
        """Map ``phi``, (..., size), to a distribution with batch shape (...) and event shape ``shape``."""

    def with_shape(self, shape: Sequence[int]) -> Self:
        """Return the family of events of another size, as images of other sides, with the same parameters.

        What the family keeps count of, as an average of scales, goes on in this one alone.
        """
        family = copy.copy(self)
        family._buffers = {name: b if b is None else b.clone() for name, b in self._buffers.items()}
        family.shape, family.size = tuple(shape), self.size * math.prod(shape) // math.prod(self.shape)
        return family

    def split_parameters(self, phi: Tensor) -> Tensor:
        """Split the parameters by their meaning: (..., size) to (per_element, ..., *shape)."""
        return torch.unflatten(phi, -1, (-1, *self.shape)).movedim(-1 - len(self.shape), 0)

    @property
    def stack_key(self) -> Hashable:
        """What columns of a table have in common that :meth:`stack` takes together: by default each stands alone."""
        return (type(self), id(self))

    def stack(self, columns: Sequence[Self], phi: Tensor) -> Distribution:
        """Return the distributions of D columns with the same :attr:`stack_key`, this being the first, as one.

        Args:
            columns: of shape (1,) each.
            phi: their parameters, (..., D, size), of a column with fewer parameters followed by others.

        Returns:
            with batch shape (..., D) and event shape (1,).
        """
        return cast(Distribution, self(phi))

    def extra_repr(self) -> str:
        return "x".join(map(str, self.shape))
