"""Networks for examples of several views: one for each, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.networks.inputs import as_shape
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import ViewShape


class ViewEncoder(nn.Module):
    """Encoders of the views side by side: (..., D) to their outputs in turn, and 1 for each view that is observed.

    Args:
        shape: of the examples.
        encoders: a network from each view, (..., *shape), to numbers.
        joint: networks from each view to features, of which all together make further numbers, which come first.
        head: from these features to those numbers.
    """

    def __init__(
        self,
        shape: ViewShape,
        encoders: Sequence[nn.Module],
        joint: Sequence[nn.Module] = (),
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.encoders, self.joint, self.head = shape, nn.ModuleList(encoders), nn.ModuleList(joint), head

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.shape.split(x).values())
        pairs = list(zip(parts, self.shape.views, strict=True))
        observed = torch.stack([is_observed(part, view.shape) for part, view in pairs], -1)
        # A table's row encodes its own gaps.
        filled = [part if isinstance(view.shape, TableShape) else part.nan_to_num(0.0) for part, view in pairs]
        outputs = [encoder(part) for encoder, part in zip(self.encoders, filled, strict=True)]
        if self.head is not None:
            features = [encoder(part) for encoder, part in zip(self.joint, filled, strict=True)]
            outputs.insert(0, self.head(torch.cat(features, -1)))
        return torch.cat([*outputs, observed.to(x.dtype)], -1)


def is_observed(part: Tensor, shape: Sequence[int]) -> Tensor:
    """Return whether a view (..., *shape) is observed, (...): of a table's row any cell, of any other all of it."""
    gaps = part.isnan().flatten(-len(as_shape(shape)))
    return ~(gaps.all(-1) if isinstance(shape, TableShape) else gaps.any(-1))


class ViewDecoder(nn.Module):
    """Decoders of the views side by side: latents to their outputs in turn, (..., numbers).

    Args:
        decoders: a network from z to the numbers of each view's likelihood.
        dimensions: the indices of the latents that each of them is given; by default all.
    """

    def __init__(self, decoders: Sequence[nn.Module], dimensions: Sequence[Sequence[int]] | None = None) -> None:
        super().__init__()
        self.decoders, self.dimensions = nn.ModuleList(decoders), dimensions

    def forward(self, z: Tensor, *conditions: Tensor) -> Tensor:
        given = [z] * len(self.decoders) if self.dimensions is None else [z[..., index] for index in self.dimensions]
        return torch.cat([net(one, *conditions) for net, one in zip(self.decoders, given, strict=True)], -1)
