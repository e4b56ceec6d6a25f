"""A comparison as JSON, as CSV, and as a table for a terminal."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from elbowroom.comparing.columns import words
from elbowroom.runs.settings import spoken

if TYPE_CHECKING:
    from rich.table import Table

    from elbowroom.comparing.comparison import Comparison


def as_json(comparison: Comparison) -> str:
    """Every row with its runs and figures, what all share, and what is not comparable."""
    rows = [
        {
            "protocol": group.protocol.words,
            "settings": {name: group.settings.get(name) for name in comparison.differs},
            "runs": [
                {"path": e.path, "seed": e.seed, "state": e.state} | ({"why": e.why} if e.why else {})
                for e in group.entries
            ],
            "figures": {name: found._asdict() for name, found in group.figures.items()},
        }
        for group in comparison.groups
    ]
    units = {c.name: {"unit": c.unit, "of": comparison.where(c)} for c in comparison.columns}
    whole = {
        "rows": rows,
        "same": comparison.same,
        "figures": units,
        "not comparable": comparison.apart,
        "notes": comparison.notes,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=str)


def as_csv(comparison: Comparison) -> str:
    """A line for each group, two columns for each figure: its mean and its standard deviation."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [column.name for column in comparison.columns]
    writer.writerow(
        ["protocol", *comparison.differs, "seeds", *(f"{n}_{part}" for n in names for part in ("mean", "sd"))]
    )
    for group in comparison.groups:
        figures = [group.figures.get(name) for name in names]
        cells = [part for f in figures for part in ((f.mean, f.sd) if f else (None, None))]
        writer.writerow([group.protocol.words, *group.differs.values(), group.seeds, *cells])
    return text.getvalue()


def for_people(comparison: Comparison) -> Table:
    """The figures that a run may be chosen by, the best in bold."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in comparison.differs:
        table.add_column(Text(spoken(name)))
    table.add_column("seeds")
    columns = [column for column in comparison.columns if column.printed]
    for column in columns:
        table.add_column(Text(f"{column.title}\n{comparison.where(column)}"), justify="right", no_wrap=True)
    best = {column.name: comparison.best(column) for column in columns}
    for i, group in enumerate(comparison.groups):
        if group.protocol.letter and (i == 0 or comparison.groups[i - 1].protocol != group.protocol):
            table.add_section()
            table.add_row(Text(group.protocol.letter, style="bold"))
        cells = [
            Text(words(group.figures.get(c.name), c.digits), style="bold" if group in best[c.name] else "")
            for c in columns
        ]
        table.add_row(*map(Text, group.differs.values()), Text(group.seeds), *cells)
    return table
