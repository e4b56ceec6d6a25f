"""Registry of the priors that a recipe takes by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from elbowroom.models.conditional import Conditional
from elbowroom.registry import Registry


@dataclass(frozen=True)
class PriorContext:
    """What a prior may be made of.

    Attributes:
        encoder: that of the model; its latent is a vector or a map of numbers.
        shape: of an example.
        bounded: whether the data lies in [0, 1].
    """

    encoder: Conditional
    shape: tuple[int, ...]
    bounded: bool

    @property
    def latent(self) -> tuple[int, ...]:
        """The shape of a latent."""
        return self.encoder.family.shape


@dataclass(frozen=True)
class PriorKind:
    """A prior by name.

    Attributes:
        make: from a :class:`PriorContext`, and a setting where there is one, to the prior.
        name: that a recipe takes.
        help: what it is, in a line.
        setting: what may follow the name after a colon, in a word, such as ``COMPONENTS``; "" for nothing.
        parse_setting: from that text to the setting; a ValueError if it is none.
    """

    make: Callable[..., nn.Module]
    name: str
    help: str
    setting: str = ""
    parse_setting: Callable[[str], Any] = str


#: The priors by name: a new one is a file beside this one.
PRIORS: Registry[PriorKind] = Registry(
    "prior", ("elbowroom.models.priors.standard", ".mixture", ".example", ".flow", ".*")
)
register_prior = PRIORS.decorator(PriorKind, help=lambda entry: entry.help)


def parse_count(text: str) -> int:
    """Return a number of components.

    Raises:
        ValueError: it is no whole number.
    """
    if not text.isdecimal():
        raise ValueError("a whole number is expected")
    return int(text)


def make_prior(name: str, encoder: Conditional, shape: tuple[int, ...], bounded: bool) -> nn.Module:
    """Make a prior by its name: standard, mixture:K, vamp:K, exemplar:K, flow:maf, resampled, energy, autocorrelated.

    Args:
        name: in :data:`PRIORS`, with its setting after a colon.
        encoder: that of the model; its latent is a vector or a map of numbers.
        shape: of an example.
        bounded: whether the data lies in [0, 1].

    Raises:
        ValueError: there is no such prior, or the setting is none of it.

    >>> import elbowroom as er
    >>> encoder = er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(2))
    >>> make_prior("mixture:5", encoder, (1, 8, 8), bounded=True)().mixture_distribution.logits.shape
    torch.Size([5])
    """
    kind, colon, text = name.partition(":")
    entry, context = PRIORS.find(kind), PriorContext(encoder, shape, bounded)
    if not colon:
        return entry.make(context)
    if not entry.setting:
        raise ValueError(f"prior '{name}': write {kind} alone, it takes no setting")
    try:
        setting = entry.parse_setting(text)
    except ValueError as error:
        raise ValueError(f"prior '{name}': write {kind}:{entry.setting}; {error}") from None
    return entry.make(context, setting)
