"""What the doctor found, and what could not be looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

Severity = Literal["note", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        title: its name, the same whenever it is found.
        evidence: what was seen, with figures, and since when.
        consequence: what it does to the figures or the model.
        advice: the one thing to do.
        severity: ``"note"``: good to know; ``"warning"``: the run is worth less than it could be; ``"fault"``: its
            figures or its model are not what they seem.
    """

    title: str
    evidence: str
    consequence: str
    advice: str
    severity: Severity = "warning"

    def __str__(self) -> str:
        return f"{self.severity}: {self.title}. {self.evidence}. {self.consequence}. {self.advice}."


class Findings(list[Finding]):
    """The findings of one examination, the gravest first.

    Attributes:
        performed_names: every ailment that was looked for and could be.
        skip_reasons: the others, with what stood in the way.
    """

    def __init__(self, found: Iterable[Finding], performed_names: Iterable[str], skip_reasons: dict[str, str]) -> None:
        grave = ("fault", "warning", "note")
        super().__init__(sorted(found, key=lambda finding: grave.index(finding.severity)))
        self.performed_names, self.skip_reasons = tuple(performed_names), skip_reasons

    def table(self) -> Table:
        """Everything, for people: a column of what was found, and one of what it means and what to do."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 1, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        colours = {"fault": "bold red", "warning": "yellow", "note": "dim"}
        for finding in self:
            rows = (finding.title, "bold"), f"\n{finding.evidence}", f"\n{finding.consequence}", f"\n→ {finding.advice}"
            table.add_row(Text(finding.severity, colours[finding.severity]), Text.assemble(*rows))
        return table

    def json(self) -> str:
        """Everything, as JSON."""
        whole = {
            "findings": [asdict(f) for f in self],
            "looked_for": self.performed_names,
            "unexamined": self.skip_reasons,
        }
        return json.dumps(whole, indent=2, ensure_ascii=False)
