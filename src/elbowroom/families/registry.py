"""Registry of the likelihoods p(x|z)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elbowroom import deprecation
from elbowroom.families.base import Family, Shape
from elbowroom.registry import Registry


@dataclass(frozen=True)
class Likelihood:
    """A family by name; call it with a shape, and a setting where it takes one.

    Attributes:
        make: the family, or a function from a shape, and a setting, to it.
        name: that a recipe takes.
        help: what it is, and for what data, in a line.
        settings: what may follow the name after a colon, in words, such as ``COMPONENTS``; "" for nothing.
        parse_setting: from that text to the setting.
    """

    make: Callable[..., Family]
    name: str
    help: str
    settings: str = ""
    parse_setting: Callable[[str], Any] = str

    def __call__(self, shape: Shape, *setting: Any) -> Family:
        return self.make(shape, *setting)


#: The likelihoods, by the name that a recipe takes.
LIKELIHOODS: Registry[Likelihood] = Registry(
    "likelihood",
    ("elbowroom.families.pixels", ".location_scale", ".posteriors", ".tabular", ".heavy_tails", ".counts", ".*"),
)
register_likelihood = LIKELIHOODS.decorator(Likelihood, help=lambda entry: entry.help)


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
    entry = LIKELIHOODS.find(kind)
    if not colon:
        return entry(shape)
    if not entry.settings:
        raise ValueError(f"likelihood '{name}': {kind} has no scale to set; write '{kind}' alone")
    return entry(shape, entry.parse_setting(setting))
