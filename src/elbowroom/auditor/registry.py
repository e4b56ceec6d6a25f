"""The table of checks, and the three ways in which one may end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elbowroom.auditor.claim import Claim


class CheckFailedError(Exception):
    """The claim cannot hold; the message is the evidence."""


class CheckSkippedError(Exception):
    """Nothing can be said; the message says why, and what would change it."""


@dataclass(frozen=True)
class Check:
    """One question to a reported likelihood.

    Attributes:
        name: what holds where it is passed.
        description: why it must.
        function: from the claim to the evidence; raises :class:`CheckFailedError` or :class:`CheckSkippedError`.
    """

    name: str
    description: str
    function: Callable[[Claim], str]


#: Every check by its name, in the order in which they are asked.
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Callable[[Claim], str]], Callable[[Claim], str]]:
    """Enter a function into the table; its docstring's first line says why the check must be passed."""

    def enter(function: Callable[[Claim], str]) -> Callable[[Claim], str]:
        CHECKS[name] = Check(name, (function.__doc__ or "").partition("\n")[0], function)
        return function

    return enter
