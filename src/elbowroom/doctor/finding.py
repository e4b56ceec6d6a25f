"""The findings of an examination, and the diagnoses that could not run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from elbowroom.deprecation import warn_renamed
from elbowroom.display import Displayed
from elbowroom.formatting import format_count

if TYPE_CHECKING:
    from rich.table import Table

Severity = Literal["note", "warning", "fault"]
#: The most severe first.
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")


@dataclass(frozen=True)
class Finding(Displayed):
    """One problem of a run.

    Attributes:
        title: name of the problem, the same in every run.
        evidence: what was measured, with numbers, and since which step.
        consequence: its effect on the metrics or the model.
        advice: what to do about it.
        severity: ``"note"``: good to know; ``"warning"``: the run is worse than it could be; ``"fault"``: its metrics
            or its model are wrong.
        cause: title of the finding that explains it; empty if none does.
    """

    title: str
    evidence: str
    consequence: str
    advice: str
    severity: Severity = "warning"
    cause: str = ""

    def because_of(self, cause: str) -> Finding:
        """Return it as a consequence of another finding, whose advice mends both."""
        return replace(self, cause=cause, advice=f"mend its cause first: {cause}")

    def __str__(self) -> str:
        return f"{self.severity}: {self.title}. {self.evidence}. {self.consequence}. {self.advice}."


class Findings(Displayed, list[Finding]):
    """The findings of one examination, the most severe first, each followed by its consequences.

    Attributes:
        performed_names: the names of the diagnoses that ran.
        skip_reasons: the names of the others, with the reason.
        passed_names: the names of the diagnoses that ran and found nothing.
    """

    def __init__(
        self,
        findings: Iterable[Finding],
        performed_names: Iterable[str],
        skip_reasons: dict[str, str],
        failed_names: Iterable[str] = (),
    ) -> None:
        super().__init__(_order_by_cause(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))))
        self.performed_names, self.skip_reasons = tuple(performed_names), skip_reasons
        failed = {*failed_names}
        self.passed_names = tuple(name for name in self.performed_names if name not in failed)

    def __repr__(self) -> str:
        return "\n".join([*map(str, self), self.summary])

    @property
    def looked_for(self) -> tuple[str, ...]:
        """The old name of ``performed_names``."""
        warn_renamed("Findings.looked_for", "Findings.performed_names")
        return self.performed_names

    @property
    def unexamined(self) -> dict[str, str]:
        """The old name of ``skip_reasons``."""
        warn_renamed("Findings.unexamined", "Findings.skip_reasons")
        return self.skip_reasons

    @property
    def names_by_skip_reason(self) -> dict[str, list[str]]:
        """The names of the diagnoses that did not run, by the reason that they share.

        >>> Findings([], [], {"ids": "no table", "constants": "no table"}).names_by_skip_reason
        {'no table': ['ids', 'constants']}
        """
        return group_by_reason(self.skip_reasons)

    @property
    def summary(self) -> str:
        """How many diagnoses passed, found something, and were not applicable, in words.

        >>> Findings([], ["dead codes"], {"ids": "no table"}).summary
        '1 check passed, 1 not applicable'
        """
        return describe_checks(len(self.passed_names), self.n_failed, len(self.skip_reasons))

    @property
    def n_failed(self) -> int:
        """The number of diagnoses that found something."""
        return len(self.performed_names) - len(self.passed_names)

    def table(self) -> Table:
        """Return the findings as a table for the terminal: severity, then title, evidence, consequence and advice."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 1, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        colors = {"fault": "bold red", "warning": "yellow", "note": "dim"}
        for finding in self:
            title = (f"{finding.title}, by this", "bold") if finding.cause else (finding.title, "bold")
            advice = "" if finding.cause else f"\n→ {finding.advice}"
            words = Text.assemble(title, f"\n{finding.evidence}", f"\n{finding.consequence}", advice)
            severity = Text("and" if finding.cause else finding.severity, colors[finding.severity])
            table.add_row(severity, words)
        return table

    def json(self) -> str:
        """Return the findings, and which diagnoses ran, as JSON."""
        content = {
            "findings": [asdict(f) for f in self],
            "looked_for": self.performed_names,
            "passed": self.passed_names,
            "unexamined": self.skip_reasons,
        }
        return json.dumps(content, indent=2, ensure_ascii=False)


def describe_checks(n_passed: int, n_failed: int, n_skipped: int) -> str:
    """Return how many diagnoses passed, found something, and were not applicable, in words."""
    failed = f"{n_failed} found something" if n_failed else ""
    skipped = f"{n_skipped} not applicable" if n_skipped else ""
    return ", ".join(filter(None, (f"{format_count(n_passed, 'check')} passed", failed, skipped)))


def group_by_reason(skip_reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names of diagnoses by the reason why they did not run."""
    grouped: dict[str, list[str]] = {}
    for name, reason in skip_reasons.items():
        grouped.setdefault(reason, []).append(name)
    return grouped


def _order_by_cause(findings: list[Finding]) -> list[Finding]:
    """Return the findings without a cause in their order, each with its consequences after it."""
    titles = {finding.title for finding in findings}
    ordered: list[Finding] = []

    def add(finding: Finding) -> None:
        ordered.append(finding)
        for other in findings:
            if other.cause == finding.title and other not in ordered:
                add(other)

    for finding in findings:
        if finding.cause not in titles and finding not in ordered:
            add(finding)
    return ordered
