"""Registry of the quantizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.registry import Registry


@dataclass(frozen=True)
class QuantizerEntry:
    """A quantizer by name.

    Attributes:
        make: from positions, the length of a code, and what follows the name, to the quantizer.
        name: that :func:`quantizer` and recipes take.
        settings: what follows the name after a colon, in words, such as ``CODES``.
        example: of such a setting.
    """

    make: Callable[[Shape, int, str], Quantizer]
    name: str
    settings: str
    example: str


#: The quantizers, by the name that a recipe takes.
QUANTIZERS: Registry[QuantizerEntry] = Registry(
    "quantizer", ("elbowroom.families.quantizers.codebook", ".residual", ".product", ".simvq", ".*")
)
register_quantizer = QUANTIZERS.decorator(QuantizerEntry)


def quantizer(name: str, positions: Shape, dim: int = 64) -> Quantizer:
    """Make the quantizer of this name, as ``"codebook:512"``, ``"residual:512x4"`` or ``"fsq:8,5,5,5"``.

    Args:
        name: in :data:`QUANTIZERS`, with its setting after a colon.
        positions: the number of positions of a latent, or the sizes of a map of them.
        dim: length of a code, of a quantizer with codebooks; others have it from their setting.

    Raises:
        ValueError: the name is not known, or its setting cannot be read.

    >>> quantizer("codebook:512", 20), quantizer("fsq:8,5,5,5", (7, 7))
    (Codebook(20x64, codes=512), FiniteScalarQuantizer(49x4, codes=8x5x5x5))
    """
    kind, _, setting = name.partition(":")
    entry = QUANTIZERS.find(kind)
    try:
        return entry.make(positions, dim, setting)
    except ValueError as error:
        raise ValueError(
            f"quantizer '{name}': {error}; write {kind}:{entry.settings}, as {kind}:{entry.example}"
        ) from None


def parse_sizes(setting: str, count: int | None = None, separator: str = "x") -> tuple[int, ...]:
    """Return the whole numbers of a setting: "512x4" to (512, 4).

    Args:
        setting: what follows a quantizer's name.
        count: how many numbers there have to be; any number by default.
        separator: between them.

    Raises:
        ValueError: there are more or fewer, or one is not a whole number.
    """
    parts = setting.split(separator) if setting else []
    if not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"'{setting}' is not a list of whole numbers")
    if not parts or (count is not None and len(parts) != count):
        raise ValueError(f"numbers given: {len(parts)}, expected: {count or 'one or more'}")
    return tuple(int(part) for part in parts)
