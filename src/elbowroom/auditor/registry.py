"""The registry of checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elbowroom.registry import Registry

if TYPE_CHECKING:
    from elbowroom.auditor.claim import Claim


@dataclass(frozen=True)
class Check:
    """One check of a reported likelihood; the first line of its function's docstring says why it must hold.

    Attributes:
        function: from the claim to the evidence; raises :class:`~elbowroom.auditor.outcome.CheckFailedError` or
            :class:`~elbowroom.auditor.outcome.CheckSkippedError`.
        name: what holds where the check passes.
    """

    function: Callable[[Claim], str]
    name: str

    @property
    def description(self) -> str:
        """Why it must hold."""
        return CHECKS.help(self.name)


#: Every check by its name, in the order in which they run.
CHECKS: Registry[Check] = Registry(
    "check",
    ("elbowroom.auditor.independence", ".normalization", ".bound", ".leak", ".*"),
)
check = CHECKS.decorator(Check)
