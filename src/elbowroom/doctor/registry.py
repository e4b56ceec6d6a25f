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


class NotApplicableError(Exception):
    """A diagnosis needs something that the run does not have; the message says what."""


@dataclass(frozen=True)
class Diagnosis:
    """A known problem, and the function that looks for it.

    Attributes:
        function: from the evidence to its findings; raises :class:`NotApplicableError`.
        name: of the problem, usually the title of its findings.
        during_training: whether it is cheap enough to run at every validation of a training too.
        explains: titles of the findings that are its consequences where both are found; it is then looked for during
            training too.
    """

    function: Callable[[Evidence], Iterator[Finding]]
    name: str
    during_training: bool = False
    explains: tuple[str, ...] = ()


#: Every diagnosis by its name, in the order in which they run.
DIAGNOSES: Registry[Diagnosis] = Registry("diagnosis", ("elbowroom.doctor.checks.*",))
diagnosis = renamed_arguments({"watches": "during_training"})(DIAGNOSES.decorator(Diagnosis))
