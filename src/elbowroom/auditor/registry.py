"""The registry of checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elbowroom.registry import Registry

if TYPE_CHECKING:
    from elbowroom.auditor.claim import Claim

CheckFunction = Callable[["Claim"], str]


@dataclass(frozen=True)
class Check:
    """One check of a reported likelihood.

    Attributes:
        name: what holds where the check passes.
        description: why it must hold.
        function: from the claim to the evidence; raises :class:`~elbowroom.auditor.outcome.CheckFailedError` or
            :class:`~elbowroom.auditor.outcome.CheckSkippedError`.
    """

    name: str
    description: str
    function: CheckFunction


#: Every check by its name, in the order in which they run.
CHECKS: Registry[Check] = Registry(
    "check",
    (
        "elbowroom.auditor.independence",
        "elbowroom.auditor.normalization",
        "elbowroom.auditor.bound",
        "elbowroom.auditor.leak",
        "elbowroom.auditor.*",
    ),
)


def check(name: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as a check; the first line of its docstring says why the check must pass."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS.add(name, Check(name, (function.__doc__ or "").partition("\n")[0], function), source=function)
        return function

    return register
