"""Search spaces: the range or the values that a setting is searched over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from elbowroom.runs.settings import Settings, format_setting

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``, both included; whole ones if both are.

    Attributes:
        low: the smallest.
        high: the largest.
        is_log: whether each factor, rather than each difference, is as likely.

    Raises:
        ValueError: they are not in order, or not positive where factors count.

    >>> Range(1e-4, 1e-2, is_log=True)
    Range(low=0.0001, high=0.01, is_log=True)
    """

    low: float
    high: float
    is_log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"the range {self.low}:{self.high} is empty: give the smaller number first")
        if self.is_log and self.low <= 0:
            raise ValueError(f"the range {self.low}:{self.high}:log has no logarithms: begin above 0")


#: What each setting of a search may be: a range, or its values.
Space = Mapping[str, Range | Sequence[Any]]


def fixed_settings(space: Space) -> Settings:
    """Return the settings that have one value.

    >>> fixed_settings({"lr": Range(0.001, 0.1), "latent": (2,)})
    {'latent': 2}
    """
    return {name: values[0] for name, values in space.items() if not isinstance(values, Range) and len(values) == 1}


def make_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return Optuna's distributions of the settings that are searched.

    Raises:
        ValueError: none is, or two values of one look alike.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    searched = {name: values for name, values in space.items() if name not in fixed_settings(space)}
    if not searched:
        raise ValueError("nothing is searched: give a range, as --lr 1e-4:1e-2:log, or several values, as --latent 2,5")
    found: dict[str, BaseDistribution] = {}
    for name, values in searched.items():
        if not isinstance(values, Range):
            found[name] = CategoricalDistribution(list(_by_label(name, values)))
        elif isinstance(values.low, int) and isinstance(values.high, int):
            found[name] = IntDistribution(values.low, values.high, log=values.is_log)
        else:
            found[name] = FloatDistribution(values.low, values.high, log=values.is_log)
    return found


def settings_of(space: Space, parameters: Mapping[str, Any]) -> Settings:
    """Return the settings of a trial, from the parameters that Optuna chose: numbers, and values by their text.

    >>> space = {"hidden": ((400,), (400, 200)), "lr": Range(0.001, 0.1), "seed": (0,)}
    >>> settings_of(space, {"hidden": "400×200", "lr": 0.01})
    {'hidden': (400, 200), 'lr': 0.01, 'seed': 0}
    """
    settings = Settings()
    fixed = fixed_settings(space)
    for name, values in space.items():
        if name in fixed:
            settings[name] = fixed[name]
        else:
            chosen = parameters[name]
            settings[name] = chosen if isinstance(values, Range) else _by_label(name, values)[chosen]
    return settings


def corner_settings(space: Space) -> Iterator[Settings]:
    """Yield the settings at the ends of ranges, with every combination of the values.

    >>> [one["lr"] for one in corner_settings({"latent": (2,), "lr": Range(0.001, 0.1)})]
    [0.001, 0.1]
    """
    ends = [(values.low, values.high) if isinstance(values, Range) else values for values in space.values()]
    for corner in product(*ends):
        yield Settings(zip(space, corner, strict=True))


def _by_label(name: str, values: Sequence[Any]) -> dict[str, Any]:
    labels = {format_setting(value): value for value in values}
    if len(labels) < len(values):
        raise ValueError(f"the search has a value of '{name}' twice: give each once")
    return labels
