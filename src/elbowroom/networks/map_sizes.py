"""The sides of the levels of a decoder above a map."""

from __future__ import annotations

from collections.abc import Sequence


def sizes_above(sides: Sequence[int], sizes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the sides of the levels above a map, the coarsest first.

    A map of other sides than the decoder was built for, as one that was scaled, doubles at each level.

    Args:
        sides: of the map.
        sizes: of all levels as the decoder was built, that of the map last.

    >>> sizes_above((12, 10), [(45, 37), (23, 19), (12, 10)]), sizes_above((6, 5), [(45, 37), (23, 19), (12, 10)])
    ([(23, 19), (45, 37)], [(12, 10), (24, 20)])
    """
    if tuple(sides) == sizes[-1]:
        return list(sizes[-2::-1])
    return [tuple(side * 2**level for side in sides) for level in range(1, len(sizes))]
