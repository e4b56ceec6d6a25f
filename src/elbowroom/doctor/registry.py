"""The table of ailments: one small function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elbowroom.doctor.finding import Finding

if TYPE_CHECKING:
    from elbowroom.doctor.evidence import Evidence

DiagnosisFunction = Callable[["Evidence"], Iterator[Finding]]


class NotApplicableError(Exception):
    """Something an ailment must be looked for in is not there; the message says what."""


@dataclass(frozen=True)
class Diagnosis:
    """What a run may suffer from.

    Attributes:
        name: by which it is known.
        function: from the case to what was found of it; raises :class:`NotApplicableError`.
        during_training: whether it is cheap enough to be looked for at every validation of a training.
    """

    name: str
    function: DiagnosisFunction
    during_training: bool


#: Every ailment by its name, in the order in which they are looked for.
DIAGNOSES: dict[str, Diagnosis] = {}


def diagnosis(name: str, during_training: bool = False) -> Callable[[DiagnosisFunction], DiagnosisFunction]:
    """Enter a function into the table of ailments.

    Args:
        name: of the ailment, which findings have for a title.
        during_training: whether to look for it during training too.
    """

    def enter(function: DiagnosisFunction) -> DiagnosisFunction:
        DIAGNOSES[name] = Diagnosis(name, function, during_training)
        return function

    return enter
