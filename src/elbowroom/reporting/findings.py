"""What the doctor found, in words."""

from __future__ import annotations

from html import escape

from elbowroom.doctor import examine
from elbowroom.formatting import plural
from elbowroom.plotting import Look


def findings(look: Look) -> str:
    """A section with each finding: what was seen, what follows, what to do; or that there is none."""
    try:
        found = examine(look.run, look.given_data, look.given_model)
    except ValueError as error:
        why = escape(str(error).rstrip("."))
        return (
            f'<section id="findings" class="missing"><h2>Findings</h2><p class="why">Not examined: {why}.</p></section>'
        )
    told = "".join(
        f'<article class="finding {escape(f.severity)}"><h3>{_begun(f.title)} <span>{escape(f.severity)}</span></h3>'
        f"<p>{_sentence(f.evidence)} {_sentence(f.consequence)}</p><p><b>{_sentence(f.advice)}</b></p></article>"
        for f in found
    )
    looked = f"{plural(len(found.looked_for), 'ailment')} looked for: {', '.join(found.looked_for)}."
    unseen = f" Not examined: {'; '.join(f'{name} ({why})' for name, why in found.unexamined.items())}."
    words = (
        '<p class="caption">What the doctor sees in the curves, the model and the data.</p>'
        f'<p class="protocol">{escape(looked)}{escape(unseen) if found.unexamined else ""}</p>'
    )
    body = told or '<p class="well">Nothing found.</p>'
    figure = f'<div class="figure">{body}</div><div class="words">{words}</div>'
    return f'<section id="findings"><h2>Findings</h2>{figure}</section>'


def _sentence(text: str) -> str:
    return _begun(text.rstrip(".") + ".")


def _begun(text: str) -> str:
    return escape(text[:1].upper() + text[1:])
