"""The page of a comparison: one HTML file with its table, curves and images inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from elbowroom.comparing import image_rows
from elbowroom.comparing.columns import format_mean
from elbowroom.comparing.page_data import comparison_data, curve_data, join_words, summary_sentence
from elbowroom.reporting.summary import Tile
from elbowroom.web.marks import MarkRenderer
from elbowroom.web.render import environment, read_asset, write_html
from elbowroom.web.render import render_page as render_template

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison

#: Scripts of the page before its own, which the studio imports too.
SCRIPTS = (
    "comparison_table.js",
    "comparison_results.js",
    "comparison_curves.js",
    "comparison_charts.js",
    "comparison_view.js",
)


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
    marks = MarkRenderer()
    images = render_images(comparison, marks)
    data = comparison_data(comparison) | {"runCurves": curve_data(comparison), "charts": marks.charts}
    return render_template(
        "comparison",
        comparison.title,
        data,
        css=marks.css,
        scripts=[read_asset(f"static/{name}") for name in SCRIPTS],
        sentence=summary_sentence(comparison),
        tiles=_tiles(comparison),
        images=images,
        parts=_contents(comparison, images),
        facts=data["shared"],
    )


def render_images(comparison: Comparison, marks: MarkRenderer) -> Markup:
    """Return reconstructions and samples of the groups' models as sections of a page."""
    models = image_rows.RepresentativeModels(comparison)
    template = environment().get_template("comparison_images.html")
    fields = _reconstructions(models, marks) | _samples(models, marks)
    return Markup(template.render(shown_protocol=models.protocol, **fields))


def _contents(comparison: Comparison, images: Markup) -> list[tuple[str, str]]:
    """Return fragment and title of the sections that the page has."""
    names = {column.name for column in comparison.columns}
    sections = [
        ("results", "Results", True),
        ("curves", "Training curves", any(entry.rows for entry in comparison.entries)),
        ("rate", "Rate and distortion", {"kl", "reconstruction"} <= names),
        ("reconstructions", "Reconstructions", 'id="reconstructions"' in images),
        ("samples", "Samples", 'id="samples"' in images),
        ("same", "Shared settings", True),
    ]
    return [(name, title) for name, title, is_there in sections if is_there]


def _tiles(comparison: Comparison) -> list[Tile]:
    """Return the best value of each metric by which all groups are comparable, and the number of runs."""
    tiles = []
    for column in comparison.columns:
        best = comparison.best_groups(column)
        if column.name in ("best_validation_elbo", "elbo", "squared_error") and len(best) == 1:
            (group,) = best
            split, extreme = comparison.column_split(column), {"higher": "highest"}.get(column.better, "lowest")
            value = format_mean(group.metrics[column.name], column.digits).partition(" ±")[0]
            tiles.append(Tile(f"{extreme} {column.title}, {split}", value, f"{column.unit}: {group.name}", ""))
    excluded = len(comparison.excluded_entries)
    done = sum(entry.is_done and entry.reference_entry is None for entry in comparison.entries)
    ending = f"{excluded} failed or not finished" if excluded else "all finished"
    return [*tiles, Tile("runs included", str(done), ending, "")]


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
    return {"samples": figure, "without_prior": join_words(without)}
