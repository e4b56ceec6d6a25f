"""What every family has in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn
from torch.distributions import Distribution

Shape = int | Sequence[int]


class Family(nn.Module, ABC):
    """Numbers from a network made into a distribution over events of one shape.

    Where every element of an event takes the same number of them, they come as (per_element, *shape), flattened: so a
    convolution's channels are what it takes, whatever the family.

    Attributes:
        shape: the event's shape, without batch.
        size: how many numbers the network must put out for one event.
        support: (low, high), the values an event's elements may take.
        missing: whether a value may be NaN, which then adds nothing.
        levels: how many values an element may take: 2 of a bit, 256 of a pixel; ``None`` for a density.
    """

    support: tuple[float, float] = (-math.inf, math.inf)
    missing: bool = False
    levels: int | None = None

    def __init__(self, shape: Shape, per_element: int = 1) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(n < 1 for n in self.shape) or not self.shape:
            raise ValueError(f"{type(self).__name__} needs sizes of at least 1, got {self.shape}: give a larger latent")
        self.size = per_element * math.prod(self.shape)

    @abstractmethod
    def forward(self, phi: Tensor) -> Distribution:
        """``phi`` of shape (..., size) to a distribution with batch (...) and event ``shape``."""

    def split_parameters(self, phi: Tensor) -> Tensor:
        """The numbers of every element: (..., size) to (per_element, ..., *shape)."""
        return phi.unflatten(-1, (-1, *self.shape)).movedim(-1 - len(self.shape), 0)

    def extra_repr(self) -> str:
        return "x".join(map(str, self.shape))
