"""The table as HTML: sortable, its figures with their spread, what is not comparable apart."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.comparing.colours import key
from elbowroom.comparing.columns import Column, Figure, figure, words
from elbowroom.comparing.comparison import Comparison
from elbowroom.comparing.entry import Entry
from elbowroom.comparing.group import Group
from elbowroom.runs.settings import shown, spoken


def table(comparison: Comparison) -> str:
    """A row for each group, a body for each protocol."""
    heads = [_head(spoken(name), "", "", "setting") for name in comparison.differs] or [
        _head("runs", "", "", "setting")
    ]
    heads.append(_head("seeds", "", ""))
    heads += [_of(comparison, column) for column in comparison.columns]
    best = {column.name: comparison.best(column) for column in comparison.columns}
    bodies = []
    for protocol in comparison.protocols:
        rows = [
            _row(comparison, i, group, best) for i, group in enumerate(comparison.groups) if group.protocol == protocol
        ]
        name = (
            f'<tr class="under"><th colspan="{len(heads)}" scope="rowgroup"><span><b>{protocol.letter}</b> '
            f"{escape(protocol.words)}</span></th></tr>"
            if protocol.letter
            else ""
        )
        bodies.append(f"<tbody>{name}{''.join(rows)}</tbody>")
    return _table(heads, bodies, "figures of each group")


def every_run(comparison: Comparison) -> str:
    """A row for each run, with its own figures."""
    heads = [_head(name, "", "") for name in ("run", "seed", "state")]
    heads += [_of(comparison, column) for column in comparison.columns]
    rows = []
    for i, group in enumerate(comparison.groups):
        for entry in group.entries:
            cells = [
                f'<td class="run" title="{escape(entry.path)}">{key(i)}<span>{escape(entry.name)}</span></td>',
                f'<td data-v="{"" if entry.seed is None else entry.seed}">{shown(entry.seed)}</td>',
                f'<td class="{"" if entry.done else "wrong"}">{escape(entry.state)}</td>',
            ]
            cells += [_cell(own(entry, column, comparison.split), column) for column in comparison.columns]
            rows.append(f"<tr{'' if entry.done else ' class=off'}>{''.join(cells)}</tr>")
    return _table(heads, [f"<tbody>{''.join(rows)}</tbody>"], "figures of each run")


def own(entry: Entry, column: Column, split: str) -> Figure | None:
    """The figure of one run."""
    return figure([column.of(entry, split)]) if entry.done else None


def _table(heads: Sequence[str], bodies: Sequence[str], label: str) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="figures">'
        f"<thead><tr>{''.join(heads)}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _of(comparison: Comparison, column: Column) -> str:
    return _head(column.title, comparison.where(column), column.unit, "number")


def _head(title: str, where: str, unit: str, kind: str = "") -> str:
    small = ", ".join(filter(None, (where, unit.replace(" per example", ""))))
    return (
        f'<th scope="col" class="{kind}"><button type="button">{escape(title)}<span class="way" aria-hidden="true">'
        f"</span></button><small>{escape(small)}</small></th>"
    )


def _row(comparison: Comparison, i: int, group: Group, best: dict[str, list[Group]]) -> str:
    cells: list[str] = []
    for name, told in group.differs.items() or [("", group.name)]:
        value = group.settings.get(name)
        plain = value if isinstance(value, int | float) and not isinstance(value, bool) else ""
        drawn = "" if cells else key(i)
        whole = "" if cells else f'<span class="whole">{escape(group.name)}</span>'
        cells.append(f'<td class="setting" data-v="{plain}">{drawn}<span class="own">{escape(told)}</span>{whole}</td>')
    cells.append(f'<td data-v="{len(group.done)}">{escape(group.seeds)}</td>')
    cells += [_cell(group.figures.get(c.name), c, group in best[c.name]) for c in comparison.columns]
    return f'<tr data-group="{i}"{"" if group.done else " class=off"}>{"".join(cells)}</tr>'


def _cell(found: Figure | None, column: Column, best: bool = False) -> str:
    if found is None:
        return '<td class="number none" data-v="">—</td>'
    mean, _, spread = words(found, column.digits).partition(" ± ")
    small = f" <small>± {spread}</small>" if spread else ""
    value: Any = repr(found.mean)
    return f'<td class="number{" best" if best else ""}" data-v="{value}"><span>{mean}</span>{small}</td>'
