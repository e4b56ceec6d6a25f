"""Scaling of series: center and scale of each channel, by the values of the training split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.raw import AnySplit
from elbowroom.data.splits.memory import InMemorySplit

SCALINGS = ("standard", "minmax", "none")
"""What may be asked for: mean 0 and deviation 1, the range from 0 to 1, or the values as they are."""
SMALLEST_SCALE = 1e-8
"""Scale below which a channel is constant, and only moved."""


@dataclass(frozen=True)
class Scaling:
    """Center and scale of the C channels of series: :math:`x' = (x - center) / scale`.

    >>> scaling = Scaling((1.0,), (2.0,))
    >>> scaling.restore(scaling.apply(torch.tensor([[[5.0]]])))
    tensor([[[5.]]])
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]

    def _columns(self, x: Tensor) -> tuple[Tensor, Tensor]:
        center, scale = (torch.tensor(numbers, dtype=x.dtype, device=x.device) for numbers in (self.center, self.scale))
        return center[:, None], scale[:, None]

    def apply(self, x: Tensor) -> Tensor:
        """Return series (..., C, T) as the model sees them."""
        center, scale = self._columns(x)
        return (x - center) / scale

    def restore(self, x: Tensor) -> Tensor:
        """Return series (..., C, T) of a model in the units of the source."""
        center, scale = self._columns(x)
        return x * scale + center

    @property
    def record(self) -> dict[str, list[float]]:
        """The numbers as JSON."""
        return {"center": list(self.center), "scale": list(self.scale)}


def recorded_scaling(protocol: Mapping[str, Any]) -> Scaling | None:
    """Return the scaling of recorded data; None where the values are as they were."""
    record = protocol.get("scaling")
    return None if record is None else Scaling(tuple(record["center"]), tuple(record["scale"]))


def fit_scaling(splits: Mapping[str, AnySplit], requested: Any) -> Scaling:
    """Return the scaling that is requested, by the training split: a name in SCALINGS, or centers and scales.

    Raises:
        ValueError: another request; examples that are no series of numbers in memory; another number of channels.
    """
    train = splits["train"]
    if not isinstance(train, InMemorySplit) or train.has_pixels or len(train.shape) != 2:
        size = "x".join(map(str, train.shape))
        raise ValueError(f"scaling is for series (C, T) of numbers in memory, and examples are {size}: leave it out")
    if isinstance(requested, str):
        return _measure(train.x, requested)
    try:
        center, scale = (tuple(map(float, numbers)) for numbers in requested)
    except (TypeError, ValueError):
        raise ValueError(
            f"scaling={requested!r}: expected {', '.join(SCALINGS)}, or centers and scales of channels"
        ) from None
    if {len(center), len(scale)} != {train.shape[0]}:
        raise ValueError(f"scaling of {len(center)} channels for series of {train.shape[0]}: give the same channels")
    return Scaling(center, scale)


def _measure(x: Tensor, kind: str) -> Scaling:
    if kind not in SCALINGS:
        raise ValueError(f"scaling={kind!r}: expected {', '.join(SCALINGS)}")
    by_channel = x.double().movedim(1, 0).flatten(1)
    if kind == "standard":
        center = by_channel.nanmean(1, keepdim=True)
        scale = (by_channel - center).square().nanmean(1).sqrt()
    else:
        low, high = by_channel.nan_to_num(torch.inf).amin(1), by_channel.nan_to_num(-torch.inf).amax(1)
        center, scale = low[:, None], high - low
    scale = torch.where(scale > SMALLEST_SCALE, scale, 1.0)
    return Scaling(tuple(center.nan_to_num(0.0)[:, 0].tolist()), tuple(scale.tolist()))


def scale_splits(splits: dict[str, AnySplit], scaling: Scaling) -> tuple[dict[str, AnySplit], str]:
    """Return splits with their channels scaled, and a description for the record."""
    scaled = {
        name: split.replace(x=scaling.apply(split.x)) if isinstance(split, InMemorySplit) else split
        for name, split in splits.items()
    }
    return scaled, "channels scaled by the training split (scaling in the record)"
