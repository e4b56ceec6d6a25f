"""Evaluations, comparisons and audits in a notebook: their tables, with error and protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elbowroom.display import html_form
from elbowroom.notebook.card import Card, render_card

if TYPE_CHECKING:
    from elbowroom.auditor import Audit
    from elbowroom.comparing import Comparison
    from elbowroom.evaluation import Evaluation

#: Fields of a protocol that are shown, in this order.
SHOWN_PROTOCOL = ("model", "recipe", "data", "split", "samples", "seed", "batch_size")


@html_form("Evaluation")
def evaluation_to_html(evaluation: Evaluation) -> str:
    """Return an evaluation in HTML: each metric with its standard error, and the protocol."""
    protocol = evaluation.protocol
    values = {**protocol, "data": protocol.get("data", {}).get("name")}
    said = [f"{name.replace('_', ' ')} {values[name]}" for name in SHOWN_PROTOCOL if values.get(name) is not None]
    suites = list(dict.fromkeys(metric.suite for metric in evaluation.values() if metric.suite))
    return render_card(
        Card(
            title="evaluation",
            state=", ".join(suites),
            heads=("metric", "value", "±", "unit", "n", "how"),
            rows=[row for _, row in evaluation.rows()],
            number_columns=(1, 2, 4),
            notes=[", ".join(said)],
        )
    )


@html_form("Comparison")
def comparison_to_html(comparison: Comparison) -> str:
    """Return a comparison in HTML: a row for each group of runs, with the notes below the table."""
    from elbowroom.comparing.table import group_table

    table = group_table(comparison)
    shown = [i for i, head in enumerate(table.heads) if head.is_shown]
    rows = [[f"{cell.text} {cell.small}".strip() for cell in row.cells] for row in table.rows]
    heads = [f"{head.title} {head.small}".strip() for head in table.heads]
    return render_card(
        Card(
            title="comparison",
            state=comparison.title or f"{len(comparison.entries)} runs",
            heads=[heads[i] for i in shown],
            rows=[[row[i] for i in shown] for row in rows],
            number_columns=[at for at, i in enumerate(shown) if table.heads[i].is_number],
            notes=[*comparison.footnotes, *comparison.comparability_notes],
        )
    )


@html_form("Audit")
def audit_to_html(audit: Audit) -> str:
    """Return an audit in HTML: the outcome of each check, with what was measured."""
    return render_card(
        Card(
            title=f"audit of {audit.subject}",
            state="no check failed" if audit.passed else "failed",
            heads=("check", "outcome", "evidence"),
            rows=[(outcome.name, outcome.label, outcome.evidence) for outcome in audit],
            notes=[audit.claim],
        )
    )
