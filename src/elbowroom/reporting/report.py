"""HTML report of a run: its sections, their figures, and the file they are written to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom.plotting import PLOTS, RunView
from elbowroom.plotting.figure import Bars, Chart, FigureSpec, ImageGrid
from elbowroom.plotting.latent_ranking import latent_metrics
from elbowroom.reporting.findings import render_findings
from elbowroom.runs.command import RepeatCommand, repeat_command
from elbowroom.web.charts import render_bars, render_charts
from elbowroom.web.image_grids import render_image_grid
from elbowroom.web.render import content_security_policy, read_asset, to_script_json, write_html

from elbowroom import __version__
from elbowroom.reporting import summary
from elbowroom.reporting.scatter import render_scatter

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

#: The sections after the findings: fragment of the address, title, kinds of figures in it.
SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("course", "Training curves", ("curves",)),
    ("reconstructions", "Reconstructions", ("reconstructions",)),
    ("samples", "Samples", ("samples",)),
    ("latents", "Latents", ("latents", "pca", "tsne")),
    ("kl", "KL per dimension", ("kl",)),
    ("plane", "The plane, decoded", ("plane",)),
    ("traversals", "Traversals", ("traversals",)),
    ("interpolations", "Interpolations", ("interpolations",)),
    ("nearest", "Nearest training examples", ("nearest",)),
)


class ReportSection(NamedTuple):
    """One section: its figure, or why there is none.

    Attributes:
        name: fragment of the address.
        title: heading.
        html: figure, caption and protocol; empty if there is no figure.
        missing_reason: why there is no figure; empty if there is one.
    """

    name: str
    title: str
    html: str
    missing_reason: str


def write_report(
    run: Run | str | Path,
    data: Any = None,
    model: Any = None,
    *,
    out: str | Path | None = None,
    examples: int = 2000,
) -> Path:
    """Write the report of a run: one HTML file with its images, numbers and script inside.

    It shows the settings, the training curves, the doctor's findings, reconstructions, samples and the latents. A
    figure that this model or its data do not allow is replaced by one line with the reason. The page fetches nothing.

    Args:
        run: the run, or its directory.
        data: the training data, if it was given as a Python object.
        model: the trained model, if no recipe built it, or to save loading it.
        out: the file; ``report.html`` in the run's directory if not given.
        examples: how many to encode, at most; t-SNE takes about 5 seconds for a thousand of them.

    Returns:
        The file.

    Raises:
        ValueError: there is no run, or the file cannot be written.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=tempfile.mkdtemp() + "/run")
    >>> write_report(run, examples=100).name
    'report.html'
    """
    view = RunView(run, data, model, examples)
    path = view.run.path / "report.html" if out is None else Path(out)
    write_html(path, render_report(view))
    return path


def render_report(view: RunView) -> str:
    """Return the report as HTML."""
    run = view.run
    data: dict[str, Any] = {"charts": [], "latents": None}
    sections = [_build_section(view, *section, data) for section in SECTIONS]
    css, js = read_asset("static/report.css"), read_asset("static/report.js")
    # Figures that are missing for the same reason share a section, at the place of the first.
    groups: dict[str, list[ReportSection]] = {}
    for section in sections:
        groups.setdefault(section.missing_reason or section.name, []).append(section)
    fields = {
        "title": escape(summary.run_title(run)),
        "sentence": escape(summary.summary_sentence(view)),
        "tiles": _render_tiles([*summary.metric_tiles(run), *_active_unit_tiles(view)]),
        "contents": "".join(f'<a href="#{s.name}">{escape(s.title)}</a>' for s in sections if not s.missing_reason),
        "facts": "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in summary.run_facts(run)),
        "command": _render_command(view),
        "findings": render_findings(view),
        "sections": "".join(map(_render_sections, groups.values())),
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": to_script_json(data),
        "css": css,
        "js": js,
        "policy": content_security_policy(css, js),
    }
    return Template(read_asset("templates/report.html")).substitute(fields)


def _build_section(view: RunView, name: str, title: str, kinds: tuple[str, ...], data: dict[str, Any]) -> ReportSection:
    """Build one section; what the script needs to draw its figures goes to ``data``."""
    specs, reason = [], ""
    for kind in kinds:
        try:
            specs.append(PLOTS[kind].build_spec(view))
        except ValueError as error:
            reason = reason or str(error)
    if not specs:
        return ReportSection(name, title, "", reason)
    first = specs[0]
    if name == "latents":
        figure, data["latents"] = render_scatter(view, specs)
    else:
        figure = _render_figure(first, data)
    words = f'<p class="caption">{escape(first.caption)}</p><p class="protocol">{escape(first.protocol)}</p>'
    html = f'<div class="figure">{figure}</div><div class="words">{words}</div>'
    return ReportSection(name, title if len(specs) > 1 else first.title, html, "")


def _render_figure(spec: FigureSpec, data: dict[str, Any]) -> str:
    """Render the marks of a figure; the values that the script reads off its charts go to ``data``."""
    charts = [mark for mark in spec.marks if isinstance(mark, Chart)]
    html = ""
    if charts:
        html, values = render_charts(charts, len(data["charts"]))
        data["charts"] += values
    html += "".join(render_bars(mark) for mark in spec.marks if isinstance(mark, Bars))
    return html + "".join(render_image_grid(mark) for mark in spec.marks if isinstance(mark, ImageGrid))


def _render_sections(sections: list[ReportSection]) -> str:
    """Render a section, or as one those whose figures are missing for the same reason."""
    first, *others = sections
    title = ", ".join([first.title, *(section.title[0].lower() + section.title[1:] for section in others)])
    if not first.missing_reason:
        return f'<section id="{first.name}"><h2>{escape(title)}</h2>{first.html}</section>'
    text = f'<p class="why">Not shown: {escape(first.missing_reason.rstrip("."))}.</p>'
    return f'<section id="{first.name}" class="missing"><h2>{escape(title)}</h2>{text}</section>'


def _active_unit_tiles(view: RunView) -> list[summary.Tile]:
    """Return the number of active units, or of codebook entries in use; nothing where it cannot be measured."""
    try:
        metrics = latent_metrics(view)
    except ValueError:
        return []
    titles = {"active_units": "active units", "codes_in_use": "codes in use"}
    return [
        summary.Tile(title, f"{m.value:.0f}", f"{m.estimator.partition(';')[0]}, over {m.examples:,} examples", "")
        for name, title in titles.items()
        if (m := metrics.get(name)) is not None and isinstance(m.value, float)
    ]


def _render_tiles(tiles: list[summary.Tile]) -> str:
    if not tiles:
        return ""
    html = "".join(
        f"<div><dt>{escape(tile.name)}</dt><dd>{escape(tile.value)}</dd><p>{escape(tile.unit)}</p></div>"
        for tile in tiles
    )
    return f'<dl class="tiles">{html}</dl><p class="protocol">{escape(tiles[0].protocol)}</p>'


def _render_command(view: RunView) -> str:
    """Render the command that repeats the run, with a button to copy it, and what it leaves out."""
    try:
        command = repeat_command(view.run.record)
    except ValueError as error:
        command = RepeatCommand(None, [f"No command repeats it: {error}."])
    line = ""
    if command.line is not None:
        line = (
            f'<div class="command"><pre tabindex="0"><code>{_wrap_flags(command.line)}</code></pre>'
            '<button type="button" class="copy">copy</button></div>'
        )
    return line + "".join(f'<p class="caveat">{escape(caveat)}</p>' for caveat in command.caveats)


def _wrap_flags(line: str) -> str:
    """Render a command that wraps between its flags, not within one."""
    flags = re.split(r" (?=--)", line)
    return " ".join(f"<span>{escape(flag)}</span>" for flag in flags)
