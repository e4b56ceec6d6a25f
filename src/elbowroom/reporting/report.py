"""The page: its words, its figures, and the files it is filled into."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom import __version__
from elbowroom.plotting import PLOTS, RunView
from elbowroom.plotting.figure import Bars, Chart, FigureSpec, ImageGrid
from elbowroom.reporting import summary
from elbowroom.reporting.findings import render_findings
from elbowroom.reporting.scatter import render_scatter
from elbowroom.runs.command import RepeatCommand, repeat_command
from elbowroom.web.charts import render_bars, render_charts
from elbowroom.web.image_grids import render_image_grid
from elbowroom.web.render import read_asset

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

#: The sections after the head: name in the address, title, the kinds of figures in it.
SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("course", "How it went", ("curves",)),
    ("reconstructions", "Reconstructions", ("reconstructions",)),
    ("samples", "Samples", ("samples",)),
    ("codes", "The code", ("codes", "pca", "tsne")),
    ("kl", "What the code holds", ("kl",)),
    ("plane", "The plane, decoded", ("plane",)),
    ("traversals", "Traversals", ("traversals",)),
    ("interpolations", "Interpolations", ("interpolations",)),
    ("nearest", "Nearest training examples", ("nearest",)),
)


class ReportSection(NamedTuple):
    """One section: its figure, or why there is none.

    Attributes:
        name: in the address.
        title: of the section.
        html: the figure.
        missing_reason: there is none; empty if there is one.
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
    """Write the report of a run: one HTML file with its pictures, its numbers and its script inside.

    What the run was, how it went, what the model makes of data and of codes, where the codes lie; a figure that this
    model or its data do not allow is replaced by one line that says why. Nothing is fetched from anywhere.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it, or to save reading it.
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
    look = RunView(run, data, model, examples)
    target = look.run.path / "report.html" if out is None else Path(out)
    text = render_report(look)
    beside = target.with_name(target.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, target)
    except OSError as error:
        raise ValueError(f"cannot write {target} ({error.strerror or error}): give an --out you may write to") from None
    return target


def render_report(view: RunView) -> str:
    """The report as a text."""
    run = view.run
    data: dict[str, Any] = {"charts": [], "codes": None}
    found = [_build_section(view, *section, data) for section in SECTIONS]
    css, js = (read_asset(f"static/report.{kind}") for kind in ("css", "js"))
    # Figures that are missing for one reason are named together, where the first of them would stand.
    alike: dict[str, list[ReportSection]] = {}
    for section in found:
        alike.setdefault(section.missing_reason or section.name, []).append(section)
    sections = "".join(map(_join_sections, alike.values()))
    fill = {
        "title": escape(summary.run_title(run)),
        "sentence": escape(summary.summary_sentence(view)),
        "figures": _render_tiles([*summary.metric_tiles(run), *_active_unit_tiles(view)]),
        "contents": "".join(f'<a href="#{s.name}">{escape(s.title)}</a>' for s in found if not s.missing_reason),
        "facts": "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in summary.run_facts(run)),
        "command": _render_command(view),
        "findings": render_findings(view),
        "sections": sections,
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "css": css,
        "js": js,
        "policy": content_security_policy(css, js),
    }
    return Template(read_asset("templates/report.html")).substitute(fill)


def _build_section(view: RunView, name: str, title: str, kinds: tuple[str, ...], data: dict[str, Any]) -> ReportSection:
    shown, why = [], ""
    for kind in kinds:
        try:
            shown.append(PLOTS[kind].build_spec(view))
        except ValueError as error:
            why = why or str(error)
    if not shown:
        return ReportSection(name, title, "", why)
    if name == "codes":
        figure, data["codes"] = render_scatter(view, shown)
    else:
        figure = _render_figure(shown[0], data)
    first = shown[0]
    words = f'<p class="caption">{escape(first.caption)}</p><p class="protocol">{escape(first.protocol)}</p>'
    return ReportSection(
        name,
        title if len(shown) > 1 else first.title,
        f'<div class="figure">{figure}</div><div class="words">{words}</div>',
        "",
    )


def _render_figure(spec: FigureSpec, data: dict[str, Any]) -> str:
    """The parts of a figure as HTML; what a script needs to read values off charts goes to ``data``."""
    lines = [part for part in spec.marks if isinstance(part, Chart)]
    html = ""
    if lines:
        html, values = render_charts(lines, len(data["charts"]))
        data["charts"] += values
    html += "".join(render_bars(part) for part in spec.marks if isinstance(part, Bars))
    return html + "".join(render_image_grid(part) for part in spec.marks if isinstance(part, ImageGrid))


def _join_sections(sections: list[ReportSection]) -> str:
    """A section, or several whose figures are missing for one reason."""
    names = [section.title for section in sections]
    title = ", ".join([names[0], *(name[0].lower() + name[1:] for name in names[1:])])
    body = (
        f'<p class="why">Not shown: {escape(sections[0].missing_reason.rstrip("."))}.</p>'
        if sections[0].missing_reason
        else sections[0].html
    )
    kind = ' class="missing"' if sections[0].missing_reason else ""
    return f'<section id="{sections[0].name}"{kind}><h2>{escape(title)}</h2>{body}</section>'


def _active_unit_tiles(view: RunView) -> list[summary.Tile]:
    """How many units of the code are active, or codes in use, where the model says."""
    try:
        told = view.latent_metrics
    except ValueError:
        return []
    names = {"active_units": "active units", "codes_in_use": "codes in use"}
    kept = [(name, m) for name, m in told.items() if name in names and isinstance(m.value, float)]
    return [
        summary.Tile(
            names[name], f"{m.value:.0f}", f"{m.estimator.partition(';')[0]}, over {m.examples:,} examples", ""
        )
        for name, m in kept
    ]


def _render_tiles(run_tiles: list[summary.Tile]) -> str:
    tiles = "".join(
        f"<div><dt>{escape(f.name)}</dt><dd>{escape(f.value)}</dd><p>{escape(f.unit)}</p></div>" for f in run_tiles
    )
    how = f'<p class="protocol">{escape(run_tiles[0].protocol)}</p>' if run_tiles else ""
    return f'<dl class="tiles">{tiles}</dl>{how}' if run_tiles else ""


def _render_command(view: RunView) -> str:
    try:
        told = repeat_command(view.run.record)
    except ValueError as error:
        told = RepeatCommand(None, [f"No command repeats it: {error}."])
    line = ""
    if told.line is not None:
        line = (
            f'<div class="command"><pre tabindex="0"><code>{_wrap_flags(told.line)}</code></pre>'
            '<button type="button" class="copy">copy</button></div>'
        )
    return line + "".join(f'<p class="but">{escape(but)}</p>' for but in told.caveats)


def _wrap_flags(line: str) -> str:
    """A command that wraps between its flags, and not within one."""
    flags = re.split(r" (?=--)", line)
    return " ".join(f"<span>{escape(flag)}</span>" for flag in flags)


def content_security_policy(css: str, js: str) -> str:
    """What a page may load and run: its own style and script, pictures inside it, and nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_csp_hash(css)}'; style-src-attr 'unsafe-inline'; "
        f"script-src '{_csp_hash(js)}'; base-uri 'none'; form-action 'none'"
    )


def _csp_hash(text: str) -> str:
    """What a content security policy knows a style or a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
