"""The page of a comparison: one file with its table, curves and pictures inside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from elbowroom import __version__
from elbowroom.comparing import curves, image_rows, render
from elbowroom.comparing.columns import format_mean
from elbowroom.formatting import format_count
from elbowroom.reporting.report import content_security_policy
from elbowroom.runs.settings import format_setting, setting_label
from elbowroom.web.render import read_asset

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison


def write_page(comparison: Comparison, out: str | os.PathLike[str]) -> Path:
    """Write the page.

    Raises:
        ValueError: it cannot be written.
    """
    target = Path(out)
    beside = target.with_name(target.name + ".part")
    text = render_page(comparison)
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, target)
    except OSError as error:
        raise ValueError(f"cannot write {target} ({error.strerror or error}): give an --out you may write to") from None
    return target


def render_page(comparison: Comparison) -> str:
    """The page as a text."""
    charts: list[dict[str, Any]] = []
    models = image_rows.RepresentativeModels(comparison)
    sections = [
        _table_section(comparison),
        _curves_section(comparison, charts),
        _reconstructions_section(models, charts),
        _samples_section(models),
        _shared_section(comparison),
    ]
    found = [section for section in sections if section]
    css = read_asset("static/report.css") + read_asset("static/comparison.css")
    css += curves.line_css(comparison.groups)
    js = read_asset("static/comparison.js")
    fill = {
        "title": escape(comparison.title),
        "sentence": escape(_summary_sentence(comparison)),
        "tiles": _render_tiles(comparison),
        "contents": "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in found),
        "sections": "".join(body for _, _, body in found),
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": json.dumps({"charts": charts}, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "css": css,
        "js": js,
        "policy": content_security_policy(css, js),
    }
    return Template(read_asset("templates/comparison.html")).substitute(fill)


SectionHtml = tuple[str, str, str]


def _render_section(
    name: str, title: str, figure: str, caption: str, protocol: str = "", wide: bool = False
) -> SectionHtml:
    told = f'<p class="caption">{escape(caption)}</p>' + (
        f'<p class="protocol">{escape(protocol)}</p>' if protocol else ""
    )
    kind = ' class="wide"' if wide else ""
    body = f'<h2>{title}</h2><div class="figure">{figure}</div><div class="words">{told}</div>'
    return name, title, f'<section id="{name}"{kind}>{body}</section>'


def _summary_sentence(comparison: Comparison) -> str:
    groups, runs = comparison.groups, [entry for entry in comparison.entries if entry.baseline_model is None]
    beside = ", with PCA beside them" if len(runs) < len(comparison.entries) else ""
    recipes = list(dict.fromkeys(str(entry.settings.get("recipe", "?")) for entry in runs if entry.run))
    names = [setting_label(name) for name in comparison.differing_settings if name != "recipe"]
    apart = f", which differ in {_join_words(names)}" if names and len(groups) > 1 else ""
    data = list(dict.fromkeys(dict(p.data).get("data", "") for p in comparison.protocols))
    return (
        f"{format_count(len(runs), 'run')} of {_join_words(recipes) or 'no recipe'} on {_join_words(data)}{beside}: "
        f"{format_count(len(groups), 'group')}{apart}. Figures are means over a group's seeds, ± their standard deviation, "
        f"on the {comparison.split} split."
    )


def _render_tiles(comparison: Comparison) -> str:
    """The best of each measure that all can be compared by; how many runs count."""
    told = []
    for column in comparison.columns:
        best = comparison.best_groups(column)
        if column.name in ("elbo", "squared_error") and len(best) == 1:
            (group,) = best
            name = f"{'highest' if column.better == 'higher' else 'lowest'} {column.title}, {comparison.column_split(column)}"
            value = format_mean(group.metrics[column.name], column.digits).partition(" ±")[0]
            told.append((name, value, f"{column.unit}: {group.name}"))
    left = len(comparison.excluded_entries)
    done = sum(entry.is_done and entry.baseline_model is None for entry in comparison.entries)
    told.append(("runs that count", str(done), f"{left} failed or not finished" if left else "all finished"))
    tiles = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd><p>{escape(c)}</p></div>" for a, b, c in told)
    return f'<dl class="tiles">{tiles}</dl>'


def _table_section(comparison: Comparison) -> SectionHtml:
    apart = "".join(f"<p>{escape(line)}</p>" for line in comparison.comparability_notes)
    warned = f'<aside class="apart"><h3>Not comparable</h3>{apart}</aside>' if apart else ""
    out = "".join(
        f'<article class="finding"><h3>{escape(e.name)} <span>{escape(e.state)}</span></h3>'
        f"<p>{escape(e.exclusion_reason)}</p></article>"
        for e in comparison.excluded_entries
    )
    missing = f'<div class="out"><h3>Not in the means</h3>{out}</div>' if out else ""
    every = f"<details><summary>Every run</summary>{render.render_runs(comparison)}</details>"
    caption = (
        "A row for the runs that differ in their seed alone. Bold is the best mean of its column among those it may be "
        "compared with. A click on a column's head sorts by it."
    )
    notes = " ".join(f"{note[0].upper()}{note[1:].rstrip('.')}." for note in comparison.notes)
    return _render_section(
        "figures", "The figures", warned + render.render_table(comparison) + missing + every, caption, notes, wide=True
    )


def _curves_section(comparison: Comparison, charts: list[dict[str, Any]]) -> SectionHtml | None:
    figure = curves.render_curves(comparison, charts)
    if not figure:
        return None
    caption = (
        f"Terms of the {curves.find_curve_split(comparison)} split after each epoch. A line is the mean over a group's seeds; "
        "thin lines are the seeds. First values far from the rest are cut off."
    )
    return _render_section("curves", "How they went", figure, caption, curves.curve_protocol(comparison), wide=True)


def _reconstructions_section(
    models: image_rows.RepresentativeModels, charts: list[dict[str, Any]]
) -> SectionHtml | None:
    figure = _render_or_explain(lambda: image_rows.render_reconstructions(models, charts))
    missing = "".join(f'<p class="but">{escape(f"{name}: {why}.")}</p>' for name, why in models.missing_reasons.items())
    if not figure + missing:
        return None
    caption = "The same examples through each model: the mean of p(x|z) at the posterior mean."
    return _render_section("reconstructions", "Reconstructions", figure + missing, caption, models.protocol)


def _samples_section(models: image_rows.RepresentativeModels) -> SectionHtml | None:
    figure, without = image_rows.render_samples(models)
    if not figure:
        return None
    caption = "Means of p(x|z) for codes drawn from each model's prior."
    if without:
        caption += f" No prior, and so no samples: {_join_words(without)}."
    return _render_section("samples", "Samples", figure, caption, models.protocol)


def _render_or_explain(render: Callable[[], str]) -> str:
    try:
        return render()
    except ValueError as error:
        return f'<p class="but">Not shown: {escape(str(error))}.</p>'


def _shared_section(comparison: Comparison) -> SectionHtml:
    told = [(setting_label(name), format_setting(value)) for name, value in comparison.shared_settings.items()]
    data = [dict(p.data) for p in comparison.protocols]
    told += [(name, data[0][name]) for name in data[0] if all(d.get(name) == data[0][name] for d in data)]
    if len({p.likelihood for p in comparison.protocols}) == 1:
        told.append(("likelihood", comparison.protocols[0].likelihood))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told)
    caption = "Settings and data that are the same for all, where they have them at all."
    return _render_section("same", "What they share", f'<dl class="facts">{facts}</dl>', caption)


def _join_words(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
