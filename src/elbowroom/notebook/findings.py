"""Findings of the doctor in a notebook: what was found, and of a healthy run what was looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elbowroom.display import html_form
from elbowroom.notebook.card import Card, render_card

if TYPE_CHECKING:
    from elbowroom.doctor.finding import Finding, Findings


@html_form("Findings")
def findings_to_html(findings: Findings) -> str:
    """Return findings in HTML, the most severe first; the checks that passed and those that did not apply below."""
    notes = [f"passed: {', '.join(findings.passed_names)}"] if findings.passed_names else []
    notes += [f"not applicable, {why}: {', '.join(names)}" for why, names in findings.names_by_skip_reason.items()]
    return render_card(
        Card(
            title="doctor",
            state=findings.summary,
            heads=("severity", "finding", "evidence", "consequence", "advice"),
            rows=[_cells(finding) for finding in findings],
            notes=notes,
        )
    )


@html_form("Finding")
def finding_to_html(finding: Finding) -> str:
    """Return one finding in HTML."""
    severity, *rest = _cells(finding)
    heads = ("finding", "evidence", "consequence", "advice")
    return render_card(Card(title="doctor", state=severity, heads=heads, rows=[rest]))


def _cells(finding: Finding) -> tuple[str, ...]:
    severity = f"by {finding.cause}" if finding.cause else finding.severity
    return (severity, finding.title, finding.evidence, finding.consequence, finding.advice)
