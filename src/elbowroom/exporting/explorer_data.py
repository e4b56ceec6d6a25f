"""What a page knows of the codes: planes to move on, points on them, dials, and codes to begin from."""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.modules import condition_size, cycle_conditions
from elbowroom.exporting.source import ExportSource
from elbowroom.latent import principal_components
from elbowroom.models.hierarchical import Hierarchy
from elbowroom.plotting.style import CLASS_COLORS

#: Dimensions that have a dial, at most.
MAX_DIALS = 12
#: Codes from a prior that the page cannot draw from itself, at most, and their numbers together.
MAX_PRIOR_SAMPLES, MAX_PRIOR_VALUES = 256, 1 << 17


def latent_data(source: ExportSource) -> dict[str, Any]:
    """Ready for JSON."""
    known, standard = _data_latents(source), _has_standard_prior(source)
    drawn = None if standard else _prior_samples(source, known)
    size = _latent_size(source)
    seen = known if known is not None else drawn[0] if drawn is not None else torch.zeros(0, size)
    centre = seen.mean(0) if len(seen) else torch.zeros(size)
    order = _dimension_order(source, known, size)
    spread = torch.ones(size) if standard or len(seen) < 2 else seen.std(0).clamp_min(1e-3)
    middle = torch.zeros(size) if standard else centre
    low, high = middle - 3 * spread, middle + 3 * spread
    return {
        "size": size,
        "centre": _round_values(centre),
        "dials": [
            {
                "at": d,
                "name": source.view.dimension_name(d),
                "low": _round_digits(low[d]),
                "high": _round_digits(high[d]),
            }
            for d in order[:MAX_DIALS]
        ],
        "planes": _build_planes(source, known, order, centre, spread),
        "labels": _label_data(source),
        "prior": {"standard": True} if standard else drawn and drawn[1],
        "pins": [_round_values(z) for z in _pin_latents(source, known, drawn, size)],
        "unit": source.view.latent_unit,
        "quantised": source.view.is_quantized,
    }


def _latent_size(source: ExportSource) -> int:
    return int(torch.Size(source.model.latent_shape).numel())


def _data_latents(source: ExportSource) -> Tensor | None:
    return None if source.missing_data_reason else source.view.latents.float()


def _has_standard_prior(source: ExportSource) -> bool:
    """Whether the codes of the prior are standard normals, which a page draws itself."""
    return source.view.has_standard_prior or isinstance(source.model, Hierarchy)


def _prior_samples(source: ExportSource, latents: Tensor | None) -> tuple[Tensor, dict[str, Any]] | None:
    """Codes drawn from a learned prior, of every condition as many; without a prior, codes of the data."""
    n = max(2, min(MAX_PRIOR_SAMPLES, MAX_PRIOR_VALUES // _latent_size(source)))
    if getattr(source.model, "prior", source.model) is None:
        if latents is None:
            return None
        z, words, each = latents[:n], "a code of the data", 1
    else:
        each = max(1, condition_size(source.model))
        n = max(1, n // each) * each
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            z = source.model.draw_prior(n, *cycle_conditions(source.model, n)).flatten(1).float()
        words = "the prior"
    return z, {"standard": False, "words": words, "n": len(z), "each": each, "codes": encode_float32(z)}


def _dimension_order(source: ExportSource, latents: Tensor | None, size: int) -> list[int]:
    """The dimensions, the most active first; as they come where there is no data."""
    if latents is None:
        return list(range(size))
    order, *_ = source.view.ranked_dimensions
    # Of a codebook the measure is by position, not by dimension.
    return order if len(order) == size else latents.var(0).argsort(descending=True).tolist()


def _build_planes(
    source: ExportSource, latents: Tensor | None, order: list[int], center: Tensor, spread: Tensor
) -> list[dict[str, Any]]:
    """Planes through the space of codes; the other dimensions stay where they are."""
    size, planes, look = len(center), [], source.view
    if size >= 2 and not (look.is_quantized and latents is not None):
        a, b = sorted(order[:2]) if size == 2 else order[:2]
        names = [f"{look.dimension_name(d)}" for d in (a, b)]
        axes = torch.eye(size)[[a, b]]
        words = f"{names[0]} and {names[1]}" if size > 2 else "the code"
        planes.append(_plane_data(words, names, axes, torch.zeros(size), latents, spread))
    if size > 2 and latents is not None and len(latents) > 2:
        found = principal_components(latents)
        shares = [
            f"principal axis {i}, {share:.0%} of the variance"
            for i, share in enumerate(found.explained_variance_ratio.tolist(), 1)
        ]
        planes.append(_plane_data("principal plane", shares, found.axes, latents.mean(0), latents, spread))
    return planes


def _plane_data(
    name: str, names: list[str], axes: Tensor, origin: Tensor, latents: Tensor | None, spread: Tensor
) -> dict[str, Any]:
    at = None if latents is None else (latents - origin) @ axes.T
    reach = 3 * (axes.square() @ spread.square()).sqrt()
    low, high = (-reach, reach) if at is None else (at.amin(0), at.amax(0))
    return {
        "name": name,
        "names": names,
        "axes": [_round_values(axis) for axis in axes],
        "origin": _round_values(origin),
        "points": None if at is None else [_round_values(column, 4) for column in at.T],
        "box": [[_round_digits(a), _round_digits(b)] for a, b in zip(low, high, strict=True)],
    }


def _label_data(source: ExportSource) -> dict[str, Any] | None:
    found = None if source.missing_data_reason else source.view.labels
    if found is None:
        return None
    return {
        "values": _round_values(found.values.float(), 4),
        "classes": list(found.classes),
        "title": found.title,
        "colours": CLASS_COLORS,
    }


def _pin_latents(source: ExportSource, latents: Tensor | None, samples: Any, size: int) -> Tensor:
    """Two codes to begin between: of examples far apart, or of the prior."""
    if latents is not None and len(latents) > 1:
        pool = latents[:200]
        first = (pool - pool.mean(0)).norm(dim=1).sort().indices[len(pool) // 2]
        return pool[[int(first), int((pool - pool[first]).norm(dim=1).argmax())]]
    if samples is not None:
        return samples[0][:2]
    return torch.randn(2, size, generator=torch.Generator().manual_seed(0))


def encode_float32(t: Tensor) -> str:
    """Numbers in single precision, little-endian, in base64."""
    return base64.b64encode(t.detach().contiguous().numpy().astype("<f4").tobytes()).decode()


def _round_digits(value: Tensor, digits: int = 6) -> float:
    return float(f"{float(value):.{digits}g}")


def _round_values(values: Tensor, digits: int = 6) -> list[float]:
    return [float(f"{v:.{digits}g}") for v in values.tolist()]
