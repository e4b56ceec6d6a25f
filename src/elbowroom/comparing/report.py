"""The page of a comparison: one HTML file with its table, curves and images inside."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom import __version__
from elbowroom.comparing import curves, image_rows, render
from elbowroom.comparing.columns import format_mean
from elbowroom.formatting import format_count
from elbowroom.runs.settings import format_setting, setting_label
from elbowroom.web.render import content_security_policy, read_asset, to_script_json, write_html

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison


class PageSection(NamedTuple):
    """One section of the page.

    Attributes:
        name: its id, for links.
        title: its title in the list of contents.
        html: the section itself.
    """

    name: str
    title: str
    html: str


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
    charts: list[dict[str, Any]] = []
    models = image_rows.RepresentativeModels(comparison)
    candidates = [
        _table_section(comparison),
        _curves_section(comparison, charts),
        _reconstructions_section(models, charts),
        _samples_section(models),
        _shared_section(comparison),
    ]
    sections = [section for section in candidates if section]
    css = read_asset("static/report.css") + read_asset("static/comparison.css")
    css += curves.line_css(comparison.groups)
    js = read_asset("static/comparison.js")
    values = {
        "title": escape(comparison.title),
        "sentence": escape(_summary_sentence(comparison)),
        "tiles": _render_tiles(comparison),
        "contents": "".join(f'<a href="#{section.name}">{section.title}</a>' for section in sections),
        "sections": "".join(section.html for section in sections),
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": to_script_json({"charts": charts}),
        "css": css,
        "js": js,
        "policy": content_security_policy(css, js),
    }
    return Template(read_asset("templates/comparison.html")).substitute(values)


def _render_section(
    name: str, title: str, figure: str, caption: str, protocol: str = "", wide: bool = False
) -> PageSection:
    words = f'<p class="caption">{escape(caption)}</p>'
    words += f'<p class="protocol">{escape(protocol)}</p>' if protocol else ""
    css_class = ' class="wide"' if wide else ""
    body = f'<h2>{title}</h2><div class="figure">{figure}</div><div class="words">{words}</div>'
    return PageSection(name, title, f'<section id="{name}"{css_class}>{body}</section>')


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


def _render_tiles(comparison: Comparison) -> str:
    """Return tiles with the best value of each metric by which all groups are comparable, and the number of runs."""
    tiles = []
    for column in comparison.columns:
        best = comparison.best_groups(column)
        if column.name in ("elbo", "squared_error") and len(best) == 1:
            (group,) = best
            extreme = "highest" if column.better == "higher" else "lowest"
            name = f"{extreme} {column.title}, {comparison.column_split(column)}"
            value = format_mean(group.metrics[column.name], column.digits).partition(" ±")[0]
            tiles.append((name, value, f"{column.unit}: {group.name}"))
    excluded = len(comparison.excluded_entries)
    done = sum(entry.is_done and entry.reference_entry is None for entry in comparison.entries)
    tiles.append(("runs that count", str(done), f"{excluded} failed or not finished" if excluded else "all finished"))
    html = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd><p>{escape(c)}</p></div>" for a, b, c in tiles)
    return f'<dl class="tiles">{html}</dl>'


def _table_section(comparison: Comparison) -> PageSection:
    notes = "".join(f"<p>{escape(line)}</p>" for line in comparison.comparability_notes)
    warning = f'<aside class="apart"><h3>Not comparable</h3>{notes}</aside>' if notes else ""
    excluded = "".join(
        f'<article class="finding"><h3>{escape(e.name)} <span>{escape(e.state)}</span></h3>'
        f"<p>{escape(e.exclusion_reason)}</p></article>"
        for e in comparison.excluded_entries
    )
    missing = f'<div class="out"><h3>Not in the means</h3>{excluded}</div>' if excluded else ""
    runs = f"<details><summary>Every run</summary>{render.render_runs(comparison)}</details>"
    caption = (
        "A row for the runs that differ in their seed alone. Bold is the best mean of its column among those it may be "
        "compared with. A click on a column's head sorts by it."
    )
    protocol = " ".join(f"{note[0].upper()}{note[1:].rstrip('.')}." for note in comparison.notes)
    figure = warning + render.render_table(comparison) + missing + runs
    return _render_section("figures", "The metrics", figure, caption, protocol, wide=True)


def _curves_section(comparison: Comparison, charts: list[dict[str, Any]]) -> PageSection | None:
    figure = curves.render_curves(comparison, charts)
    if not figure:
        return None
    caption = (
        f"Terms of the {curves.find_curve_split(comparison)} split after each epoch. A line is the mean over a group's "
        "seeds; thin lines are the seeds. First values far from the rest are cut off."
    )
    return _render_section("curves", "Learning curves", figure, caption, curves.curve_protocol(comparison), wide=True)


def _reconstructions_section(
    models: image_rows.RepresentativeModels, charts: list[dict[str, Any]]
) -> PageSection | None:
    figure = _render_or_explain(lambda: image_rows.render_reconstructions(models, charts))
    missing = "".join(
        f'<p class="but">{escape(f"{name}: {reason}.")}</p>' for name, reason in models.missing_reasons.items()
    )
    if not figure + missing:
        return None
    caption = "The same examples through each model: the mean of p(x|z) at the posterior mean."
    return _render_section("reconstructions", "Reconstructions", figure + missing, caption, models.protocol)


def _samples_section(models: image_rows.RepresentativeModels) -> PageSection | None:
    figure, without = image_rows.render_samples(models)
    if not figure:
        return None
    caption = "Means of p(x|z) for latents drawn from each model's prior."
    if without:
        caption += f" No prior, and so no samples: {_join_words(without)}."
    return _render_section("samples", "Samples", figure, caption, models.protocol)


def _render_or_explain(render: Callable[[], str]) -> str:
    try:
        return render()
    except ValueError as error:
        return f'<p class="but">Not shown: {escape(str(error))}.</p>'


def _shared_section(comparison: Comparison) -> PageSection:
    facts = [(setting_label(name), format_setting(value)) for name, value in comparison.shared_settings.items()]
    first, *others = [dict(protocol.data) for protocol in comparison.protocols]
    facts += [(name, value) for name, value in first.items() if all(data.get(name) == value for data in others)]
    if len({protocol.likelihood for protocol in comparison.protocols}) == 1:
        facts.append(("likelihood", comparison.protocols[0].likelihood))
    html = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    caption = "Settings and data that are the same for all runs that have them."
    return _render_section("same", "Shared settings", f'<dl class="facts">{html}</dl>', caption)


def _join_words(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
