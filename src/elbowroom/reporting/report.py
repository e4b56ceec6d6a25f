"""HTML report of a run: its sections, their figures, and the file they are written to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from elbowroom.doctor import Findings, examine
from elbowroom.plotting import PLOTS, Plot
from elbowroom.plotting.latent_ranking import latent_metrics
from elbowroom.reporting import summary
from elbowroom.reporting.scatter import scatter_data
from elbowroom.runs.command import RepeatCommand, repeat_command
from elbowroom.runs.evaluations import find_evaluations
from elbowroom.runs.run_view import RunView
from elbowroom.web.marks import MarkRenderer
from elbowroom.web.render import environment, render_page, write_html

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


class ReportSection(NamedTuple):
    """One section: its figure, or why there is none.

    Attributes:
        name: fragment of the address.
        title: heading.
        figure: the figure as HTML.
        caption: what it shows.
        protocol: how it was made.
        missing_reason: why there is no figure; empty if there is one.
    """

    name: str
    title: str
    figure: Markup = Markup()
    caption: str = ""
    protocol: str = ""
    missing_reason: str = ""


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
        data: the training data, if it was given as a Python object; or other data, coded alike.
        model: the trained model, to save loading it; or one that no recipe built, as it was built: the run's weights
            are loaded into it.
        out: the file; ``report.html`` in the run's directory if not given, which is of the run's own data alone.
        examples: how many to encode, at most; t-SNE takes about 5 seconds for a thousand of them.

    Returns:
        The file.

    Raises:
        ValueError: there is no run, the file cannot be written, or a report of other data has no file of its own.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=tempfile.mkdtemp() + "/run")
    >>> write_report(run, examples=100).name
    'report.html'
    """
    view = RunView.of_trained(run, data, model, examples=examples)
    if out is None and view.is_of_other_data:
        raise ValueError(
            f"{view.data.name} is not what the run was trained on: name a file for its report, out= in Python or "
            f"--out FILE.html, as {view.run.path / 'report.html'} is that of the run's own data"
        )
    path = view.run.path / "report.html" if out is None else Path(out)
    write_html(path, render_report(view))
    return path


def render_report(view: RunView) -> str:
    """Return the report as HTML."""
    run, marks = view.run, MarkRenderer()
    data: dict[str, Any] = {"charts": marks.charts, "latents": None}
    plots: dict[str, list[Plot]] = {}
    for plot in PLOTS.values():
        plots.setdefault(plot.section, []).append(plot)
    special = {name for name, group in plots.items() if all(plot.is_special for plot in group)}
    built = [_build_section(view, group, marks, data) for group in plots.values()]
    sections = [section for section in built if not (section.missing_reason and section.name in special)]
    return render_page(
        "report",
        summary.run_title(run),
        data,
        css=marks.css,
        sentence=summary.summary_sentence(view),
        tiles=[*summary.headline_tiles(view), *(metrics := summary.metric_tiles(run)), *_active_unit_tiles(view)],
        metrics_protocol=metrics[0].protocol if metrics else "",
        shown=[(section.name, section.title) for section in sections if not section.missing_reason],
        sections=_merge_missing(sections),
        command=_find_command(view),
        facts=summary.run_facts(run),
        evaluations=find_evaluations(run.path)[0],
        **_find_problems(view),
    )


def _build_section(view: RunView, plots: list[Plot], marks: MarkRenderer, data: dict[str, Any]) -> ReportSection:
    """Build the section of some figures; what the script needs to draw them goes to ``marks`` and ``data``."""
    name, title, specs, reason = plots[0].section, plots[0].section_title, [], ""
    for plot in plots:
        try:
            specs.append(plot.build_spec(view))
        except ValueError as error:
            reason = reason or str(error)
    if not specs:
        return ReportSection(name, title, missing_reason=reason.rstrip("."))
    first = specs[0]
    if name == "latents":
        data["latents"] = scatter_data(view, specs)
        figure = Markup(environment().get_template("scatter.html").render(data["latents"]))
    else:
        figure = marks.render(first.marks)
    return ReportSection(name, title if len(specs) > 1 else first.title, figure, first.caption, first.protocol)


def _merge_missing(sections: list[ReportSection]) -> list[ReportSection]:
    """Merge the sections whose figures are missing for the same reason, at the place of the first."""
    groups: dict[str, list[ReportSection]] = {}
    for section in sections:
        groups.setdefault(section.missing_reason or section.name, []).append(section)
    return [
        first._replace(title=", ".join([first.title, *(_lower_first(s.title) for s in others)]))
        for first, *others in groups.values()
    ]


def _lower_first(title: str) -> str:
    """Return a title within a sentence; acronyms stay as they are."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _find_problems(view: RunView) -> dict[str, Any]:
    """Return the doctor's findings, or why none were sought, and the protocol of the examination."""
    try:
        findings = examine(view.run, view.given_data, view.given_model)
    except ValueError as error:
        return {"findings": str(error).rstrip("."), "checks": []}
    return {"findings": findings, "checks": _describe_checks(findings)}


def _describe_checks(findings: Findings) -> list[tuple[str, str]]:
    """Return which checks passed, and which were not applicable, with the reason."""
    passed = [("passed", ", ".join(findings.passed_names))] if findings.passed_names else []
    skipped = findings.names_by_skip_reason.items()
    return [*passed, *(("not applicable", f"{', '.join(names)}: {reason}") for reason, names in skipped)]


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


def _find_command(view: RunView) -> dict[str, Any]:
    """Return the command that repeats the run, cut before its flags, and what it leaves out."""
    try:
        command = repeat_command(view.run.record)
    except ValueError as error:
        command = RepeatCommand(None, [f"No command repeats it: {error}."])
    return {"flags": re.split(r" (?=--)", command.line or ""), **command._asdict()}
