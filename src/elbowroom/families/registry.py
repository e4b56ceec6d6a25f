"""Registry of the likelihoods p(x|z)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from elbowroom import deprecation, errors
from elbowroom.families.base import Family, Shape
from elbowroom.families.location_scale import Gaussian, Laplace
from elbowroom.families.pixels import Bernoulli, Categorical, ContinuousBernoulli, DiscretizedLogistic, LogisticMixture
from elbowroom.families.posteriors import DiagonalNormal
from elbowroom.families.tabular import Classes, Columns
from elbowroom.table_shape import TABLE_LIKELIHOOD, TableShape, resolve_table_shape

#: The likelihoods, by the name that a recipe takes.
LIKELIHOODS: dict[str, Callable[..., Family]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "laplace": Laplace,
    # Pixels resolve no standard deviation below half a level; without a floor the density of constant ones diverges.
    "diagonal-normal": partial(DiagonalNormal, floor=2 * math.log(1 / 510)),
    "categorical": Categorical,
    "discretized-logistic": DiscretizedLogistic,
    "logistic-mixture": LogisticMixture,
}


def likelihood(name: str, shape: Shape) -> Family:
    """Make the likelihood of this name for data of this shape.

    ``"columns"`` is for the rows of a table: a :class:`Gaussian` with its own learned scale for each column of numbers,
    :class:`Classes` for each of categories, and nothing for an empty cell. The columns are those of a table's shape, or
    spelt out, as in ``"columns:1,3"`` for a number and a category of three values.

    A scale may follow a colon, as in ``"gaussian:optimal"`` and ``"laplace:0.1"``, or the number of components, as in
    ``"logistic-mixture:10"``.

    Raises:
        ValueError: the name is not in :data:`LIKELIHOODS`, or the part after the colon is not valid for it.

    >>> likelihood("gaussian:0.1", (1, 8, 8))
    Gaussian(1x8x8, scale=0.1)
    """
    kind, colon, setting = deprecation.current_likelihood(name).partition(":")
    if kind == TABLE_LIKELIHOOD:
        plain = shape if isinstance(shape, TableShape) else (shape,) if isinstance(shape, int) else tuple(shape)
        sizes = resolve_table_shape(name, plain).sizes
        return Columns(*(Gaussian(1) if size == 1 else Classes(size) for size in sizes))
    if kind not in LIKELIHOODS:
        raise errors.unknown_name("likelihood", kind, [*LIKELIHOODS, TABLE_LIKELIHOOD])
    if not colon:
        return LIKELIHOODS[kind](shape)
    if kind not in _SETTING_PARSERS:
        raise ValueError(f"likelihood '{name}': {kind} has no scale to set; write '{kind}' alone")
    return LIKELIHOODS[kind](shape, _SETTING_PARSERS[kind](setting))


def _parse_scale(setting: str) -> float | str:
    try:
        return float(setting)
    except ValueError:
        return setting


def _parse_components(setting: str) -> int:
    if not setting.isdecimal():
        raise ValueError(f"'{setting}' is not a number of components: write logistic-mixture:10")
    return int(setting)


_SETTING_PARSERS: dict[str, Callable[[str], float | int | str]] = {
    "gaussian": _parse_scale,
    "laplace": _parse_scale,
    "logistic-mixture": _parse_components,
}
