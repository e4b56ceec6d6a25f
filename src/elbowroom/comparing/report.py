"""The page of a comparison: one HTML file with its table, curves and images inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from elbowroom.comparing import curves, image_rows, render
from elbowroom.comparing.columns import format_mean
from elbowroom.formatting import format_count
from elbowroom.reporting.summary import Tile
from elbowroom.runs.settings import format_setting, setting_label
from elbowroom.web.marks import MarkRenderer
from elbowroom.web.render import render_page as render_template
from elbowroom.web.render import write_html

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison


def write_page(comparison: Comparison, out: str | os.PathLike[str]) -> Path:
    """Write the page of a comparison.

    Raises:
        ValueError: it cannot be written.
    """
    path = Path(out)
    write_html(path, render_page(comparison))
    return path


def render_page(comparison: Comparison) -> str:
    """Return the page of a comparison as HTML."""
    marks, models = MarkRenderer(), image_rows.RepresentativeModels(comparison)
    fields = {
        "panels": curves.curve_panels(comparison, marks),
        "curve_split": curves.find_curve_split(comparison),
        "curve_protocol": curves.curve_protocol(comparison),
        **_reconstructions(models, marks),
        **_samples(models, marks),
    }
    dashes = [style.dash for style in curves.line_styles(comparison.groups)]
    return render_template(
        "comparison",
        comparison.title,
        {"charts": marks.charts, "dashes": dashes},
        css=f"{marks.css}\n{curves.line_css(comparison.groups)}",
        sentence=_summary_sentence(comparison),
        tiles=_tiles(comparison),
        comparison=comparison,
        notes=" ".join(f"{note[0].upper()}{note[1:].rstrip('.')}." for note in comparison.notes),
        tables=[render.group_table(comparison), render.run_table(comparison)],
        shown_protocol=models.protocol,
        facts=_shared_facts(comparison),
        **fields,
    )


def _summary_sentence(comparison: Comparison) -> str:
    groups, runs = comparison.groups, [entry for entry in comparison.entries if entry.reference_entry is None]
    beside = ", with PCA beside them" if len(runs) < len(comparison.entries) else ""
    recipes = list(dict.fromkeys(str(entry.settings.get("recipe", "?")) for entry in runs if entry.run))
    names = [setting_label(name) for name in comparison.differing_settings if name != "recipe"]
    differ = f", which differ in {_join_words(names)}" if names and len(groups) > 1 else ""
    data = list(dict.fromkeys(dict(p.data).get("data", "") for p in comparison.protocols))
    return (
        f"{format_count(len(runs), 'run')} of {_join_words(recipes) or 'no recipe'} on {_join_words(data)}{beside}: "
        f"{format_count(len(groups), 'group')}{differ}. "
        f"Metrics are means over a group's seeds, ± their standard deviation, on the {comparison.split} split."
    )


def _tiles(comparison: Comparison) -> list[Tile]:
    """Return the best value of each metric by which all groups are comparable, and the number of runs."""
    tiles = []
    for column in comparison.columns:
        best = comparison.best_groups(column)
        if column.name in ("elbo", "squared_error") and len(best) == 1:
            (group,) = best
            split, extreme = comparison.column_split(column), {"higher": "highest"}.get(column.better, "lowest")
            value = format_mean(group.metrics[column.name], column.digits).partition(" ±")[0]
            tiles.append(Tile(f"{extreme} {column.title}, {split}", value, f"{column.unit}: {group.name}", ""))
    excluded = len(comparison.excluded_entries)
    done = sum(entry.is_done and entry.reference_entry is None for entry in comparison.entries)
    ending = f"{excluded} failed or not finished" if excluded else "all finished"
    return [*tiles, Tile("runs that count", str(done), ending, "")]


def _reconstructions(models: image_rows.RepresentativeModels, marks: MarkRenderer) -> dict[str, Any]:
    """Return the reconstructions, and why they or those of a group are missing."""
    figure, reasons = Markup(), [f"{name}: {reason}." for name, reason in models.missing_reasons.items()]
    try:
        figure = image_rows.render_reconstructions(models, marks)
    except ValueError as error:
        reasons.insert(0, f"Not shown: {error}.")
    return {"reconstructions": figure, "missing_reasons": reasons}


def _samples(models: image_rows.RepresentativeModels, marks: MarkRenderer) -> dict[str, Any]:
    """Return samples of the models that have a prior, and the names of the recipes without."""
    figure, without = image_rows.render_samples(models, marks)
    return {"samples": figure, "without_prior": _join_words(without)}


def _shared_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the settings and the properties of the data that all runs share."""
    facts = [(setting_label(name), format_setting(value)) for name, value in comparison.shared_settings.items()]
    first, *others = [dict(protocol.data) for protocol in comparison.protocols]
    facts += [(name, value) for name, value in first.items() if all(data.get(name) == value for data in others)]
    if len({protocol.likelihood for protocol in comparison.protocols}) == 1:
        facts.append(("likelihood", comparison.protocols[0].likelihood))
    return facts


def _join_words(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
