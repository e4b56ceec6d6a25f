"""Distance of examples to normal ones: in their values and in what the model cannot reconstruct of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Batch
from elbowroom.models.base import GenerativeModel
from elbowroom.networks.inputs import CellEncoder
from elbowroom.table_shape import TableShape

#: The distance is that to the normal example of this rank. Chosen on half of the sets of benchmarks/anomalies.py.
NEIGHBOR = 2
#: Normal examples that are compared with, at most: the first of them.
MAX_NEIGHBORS = 50_000


def concatenate_residuals(model: GenerativeModel, batch: Batch) -> Tensor:
    r"""Return examples as points :math:`(u, u - \hat u)`, (B, 2 E), float64.

    :math:`u` are the E numbers of an example, categories one-hot, an unknown one :math:`\sqrt{2 \log(1/p)}` for its
    probability p, and :math:`\hat u` those of its reconstruction at
    the posterior mean. A missing cell has the value of the reconstruction, so that it adds only where that is unusual.

    Args:
        model: in evaluation mode.
        batch: B examples.
    """
    with noise.zero_noise():
        reconstruction = model.reconstruct(batch.x, batch.y)
    known = torch.where(batch.x.isnan(), reconstruction, batch.x)
    # Infinities would have no distance at all; this is beyond every other value, and its square is still a number.
    u, v = (_encode_cells(model, x.double().clamp(-1e100, 1e100)) for x in (known, reconstruction))
    return torch.cat([u, u - v], 1)


def neighbor_distance(points: Tensor, normal: Tensor) -> Tensor:
    """Return the Euclidean distance of each point (B, E) to the second nearest of the normal ones (M, E), (B,).

    >>> neighbor_distance(torch.tensor([[0.0], [9.0]]), torch.tensor([[1.0], [3.0], [4.0]]))
    tensor([3., 6.])
    """
    rank = min(NEIGHBOR, len(normal))
    return torch.cdist(points, normal).topk(rank, largest=False).values[:, -1]


def collect_points(model: GenerativeModel, batches: Iterable[Batch]) -> Tensor:
    """Return the points of normal examples, those of at most 50,000, (M, 2 E)."""
    parts, count = list[Tensor](), 0
    for batch in batches:
        parts.append(concatenate_residuals(model, batch))
        count += len(batch.x)
        if count >= MAX_NEIGHBORS:
            break
    return torch.cat(parts)[:MAX_NEIGHBORS]


def _encode_cells(model: GenerativeModel, x: Tensor) -> Tensor:
    """Return the numbers of examples, (B, E): categories one-hot, an unknown one with a place of its own.

    An unknown category is as far from all others as a standardized number that is as improbable is from its mean.
    """
    family = model.decoder.family
    # Behind the last category is the unknown one.
    sizes = [1 if levels is None else levels + 1 for levels in family.column_levels]
    if not sizes:
        return x.flatten(1)
    unknown = math.sqrt(2 * math.log(1 / family.unseen_mass)) if family.unseen_mass else 1.0
    scales = [scale for size in sizes for scale in ([1.0] * (size - 1) + [1.0 if size == 1 else unknown])]
    encoded: Tensor = CellEncoder(TableShape(sizes)).to(x.device)(x)
    return encoded * encoded.new_tensor(scales)
