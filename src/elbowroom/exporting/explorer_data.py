"""The latent space as data of the explorer page: planes with points, dials, prior samples, and pinned latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.explorer_sampling import sampling_data
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.plotting.latent_factors import dimension_title, sort_by_factor
from elbowroom.plotting.latent_plane import (
    LatentPlane,
    dimension_plane,
    informative_pair,
    principal_plane,
    prior_on_plane,
)
from elbowroom.plotting.latent_ranking import ranked_dimensions
from elbowroom.plotting.style import example_labels
from elbowroom.runs.run_view import RunView
from elbowroom.web.planes import COORDINATE_DIGITS, prior_data
from elbowroom.web.render import round_digits, round_values

#: The largest number of dimensions with a dial.
MAX_DIALS = 12
#: Examples among which the two pinned latents are chosen.
PIN_CANDIDATES = 200
#: Standard deviations on either side of the mean that a dial or a plane without points covers.
RANGE_SD = 3


def latent_data(view: ExportedRun) -> dict[str, Any]:
    """Return the latent space of a run, ready for JSON."""
    latents, standard, size = _data_latents(view), view.model.has_standard_prior, _latent_size(view)
    sampling, samples = sampling_data(view, latents)
    known = latents if latents is not None else torch.zeros(0, size) if standard else samples
    mean = known.mean(0) if len(known) else torch.zeros(size)
    sd = torch.ones(size) if standard or len(known) < 2 else known.std(0).clamp_min(1e-3)
    order = _dimension_order(view, latents, size)
    return {
        "size": size,
        "centre": round_values(mean),
        "dials": _dial_data(view, sort_by_factor(view, order[:MAX_DIALS]), torch.zeros(size) if standard else mean, sd),
        "planes": _build_planes(view, latents, mean, sd),
        "labels": _label_data(view),
        "sampling": sampling,
        "pins": [round_values(z) for z in _pin_latents(latents, samples, size)],
        "unit": view.latent_unit,
        "quantised": view.model.is_quantized,
    }


def _dial_data(view: RunView, dimensions: list[int], mean: Tensor, sd: Tensor) -> list[dict[str, Any]]:
    low, high = mean - RANGE_SD * sd, mean + RANGE_SD * sd
    return [
        {"at": d, "name": dimension_title(view, d), "low": round_digits(low[d]), "high": round_digits(high[d])}
        for d in dimensions
    ]


def _latent_size(view: RunView) -> int:
    return int(torch.Size(view.model.latent_shape).numel())


def _data_latents(view: RunView) -> Tensor | None:
    return None if view.missing_data_reason else view.latents.float()


def _dimension_order(view: RunView, latents: Tensor | None, size: int) -> list[int]:
    """Return the dimensions, the most active first; in their own order where there is no data."""
    if latents is None:
        return list(range(size))
    order, *_ = ranked_dimensions(view)
    # With a codebook the activity is measured by position, not by dimension.
    return order if len(order) == size else latents.var(0).argsort(descending=True).tolist()


def _build_planes(view: RunView, latents: Tensor | None, mean: Tensor, sd: Tensor) -> list[dict[str, Any]]:
    """Return planes of the latent space: that of the two most informative dimensions, and the principal plane.

    The principal plane is the first one for a latent that is a map, of which a dimension is at one place only.
    """
    size, planes = len(mean), list[dict[str, Any]]()
    if size >= 2 and not (view.model.is_quantized and latents is not None):
        dims = (0, 1) if latents is None else informative_pair(view)
        plane = dimension_plane(view, dims, torch.zeros(1, size) if latents is None else latents)
        title = f"{plane.names[0]} and {plane.names[1]}" if size > 2 else "the latent space"
        planes.append(_plane_data(view, title, plane, latents, sd))
    if size > 2 and latents is not None and len(latents) > 2:
        planes.append(_plane_data(view, "PCA", principal_plane(view, latents), latents, sd))
    return planes[::-1] if len(view.model.latent_shape) > 1 else planes


def _plane_data(view: RunView, title: str, plane: LatentPlane, latents: Tensor | None, sd: Tensor) -> dict[str, Any]:
    """Return a plane, ready for JSON: its axes (2, D) through an origin (D,), with the data's latents (N, D) on it."""
    points = None if latents is None else plane.project(latents)
    reach = RANGE_SD * (plane.axes.square() @ sd.square()).sqrt()
    low, high = (-reach, reach) if points is None else (points.amin(0), points.amax(0))
    return {
        "name": title,
        "names": plane.names,
        "labels": plane.labels,
        "axes": [round_values(axis) for axis in plane.axes],
        "origin": round_values(plane.origin),
        "points": None if points is None else [round_values(column, COORDINATE_DIGITS) for column in points.T],
        "box": [[round_digits(a), round_digits(b)] for a, b in zip(low, high, strict=True)],
        "prior": prior_data(prior_on_plane(view, plane)),
        "note": "" if latents is None else plane.describe_collapse(latents),
    }


def _label_data(view: RunView) -> dict[str, Any] | None:
    labels = None if view.missing_data_reason else example_labels(view)
    if labels is None:
        return None
    return {
        "values": round_values(labels.values.float(), 4),
        "classes": list(labels.classes),
        "title": labels.title,
    }


def _pin_latents(latents: Tensor | None, samples: Tensor, size: int) -> Tensor:
    """Return two latents (2, D) to interpolate between: of examples far apart, else from the prior."""
    if latents is not None and len(latents) > 1:
        pool = latents[:PIN_CANDIDATES]
        first = (pool - pool.mean(0)).norm(dim=1).sort().indices[len(pool) // 2]
        return pool[[int(first), int((pool - pool[first]).norm(dim=1).argmax())]]
    if len(samples) > 1:
        return samples[:2]
    return torch.randn(2, size, generator=torch.Generator().manual_seed(0))
