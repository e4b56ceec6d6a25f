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
from elbowroom.plotting import PLOTS, Look
from elbowroom.plotting.figure import Bars, Chart, Sheet, Shown
from elbowroom.reporting import summary
from elbowroom.reporting.findings import findings
from elbowroom.reporting.scatter import scatter
from elbowroom.runs.command import Command, command
from elbowroom.web.charts import bars, charts
from elbowroom.web.image_grids import sheet
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


class Section(NamedTuple):
    """One section: its figure, or why there is none.

    Attributes:
        name: in the address.
        title: of the section.
        html: the figure.
        why: there is none; empty if there is one.
    """

    name: str
    title: str
    html: str
    why: str


def write(
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
    >>> write(run, examples=100).name
    'report.html'
    """
    look = Look(run, data, model, examples)
    target = look.run.path / "report.html" if out is None else Path(out)
    text = page(look)
    beside = target.with_name(target.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, target)
    except OSError as error:
        raise ValueError(f"cannot write {target} ({error.strerror or error}): give an --out you may write to") from None
    return target


def page(look: Look) -> str:
    """The report as a text."""
    run = look.run
    data: dict[str, Any] = {"charts": [], "codes": None}
    found = [_section(look, *section, data) for section in SECTIONS]
    css, js = (read_asset(f"static/report.{kind}") for kind in ("css", "js"))
    # Figures that are missing for one reason are named together, where the first of them would stand.
    alike: dict[str, list[Section]] = {}
    for section in found:
        alike.setdefault(section.why or section.name, []).append(section)
    sections = "".join(map(_joined, alike.values()))
    fill = {
        "title": escape(summary.title(run)),
        "sentence": escape(summary.sentence(look)),
        "figures": _figures([*summary.figures(run), *_active(look)]),
        "contents": "".join(f'<a href="#{s.name}">{escape(s.title)}</a>' for s in found if not s.why),
        "facts": "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in summary.facts(run)),
        "command": _command(look),
        "findings": findings(look),
        "sections": sections,
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "css": css,
        "js": js,
        "policy": policy(css, js),
    }
    return Template(read_asset("templates/report.html")).substitute(fill)


def _section(look: Look, name: str, title: str, kinds: tuple[str, ...], data: dict[str, Any]) -> Section:
    shown, why = [], ""
    for kind in kinds:
        try:
            shown.append(PLOTS[kind].show(look))
        except ValueError as error:
            why = why or str(error)
    if not shown:
        return Section(name, title, "", why)
    if name == "codes":
        figure, data["codes"] = scatter(look, shown)
    else:
        figure = _figure(shown[0], data)
    first = shown[0]
    words = f'<p class="caption">{escape(first.caption)}</p><p class="protocol">{escape(first.protocol)}</p>'
    return Section(
        name,
        title if len(shown) > 1 else first.title,
        f'<div class="figure">{figure}</div><div class="words">{words}</div>',
        "",
    )


def _figure(shown: Shown, data: dict[str, Any]) -> str:
    """The parts of a figure as HTML; what a script needs to read values off charts goes to ``data``."""
    lines = [part for part in shown.parts if isinstance(part, Chart)]
    html = ""
    if lines:
        html, values = charts(lines, len(data["charts"]))
        data["charts"] += values
    html += "".join(bars(part) for part in shown.parts if isinstance(part, Bars))
    return html + "".join(sheet(part) for part in shown.parts if isinstance(part, Sheet))


def _joined(alike: list[Section]) -> str:
    """A section, or several whose figures are missing for one reason."""
    names = [section.title for section in alike]
    title = ", ".join([names[0], *(name[0].lower() + name[1:] for name in names[1:])])
    body = f'<p class="why">Not shown: {escape(alike[0].why.rstrip("."))}.</p>' if alike[0].why else alike[0].html
    kind = ' class="missing"' if alike[0].why else ""
    return f'<section id="{alike[0].name}"{kind}><h2>{escape(title)}</h2>{body}</section>'


def _active(look: Look) -> list[summary.Figure]:
    """How many units of the code are active, or codes in use, where the model says."""
    try:
        told = look.kl
    except ValueError:
        return []
    names = {"active_units": "active units", "codes_in_use": "codes in use"}
    kept = [(name, m) for name, m in told.items() if name in names and isinstance(m.value, float)]
    return [
        summary.Figure(
            names[name], f"{m.value:.0f}", f"{m.estimator.partition(';')[0]}, over {m.examples:,} examples", ""
        )
        for name, m in kept
    ]


def _figures(told: list[summary.Figure]) -> str:
    tiles = "".join(
        f"<div><dt>{escape(f.name)}</dt><dd>{escape(f.value)}</dd><p>{escape(f.unit)}</p></div>" for f in told
    )
    how = f'<p class="protocol">{escape(told[0].how)}</p>' if told else ""
    return f'<dl class="tiles">{tiles}</dl>{how}' if told else ""


def _command(look: Look) -> str:
    try:
        told = command(look.run.record)
    except ValueError as error:
        told = Command(None, [f"No command repeats it: {error}."])
    line = ""
    if told.line is not None:
        line = (
            f'<div class="command"><pre tabindex="0"><code>{_kept_together(told.line)}</code></pre>'
            '<button type="button" class="copy">copy</button></div>'
        )
    return line + "".join(f'<p class="but">{escape(but)}</p>' for but in told.but)


def _kept_together(line: str) -> str:
    """A command that wraps between its flags, and not within one."""
    flags = re.split(r" (?=--)", line)
    return " ".join(f"<span>{escape(flag)}</span>" for flag in flags)


def policy(css: str, js: str) -> str:
    """What a page may load and run: its own style and script, pictures inside it, and nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(css)}'; style-src-attr 'unsafe-inline'; "
        f"script-src '{_hash(js)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """What a content security policy knows a style or a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
