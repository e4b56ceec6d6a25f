"""Base class of the distributions: no validation of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent


class UncheckedDistribution(Distribution):
    """A distribution without validation of its arguments, which come from a network at every step."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, batch_shape: torch.Size, event_shape: torch.Size = torch.Size()) -> None:
        super().__init__(batch_shape, event_shape, validate_args=False)


def to_event(distribution: Distribution, event_dim: int) -> Independent[Any]:
    """Turn the last ``event_dim`` batch dimensions of scalar variables into one event of independent elements."""
    return Independent(distribution, event_dim, validate_args=False)


def sample_categorical(logits: Tensor, sample_shape: Any) -> Tensor:
    """Draw indices from a categorical distribution: (..., C) to (*sample_shape, ...)."""
    categorical = Categorical(logits=logits, validate_args=False)
    return cast(Tensor, categorical.sample(torch.Size(sample_shape)))  # type: ignore[no-untyped-call]


def broadcast_shapes(*shapes: Sequence[int]) -> torch.Size:
    """Return the shape that these shapes broadcast to."""
    return torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call, no-any-return]
