"""What the densities here have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions import Distribution, Independent


class UncheckedDistribution(Distribution):
    """A distribution whose arguments nobody checks: they come from a network, at every step."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, batch_shape: torch.Size, event_shape: torch.Size = torch.Size()) -> None:
        super().__init__(batch_shape, event_shape, validate_args=False)


def to_event(distribution: Distribution, event_dim: int) -> Independent:
    """The product of independent scalars as one event: its last ``event_dim`` dimensions."""
    return Independent(distribution, event_dim, validate_args=False)
