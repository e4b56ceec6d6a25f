"""Pages of the zoo, one a recipe: what it is, its source, its loss, its arguments, its figures and its picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from elbowroom.argument import Argument
from elbowroom.recipes import RECIPES
from elbowroom.recipes.registry import EXAMPLE_KINDS, Recipe
from elbowroom.runs.objective_text import format_objective
from site_pages import zoo_figures

ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
#: Shapes of examples that an objective is written down for, by the number of their dimensions.
SHAPES: dict[int, tuple[int, ...]] = {3: (1, 28, 28), 2: (2, 32), 1: (8,)}

INDEX_HEAD = """\
# The zoo

{count} recipes, by family; `elbowroom train NAME` trains one. [Which recipe for what](../../recipes.md) says when to
take which, [the figures](figures.md) what they reach in the same minutes, [published variants](../../variants.md) who
has them.
"""


def render_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of the pages of the zoo."""
    rows = zoo_figures.read_rows()
    yield "zoo/index.md", render_index()
    yield "zoo/figures.md", zoo_figures.render_table(rows)
    for name, recipe in RECIPES.items():
        yield f"zoo/{name}.md", render_recipe(recipe, rows.get(name, []))


def render_index() -> str:
    """Return the page that lists the recipes by the module they stand in."""
    groups: dict[str, list[Recipe]] = {}
    for recipe in RECIPES.values():
        groups.setdefault(recipe.__module__.rpartition(".")[2].replace("_", " "), []).append(recipe)
    lines = [INDEX_HEAD.format(count=len(RECIPES))]
    for group, recipes in sorted(groups.items()):
        lines += [f"## {group.capitalize()}", "", "| recipe | what it is | source |", "|---|---|---|"]
        lines += [
            f"| [`{one.name}`]({one.name}.md) | {cell(one.summary)} | {link_papers(one.paper)} |" for one in recipes
        ]
        lines += [""]
    return "\n".join(lines)


def render_recipe(recipe: Recipe, rows: list[dict[str, Any]]) -> str:
    """Return the page of one recipe."""
    summary, *rest = (recipe.__doc__ or "").split("\n")
    story = "\n".join(rest).partition("Args:")[0].strip()
    # Out of the tree of pages: a hundred entries in the margin of every page would double the time of a build.
    parts = [
        "---\norphan: true\n---",
        f"# `{recipe.name}`",
        summary,
        f"*{link_papers(recipe.paper)}*",
        story,
        render_loss(recipe),
    ]
    parts += [render_use(recipe), render_arguments(recipe), render_figures(recipe.name, rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_loss(recipe: Recipe) -> str:
    """Return the objective that a recipe makes by default, as a sum of terms; nothing if it asks for an argument."""
    if any(argument.is_required for argument in recipe.arguments.values()):
        return ""
    shape = next((SHAPES[n] for n in SHAPES if recipe.takes(SHAPES[n])), None)
    if shape is None:
        return ""
    try:
        _, objective = recipe(shape)
    except ValueError:
        return ""  # of several views, of texts
    # A quotation, since a block of code does not wrap.
    losses = "\\\n> ".join(format_objective(repr(objective)).split("; "))
    return f"The loss, in nats per example, where nothing else is asked for:\n\n> {losses}"


def render_use(recipe: Recipe) -> str:
    """Return how it is trained, and what it takes and draws from."""
    kinds = " and ".join(EXAMPLE_KINDS[n] for n in recipe.dimensions) or "vectors, tables, series and images"
    sampler = (
        f" Samples come from `{recipe.sampler}`, fitted to the latents at the end of the training."
        if recipe.sampler
        else ""
    )
    command = f"```bash\nelbowroom train {recipe.name} --data SOURCE\n```"
    python = (
        f"```python\nmodel, objective = er.recipes.{recipe.name}(data.shape)\nrun = er.fit(model, objective, data)\n```"
    )
    return f"{command}\n\n{python}\n\nIt takes {kinds}.{sampler}"


def render_arguments(recipe: Recipe) -> str:
    """Return the table of arguments."""
    lines = ["## Arguments", "", "| flag | in Python | default | what it is |", "|---|---|---|---|"]
    for argument in recipe.arguments.values():
        flag = f"--{argument.name.replace('_', '-')}"
        lines.append(f"| `{flag}` | `{argument.name}` | {format_default(argument)} | {cell(argument.help)} |")
    return "\n".join(lines)


def format_default(argument: Argument) -> str:
    """Return the default value of an argument."""
    return "required" if argument.is_required else "" if argument.default is None else f"`{argument.default!r}`"


def render_figures(name: str, rows: list[dict[str, Any]]) -> str:
    """Return what was measured on binarized MNIST, the mean over seeds, and the picture; nothing if nothing was."""
    if not rows:
        return ""
    cells = [
        f"| {title} | {figure} |"
        for key, (title, _) in zoo_figures.FIGURES.items()
        if (figure := zoo_figures.write_mean(rows, key))
    ]
    found, failed = (zoo_figures.name_findings(rows, key) for key in ("findings", "audit"))
    cells.append(f"| the doctor | {', '.join(found) or 'finds nothing'} |")
    cells.append(f"| the auditor | {'fails ' + ', '.join(failed) if failed else 'passes all that applies'} |")
    command = f"python benchmarks/images/zoo.py --only {name}"
    head = f"## Figures\n\nOn binarized MNIST in the time of {rows[0]['classic_steps']:,} steps of the classic, "
    head += f"{len(rows)} seed{'s' * (len(rows) > 1)}: `{command}`\n\n| figure | value |\n|---|---|\n"
    return head + "\n".join(cells) + f"\n\n{render_picture(name, rows[0])}"


def render_picture(name: str, row: dict[str, Any]) -> str:
    """Return the picture with its caption; nothing if there is none."""
    if not (zoo_figures.ZOO / f"{name}-0.png").exists():
        return ""
    samples = "samples of the prior, " if row.get("fid_prior") is not None else ""
    words = f"Test images, their reconstructions, {samples}samples with latents from a fitted density"
    return f"![{words}](../../zoo/{name}-0.png)\n\n*{words}.*"


def link_papers(text: str) -> str:
    """Return a citation with links to arXiv."""
    return ARXIV.sub(r"[\g<0>](https://arxiv.org/abs/\1)", cell(text))


def cell(text: str) -> str:
    """Return a text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
