"""The findings of an examination, and the diagnoses that could not run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from elbowroom.deprecation import warn_renamed

if TYPE_CHECKING:
    from rich.table import Table

Severity = Literal["note", "warning", "fault"]
#: The most severe first.
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One problem of a run.

    Attributes:
        title: name of the problem, the same in every run.
        evidence: what was measured, with numbers, and since which step.
        consequence: its effect on the metrics or the model.
        advice: what to do about it.
        severity: ``"note"``: good to know; ``"warning"``: the run is worse than it could be; ``"fault"``: its metrics
            or its model are wrong.
    """

    title: str
    evidence: str
    consequence: str
    advice: str
    severity: Severity = "warning"

    def __str__(self) -> str:
        return f"{self.severity}: {self.title}. {self.evidence}. {self.consequence}. {self.advice}."


class Findings(list[Finding]):
    """The findings of one examination, the most severe first.

    Attributes:
        performed_names: the names of the diagnoses that ran.
        skip_reasons: the names of the others, with the reason.
    """

    def __init__(
        self, findings: Iterable[Finding], performed_names: Iterable[str], skip_reasons: dict[str, str]
    ) -> None:
        super().__init__(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
        self.performed_names, self.skip_reasons = tuple(performed_names), skip_reasons

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

    def table(self) -> Table:
        """Return the findings as a table for the terminal: severity, then title, evidence, consequence and advice."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 1, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        colors = {"fault": "bold red", "warning": "yellow", "note": "dim"}
        for finding in self:
            rows = (finding.title, "bold"), f"\n{finding.evidence}", f"\n{finding.consequence}", f"\n→ {finding.advice}"
            table.add_row(Text(finding.severity, colors[finding.severity]), Text.assemble(*rows))
        return table

    def json(self) -> str:
        """Return the findings, and which diagnoses ran, as JSON."""
        content = {
            "findings": [asdict(f) for f in self],
            "looked_for": self.performed_names,
            "unexamined": self.skip_reasons,
        }
        return json.dumps(content, indent=2, ensure_ascii=False)
