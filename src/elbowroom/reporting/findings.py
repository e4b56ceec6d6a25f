"""What the doctor found, in words."""

from __future__ import annotations

from html import escape

from elbowroom.doctor import examine
from elbowroom.formatting import format_count
from elbowroom.plotting import RunView


def render_findings(view: RunView) -> str:
    """A section with each finding: what was seen, what follows, what to do; or that there is none."""
    try:
        found = examine(view.run, view.given_data, view.given_model)
    except ValueError as error:
        why = escape(str(error).rstrip("."))
        return (
            f'<section id="findings" class="missing"><h2>Findings</h2><p class="why">Not examined: {why}.</p></section>'
        )
    told = "".join(
        f'<article class="finding {escape(f.severity)}"><h3>{_capitalize(f.title)} <span>{escape(f.severity)}</span></h3>'
        f"<p>{_format_sentence(f.evidence)} {_format_sentence(f.consequence)}</p><p><b>{_format_sentence(f.advice)}</b></p></article>"
        for f in found
    )
    looked = f"{format_count(len(found.performed_names), 'ailment')} looked for: {', '.join(found.performed_names)}."
    unseen = f" Not examined: {'; '.join(f'{name} ({why})' for name, why in found.skip_reasons.items())}."
    words = (
        '<p class="caption">What the doctor sees in the curves, the model and the data.</p>'
        f'<p class="protocol">{escape(looked)}{escape(unseen) if found.skip_reasons else ""}</p>'
    )
    body = told or '<p class="well">Nothing found.</p>'
    figure = f'<div class="figure">{body}</div><div class="words">{words}</div>'
    return f'<section id="findings"><h2>Findings</h2>{figure}</section>'


def _format_sentence(text: str) -> str:
    return _capitalize(text.rstrip(".") + ".")


def _capitalize(text: str) -> str:
    return escape(text[:1].upper() + text[1:])
