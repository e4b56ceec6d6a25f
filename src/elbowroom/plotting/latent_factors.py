"""Which factor each latent dimension tells of, where the labels of the examples are factors."""

from __future__ import annotations

from typing import NamedTuple

import torch

from elbowroom.evaluation.disentanglement.information import as_arrays, entropies, mutual_information
from elbowroom.plotting.latent_ranking import dimension_name
from elbowroom.runs.run_view import RunView

#: Share of a factor's entropy that a dimension must tell of, to be named after it; by chance it is up to 0.06 of 2,000
#: examples and 40 values.
MIN_SHARE = 0.1


#: Spread of a dimension's posterior mean, over that of the widest, below which it has collapsed and has no name: what
#: little it moves still tells of factors, but the decoder ignores it.
MIN_SPREAD = 0.05


class DimensionFactor(NamedTuple):
    """The factor that a dimension tells most of.

    Attributes:
        position: of the factor among the labels.
        name: of the factor.
        share: mutual information over the entropy of the factor, from 0 to 1.
    """

    position: int
    name: str
    share: float


def dimension_factors(view: RunView) -> dict[int, DimensionFactor]:
    """Return the factor of each latent dimension that tells of one; empty where the labels are not several factors."""
    if view.missing_data_reason or len(view.attributes) < 2 or view.model.is_quantized:
        return {}
    return view.get_or_compute("dimension factors", lambda: _measure_factors(view))


def _measure_factors(view: RunView) -> dict[int, DimensionFactor]:
    y = view.batch.y
    varying = [] if y is None else (y != y[:1]).any(0).nonzero().flatten().tolist()
    if y is None or not varying or not y[:, varying].isfinite().all():
        return {}
    z, factors = as_arrays(view.latents, y[:, varying])
    shares = torch.from_numpy(mutual_information(z, factors) / entropies(factors))
    best, spread = shares.max(1), z.std(0)
    is_named = (best.values.numpy() >= MIN_SHARE) & (spread > MIN_SPREAD * spread.max())
    return {
        int(dim): DimensionFactor(varying[k], view.attributes[varying[k]], float(best.values[dim]))
        for dim, k in zip(is_named.nonzero()[0], best.indices[is_named].tolist(), strict=True)
    }


def sort_by_factor(view: RunView, dims: list[int]) -> list[int]:
    """Return dimensions in the order of the factors they tell of, most first; then those of none, as they were."""
    factors = dimension_factors(view)
    named = sorted((dim for dim in dims if dim in factors), key=lambda dim: (factors[dim][0], -factors[dim].share))
    return named + [dim for dim in dims if dim not in factors]


def dimension_title(view: RunView, dim: int) -> str:
    """Return the name of a dimension, with the factor it tells of and its share, where there is one."""
    factor = dimension_factors(view).get(dim)
    return dimension_name(view, dim) + ("" if factor is None else f" {factor.name} {factor.share:.0%}")
