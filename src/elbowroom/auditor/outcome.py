"""The outcome of a check, and the exceptions by which a check fails or is skipped."""

from __future__ import annotations

from dataclasses import dataclass

#: The word printed for each value of :attr:`Outcome.passed`.
OUTCOME_LABELS = {True: "passed", False: "failed", None: "inconclusive"}


class CheckFailedError(Exception):
    """The reported values cannot be log-likelihoods; the message is the evidence."""


class CheckSkippedError(Exception):
    """The check is inconclusive; the message says why, and what to pass to make it conclusive."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check.

    Attributes:
        name: of the check.
        passed: whether it passed; ``None`` where it was inconclusive.
        evidence: what was measured, with numbers, or why nothing could be.
    """

    name: str
    passed: bool | None
    evidence: str

    @property
    def label(self) -> str:
        """Passed, failed or inconclusive, in one word."""
        return OUTCOME_LABELS[self.passed]
