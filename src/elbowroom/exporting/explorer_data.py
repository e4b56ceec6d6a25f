"""What a page knows of the codes: planes to move on, points on them, dials, and codes to begin from."""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.modules import condition, conditions
from elbowroom.exporting.source import Told
from elbowroom.latent import principal
from elbowroom.models.hierarchical import Hierarchy
from elbowroom.plotting.style import CLASSES

#: Dimensions that have a dial, at most.
DIALS = 12
#: Codes from a prior that the page cannot draw from itself, at most, and their numbers together.
DRAWN, NUMBERS = 256, 1 << 17


def codes(told: Told) -> dict[str, Any]:
    """Ready for JSON."""
    known, standard = _known(told), _standard(told)
    drawn = None if standard else _drawn(told, known)
    size = _size(told)
    seen = known if known is not None else drawn[0] if drawn is not None else torch.zeros(0, size)
    centre = seen.mean(0) if len(seen) else torch.zeros(size)
    order = _order(told, known, size)
    spread = torch.ones(size) if standard or len(seen) < 2 else seen.std(0).clamp_min(1e-3)
    middle = torch.zeros(size) if standard else centre
    low, high = middle - 3 * spread, middle + 3 * spread
    return {
        "size": size,
        "centre": _rounded(centre),
        "dials": [
            {"at": d, "name": told.look.z(d), "low": _short(low[d]), "high": _short(high[d])} for d in order[:DIALS]
        ],
        "planes": _planes(told, known, order, centre, spread),
        "labels": _labels(told),
        "prior": {"standard": True} if standard else drawn and drawn[1],
        "pins": [_rounded(z) for z in _pins(told, known, drawn, size)],
        "unit": told.look.axis,
        "quantised": told.look.quantised,
    }


def _size(told: Told) -> int:
    return int(torch.Size(told.model.latent_shape).numel())


def _known(told: Told) -> Tensor | None:
    return None if told.without_data else told.look.codes.float()


def _standard(told: Told) -> bool:
    """Whether the codes of the prior are standard normals, which a page draws itself."""
    return told.look.standard or isinstance(told.model, Hierarchy)


def _drawn(told: Told, known: Tensor | None) -> tuple[Tensor, dict[str, Any]] | None:
    """Codes drawn from a learned prior, of every condition as many; without a prior, codes of the data."""
    n = max(2, min(DRAWN, NUMBERS // _size(told)))
    if getattr(told.model, "prior", told.model) is None:
        if known is None:
            return None
        z, words, each = known[:n], "a code of the data", 1
    else:
        each = max(1, conditions(told.model))
        n = max(1, n // each) * each
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            z = told.model.draw_prior(n, *condition(told.model, n)).flatten(1).float()
        words = "the prior"
    return z, {"standard": False, "words": words, "n": len(z), "each": each, "codes": encoded(z)}


def _order(told: Told, known: Tensor | None, size: int) -> list[int]:
    """The dimensions, the most active first; as they come where there is no data."""
    if known is None:
        return list(range(size))
    order, *_ = told.look.informative
    # Of a codebook the measure is by position, not by dimension.
    return order if len(order) == size else known.var(0).argsort(descending=True).tolist()


def _planes(told: Told, known: Tensor | None, order: list[int], centre: Tensor, spread: Tensor) -> list[dict[str, Any]]:
    """Planes through the space of codes; the other dimensions stay where they are."""
    size, planes, look = len(centre), [], told.look
    if size >= 2 and not (look.quantised and known is not None):
        a, b = sorted(order[:2]) if size == 2 else order[:2]
        names = [f"{look.z(d)}" for d in (a, b)]
        axes = torch.eye(size)[[a, b]]
        words = f"{names[0]} and {names[1]}" if size > 2 else "the code"
        planes.append(_plane(words, names, axes, torch.zeros(size), known, spread))
    if size > 2 and known is not None and len(known) > 2:
        found = principal(known)
        shares = [f"principal axis {i}, {share:.0%} of the variance" for i, share in enumerate(found.share.tolist(), 1)]
        planes.append(_plane("principal plane", shares, found.axes, known.mean(0), known, spread))
    return planes


def _plane(
    name: str, names: list[str], axes: Tensor, origin: Tensor, known: Tensor | None, spread: Tensor
) -> dict[str, Any]:
    at = None if known is None else (known - origin) @ axes.T
    reach = 3 * (axes.square() @ spread.square()).sqrt()
    low, high = (-reach, reach) if at is None else (at.amin(0), at.amax(0))
    return {
        "name": name,
        "names": names,
        "axes": [_rounded(axis) for axis in axes],
        "origin": _rounded(origin),
        "points": None if at is None else [_rounded(column, 4) for column in at.T],
        "box": [[_short(a), _short(b)] for a, b in zip(low, high, strict=True)],
    }


def _labels(told: Told) -> dict[str, Any] | None:
    found = None if told.without_data else told.look.labels
    if found is None:
        return None
    return {
        "values": _rounded(found.values.float(), 4),
        "classes": list(found.classes),
        "title": found.title,
        "colours": CLASSES,
    }


def _pins(told: Told, known: Tensor | None, drawn: Any, size: int) -> Tensor:
    """Two codes to begin between: of examples far apart, or of the prior."""
    if known is not None and len(known) > 1:
        pool = known[:200]
        first = (pool - pool.mean(0)).norm(dim=1).sort().indices[len(pool) // 2]
        return pool[[int(first), int((pool - pool[first]).norm(dim=1).argmax())]]
    if drawn is not None:
        return drawn[0][:2]
    return torch.randn(2, size, generator=torch.Generator().manual_seed(0))


def encoded(t: Tensor) -> str:
    """Numbers in single precision, little-endian, in base64."""
    return base64.b64encode(t.detach().contiguous().numpy().astype("<f4").tobytes()).decode()


def _short(value: Tensor, digits: int = 6) -> float:
    return float(f"{float(value):.{digits}g}")


def _rounded(values: Tensor, digits: int = 6) -> list[float]:
    return [float(f"{v:.{digits}g}") for v in values.tolist()]
