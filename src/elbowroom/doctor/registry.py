"""The registry of diagnoses: one function for each known problem of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elbowroom.deprecation import renamed_arguments
from elbowroom.doctor.finding import Finding
from elbowroom.registry import Registry

if TYPE_CHECKING:
    from elbowroom.doctor.evidence import Evidence

DiagnosisFunction = Callable[["Evidence"], Iterator[Finding]]


class NotApplicableError(Exception):
    """A diagnosis needs something that the run does not have; the message says what."""


@dataclass(frozen=True)
class Diagnosis:
    """A known problem, and the function that looks for it.

    Attributes:
        name: of the problem.
        function: from the evidence to its findings; raises :class:`NotApplicableError`.
        during_training: whether it is cheap enough to run at every validation of a training.
    """

    name: str
    function: DiagnosisFunction
    during_training: bool


#: Every diagnosis by its name, in the order in which they run.
DIAGNOSES: Registry[Diagnosis] = Registry("diagnosis", ("elbowroom.doctor.checks.*",))


@renamed_arguments({"watches": "during_training"})
def diagnosis(name: str, during_training: bool = False) -> Callable[[DiagnosisFunction], DiagnosisFunction]:
    """Register a function as a diagnosis.

    Args:
        name: of the problem, usually the title of its findings.
        during_training: whether to run it at every validation of a training too.
    """

    def register(function: DiagnosisFunction) -> DiagnosisFunction:
        DIAGNOSES.add(name, Diagnosis(name, function, during_training), source=function)
        return function

    return register
