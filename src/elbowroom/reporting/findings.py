"""Section of the report with the doctor's findings."""

from __future__ import annotations

from html import escape

from elbowroom.doctor import Finding, examine
from elbowroom.formatting import format_count
from elbowroom.plotting import RunView


def render_findings(view: RunView) -> str:
    """Render each finding with its evidence, consequence and advice; or that there is none, or why none was sought."""
    try:
        findings = examine(view.run, view.given_data, view.given_model)
    except ValueError as error:
        reason = escape(str(error).rstrip("."))
        text = f'<p class="why">Not examined: {reason}.</p>'
        return f'<section id="findings" class="missing"><h2>Findings</h2>{text}</section>'
    articles = "".join(map(_render_finding, findings))
    performed = f"{format_count(len(findings.performed_names), 'problem')} looked for: "
    protocol = performed + ", ".join(findings.performed_names) + "."
    if findings.skip_reasons:
        skipped = "; ".join(f"{name} ({reason})" for name, reason in findings.skip_reasons.items())
        protocol += f" Not examined: {skipped}."
    words = (
        '<p class="caption">What the doctor sees in the curves, the model and the data.</p>'
        f'<p class="protocol">{escape(protocol)}</p>'
    )
    body = articles or '<p class="well">Nothing found.</p>'
    figure = f'<div class="figure">{body}</div><div class="words">{words}</div>'
    return f'<section id="findings"><h2>Findings</h2>{figure}</section>'


def _render_finding(finding: Finding) -> str:
    severity = escape(finding.severity)
    return (
        f'<article class="finding {severity}"><h3>{_capitalize(finding.title)} <span>{severity}</span></h3>'
        f"<p>{_format_sentence(finding.evidence)} {_format_sentence(finding.consequence)}</p>"
        f"<p><b>{_format_sentence(finding.advice)}</b></p></article>"
    )


def _format_sentence(text: str) -> str:
    return _capitalize(text.rstrip(".") + ".")


def _capitalize(text: str) -> str:
    return escape(text[:1].upper() + text[1:])
