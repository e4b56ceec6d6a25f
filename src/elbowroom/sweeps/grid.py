"""Parameter grids: the product of several settings' values, and a directory name for each point."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import product
from typing import Any

from elbowroom.runs.settings import Settings, canonical_json

#: The longest name of a point, which is a directory's name.
MAX_NAME_CHARS = 120


def parameter_grid(axes: Mapping[str, Sequence[Any]]) -> list[Settings]:
    """Return the Cartesian product of the settings' values, without duplicates; the last setting changes fastest.

    Args:
        axes: the values of each setting by its name; a setting with one value is the same in every point.

    Raises:
        ValueError: a setting has no value, or its values are not a list.

    >>> parameter_grid({"latent": [2, 5], "seed": [0, 1]})
    [{'latent': 2, 'seed': 0}, {'latent': 2, 'seed': 1}, {'latent': 5, 'seed': 0}, {'latent': 5, 'seed': 1}]
    """
    for name, values in axes.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"the grid's '{name}' is {values!r}, not its values: give a list, as [{values!r}]")
        if not values:
            raise ValueError(f"the grid's '{name}' has no value: give one, or leave it out")
    points = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    return list({canonical_json(point): point for point in points}.values())


def name_points(points: Sequence[Settings], known: Mapping[str, Settings]) -> dict[str, Settings]:
    """Return the points by their names, made of the settings that differ between points, known ones included.

    A known point keeps its name, so that a grid may grow.

    Args:
        points: the settings of each point.
        known: the points of an earlier plan by their names.

    >>> list(name_points(parameter_grid({"latent": [2, 5], "lr": [0.001], "seed": [0]}), {}))
    ['latent=2', 'latent=5']
    >>> list(name_points(parameter_grid({"latent": [2], "seed": [0, 1]}), {"latent=2": {"latent": 2, "seed": 0}}))
    ['latent=2', 'seed=1']
    """
    known_names = {canonical_json(settings): name for name, settings in known.items()}
    values: dict[str, set[str]] = {}
    for point in (*known.values(), *points):
        for key, value in point.items():
            values.setdefault(key, set()).add(canonical_json(value))
    named: dict[str, Settings] = {}
    taken = set(known)
    for point in points:
        short = _point_name({key: value for key, value in point.items() if len(values[key]) > 1})
        name = known_names.get(canonical_json(point)) or _unused_name(short, taken)
        taken.add(name)
        named[name] = point
    return named


def _point_name(settings: Settings) -> str:
    name = ",".join(f"{key}={_slug(value)}" for key, value in settings.items()) or "run"
    if len(name) <= MAX_NAME_CHARS:
        return name
    return f"{name[: MAX_NAME_CHARS - 9]}-{blake2b(name.encode(), digest_size=4).hexdigest()}"


def _slug(value: Any) -> str:
    """Format a value as a part of a directory's name.

    >>> _slug((400, 200)), _slug(None), _slug("sgd(momentum=0.9)"), _slug("../faces-*.tar"), _slug(1e-3)
    ('400x200', 'none', 'sgd(momentum=0.9)', 'faces-.tar', '0.001')
    """
    if isinstance(value, list | tuple):
        return "x".join(map(_slug, value)) or "none"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return re.sub(r"[^\w.()+=-]+", "-", re.sub(r"[^\w()+=.-]*\*+", "", text)).strip("-.") or "value"


def _unused_name(name: str, taken: set[str]) -> str:
    """Return the name, numbered if another point has it already."""
    n = 1
    while (numbered := name if n == 1 else f"{name}~{n}") in taken:
        n += 1
    return numbered
