"""The table of ailments: one small function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elbowroom.doctor.finding import Finding

if TYPE_CHECKING:
    from elbowroom.doctor.evidence import Case

Examination = Callable[["Case"], Iterator[Finding]]


class Unexamined(Exception):  # noqa: N818 - it is what happened
    """Something an ailment must be looked for in is not there; the message says what."""


@dataclass(frozen=True)
class Ailment:
    """What a run may suffer from.

    Attributes:
        name: by which it is known.
        function: from the case to what was found of it; raises :class:`Unexamined`.
        watches: whether it is cheap enough to be looked for at every validation of a training.
    """

    name: str
    function: Examination
    watches: bool


#: Every ailment by its name, in the order in which they are looked for.
AILMENTS: dict[str, Ailment] = {}


def ailment(name: str, watches: bool = False) -> Callable[[Examination], Examination]:
    """Enter a function into the table of ailments.

    Args:
        name: of the ailment, which findings have for a title.
        watches: whether to look for it during training too.
    """

    def enter(function: Examination) -> Examination:
        AILMENTS[name] = Ailment(name, function, watches)
        return function

    return enter
