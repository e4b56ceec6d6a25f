"""A comparison as JSON, CSV, and as a table for a terminal."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from elbowroom.comparing.columns import format_mean
from elbowroom.runs.settings import setting_label

if TYPE_CHECKING:
    from rich.table import Table

    from elbowroom.comparing.comparison import Comparison


#: Columns of a comparison as text.
TEXT_COLUMNS = 120


def to_json(comparison: Comparison) -> str:
    """Return a comparison as JSON: the groups with their runs and metrics, shared settings, and the notes."""
    rows = [
        {
            "protocol": group.protocol.summary,
            "settings": {name: group.settings.get(name) for name in comparison.differing_settings},
            "runs": [
                {"path": e.path, "seed": e.seed, "state": e.state} | ({"why": e.error} if e.error else {})
                for e in group.entries
            ],
            "figures": {name: mean._asdict() for name, mean in group.metrics.items()},
        }
        for group in comparison.groups
    ]
    units = {c.name: {"unit": c.unit, "of": comparison.column_split(c)} for c in comparison.columns}
    content = {
        "rows": rows,
        "same": comparison.shared_settings,
        "figures": units,
        "not comparable": comparison.comparability_notes,
        "notes": comparison.notes,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str)


def to_csv(comparison: Comparison) -> str:
    """Return a comparison as CSV: a line for each group, a mean and a standard deviation for each metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [column.name for column in comparison.columns]
    heads = [f"{name}_{statistic}" for name in names for statistic in ("mean", "sd")]
    writer.writerow(["protocol", *comparison.differing_settings, "seeds", *heads])
    for group in comparison.groups:
        means = [group.metrics.get(name) for name in names]
        cells = [value for mean in means for value in ((mean.mean, mean.sd) if mean else (None, None))]
        writer.writerow([group.protocol.summary, *group.differing_values.values(), group.seed_summary, *cells])
    return text.getvalue()


def to_text(comparison: Comparison) -> str:
    """Return a comparison as text: the table for a terminal of 120 columns, and its title."""
    from rich.console import Console

    text = io.StringIO()
    # In a notebook rich would show the table besides writing it.
    Console(file=text, width=TEXT_COLUMNS, force_jupyter=False).print(to_rich_table(comparison))
    return "\n".join([comparison.title, *(line.rstrip() for line in text.getvalue().splitlines())]).strip()


def to_rich_table(comparison: Comparison) -> Table:
    """Return a comparison as a table for a terminal: the metrics that a run may be chosen by, the best in bold."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in comparison.differing_settings:
        table.add_column(Text(setting_label(name)))
    table.add_column("seeds")
    columns = [column for column in comparison.columns if column.is_printed or column.name == comparison.sort]
    for column in columns:
        table.add_column(Text(f"{column.title}\n{comparison.column_split(column)}"), justify="right", no_wrap=True)
    best = {column.name: comparison.best_groups(column) for column in columns}
    for i, group in enumerate(comparison.groups):
        if group.protocol.letter and (i == 0 or comparison.groups[i - 1].protocol != group.protocol):
            table.add_section()
            table.add_row(Text(group.protocol.letter, style="bold"))
        cells = [
            Text(format_mean(group.metrics.get(c.name), c.digits), style="bold" if group in best[c.name] else "")
            for c in columns
        ]
        table.add_row(*map(Text, group.differing_values.values()), Text(group.seed_summary), *cells)
    return table
