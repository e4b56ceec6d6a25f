"""Model card of a run: what it is, how it was measured, and how to load it, as Markdown with a head in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from elbowroom.auditor.audit import Audit, audit
from elbowroom.data.image import is_image
from elbowroom.doctor.examine import examine
from elbowroom.doctor.finding import Findings
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.reporting import summary
from elbowroom.runs.command import repeat_command
from elbowroom.runs.evaluations import find_evaluations
from elbowroom.runs.run import Run
from elbowroom.samplers import fitted_samplers

CARD_FILE = "README.md"
#: What stands for the license until somebody chooses one.
UNCHOSEN_LICENSE = "CHOOSE-ONE"
#: What stands for the repository until there is one.
UNKNOWN_ADDRESS = "hf://OWNER/NAME"
#: The facts of a report that a card repeats: none of the machine that it was trained on.
SHOWN_FACTS = (
    *("recipe", "arguments", "objective", "parameters", "data", "preprocessing", "fingerprint", "asked for"),
    *("optimiser", "callbacks", "weights", "seed", "versions", "commit"),
)


@dataclass(frozen=True)
class Preview:
    """The image of a card.

    Attributes:
        file: its name.
        caption: what it shows, and how it was made.
    """

    file: str
    caption: str


def render_card(
    view: ExportedRun, exported: Run, preview: Preview | None, license: str | None, repository: str | None
) -> str:
    """Return the card of a run.

    Args:
        view: the run.
        exported: the folder that the card describes, with all other files of it.
        preview: its image; ``None`` where there is none.
        license: the identifier of the license, as "apache-2.0".
        repository: "OWNER/NAME" on the hub, where that is known.
    """
    return (
        card_templates()
        .get_template("hub_card.md")
        .render(
            head=[*card_head("elbowroom", license, ["vae", "pytorch", view.record["recipe"]]), *_task(view)],
            title=summary.run_title(view.run),
            sentence=summary.summary_sentence(view),
            preview=preview,
            address=f"hf://{repository}" if repository else UNKNOWN_ADDRESS,
            has_images=view.has_images,
            is_conditional=view.model.requires_labels,
            samplers=fitted_samplers(exported),
            sampler=view.sampler_words,
            tiles=summary.metric_tiles(exported),
            evaluations=find_evaluations(exported.path)[0],
            findings=_examine(view),
            audit=_audit(view),
            facts=[(name, value) for name, value in summary.run_facts(exported) if name in SHOWN_FACTS],
            command=repeat_command(exported.record).line,
        )
    )


@cache
def card_templates() -> Environment:
    """Return the environment of templates for Markdown, which are not escaped as HTML is."""
    loader = PackageLoader("elbowroom.exporting")
    env = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {"cell": _to_cell, "capital": lambda text: text[:1].upper() + text[1:], "zip": zip}
    return env


def _to_cell(text: Any) -> str:
    r"""Return text as a cell of a table.

    >>> print(_to_cell("p(x|z)"))
    p(x\|z)
    """
    return " ".join(str(text).split()).replace("|", r"\|")


def card_head(library: str, license: str | None, tags: Sequence[str]) -> list[str]:
    """Return the lines of the head of a card, which the hub reads: library, license and tags."""
    chosen = f"license: {license}" if license else f"license: {UNCHOSEN_LICENSE}  # as apache-2.0, before you publish"
    return [f"library_name: {library}", chosen, "tags:", "- elbowroom", *(f"- {tag}" for tag in dict.fromkeys(tags))]


def _task(view: ExportedRun) -> list[str]:
    """Return the line of the head with the task of the model, if the hub has a name for it."""
    is_known = is_image(view.model.shape) and view.model.can_sample and not view.model.requires_labels
    return ["pipeline_tag: unconditional-image-generation"] if is_known else []


def _examine(view: ExportedRun) -> Findings | str:
    """Return the doctor's findings, or why there are none."""
    try:
        return examine(view.run, view.given_data, view.given_model)
    except ValueError as error:
        return str(error).rstrip(".")


def _audit(view: ExportedRun) -> Audit | str:
    """Return the auditor's verdicts, or why there are none."""
    try:
        return audit(view.run, view.given_data)
    except ValueError as error:
        return str(error).rstrip(".")
