"""Tutorials: sources in percent form, the notebooks that are made from them, and the pages of these."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

DOCS = Path(__file__).parents[1]
SOURCES = sorted((DOCS / "tutorials").glob("[0-9]*.py"))
#: The beginning of a cell; in the percent form a line of its own.
CELL = re.compile(r"^# %%(?P<kind> \[markdown\])?.*\n", re.MULTILINE)
#: A command of the notebook, which is a comment in the source: one that is opened elsewhere installs what it needs.
COMMAND = re.compile(r"^# (?=%pip )", re.MULTILINE)
FENCE = "`" * 6
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github/{repository}/blob/main/docs/tutorials/{name}.ipynb"

INDEX = """\
# Tutorials

From the first training to a recipe of one's own, in the order in which they build on each other. Those that train on
MNIST download it and take minutes; the same line says how to take the digits that come with the installation instead,
and seconds. All are notebooks: read them here, download them, or run them in Jupyter, VS Code or Colab.

{table}

```{{toctree}}
:hidden:

{names}
```
"""


def render_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of the pages: an overview, and each notebook with what its cells showed."""
    titles = {path.stem: read_title(path) for path in SOURCES}
    rows = [f"| [{title}]({name}.md) | {summary} |" for name, (title, summary) in titles.items()]
    table = "\n".join(["| tutorial | what it is about |", "|---|---|", *rows])
    yield "tutorials/index.md", INDEX.format(table=table, names="\n".join(titles))
    for path in SOURCES:
        yield (
            f"tutorials/{path.stem}.md",
            render_page(path.stem, nbformat.read(path.with_suffix(".ipynb"), as_version=4)),
        )


def read_title(path: Path) -> tuple[str, str]:
    """Return the heading of a tutorial, and its first paragraph."""
    _, text = read_cells(path.read_text(encoding="utf-8"))[0]
    heading, summary, *_ = text.split("\n\n")
    return heading.removeprefix("# "), " ".join(summary.split())


def read_cells(text: str) -> list[tuple[str, str]]:
    """Return the cells of a source as their kind, ``markdown`` or ``code``, and their text."""
    marks = list(CELL.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    cells = []
    for mark, end in zip(marks, ends, strict=True):
        body = text[mark.end() : end].strip("\n")
        if mark["kind"]:
            cells.append(("markdown", re.sub(r"^# ?", "", body, flags=re.MULTILINE)))
        else:
            cells.append(("code", COMMAND.sub("", body)))
    return cells


def make_notebook(text: str) -> NotebookNode:
    """Return a source as a notebook that was not executed; its cells are named by their place, the same each time."""
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    cells = [make[kind](body, id=f"cell-{i}") for i, (kind, body) in enumerate(read_cells(text))]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def is_command(cell: NotebookNode) -> bool:
    """Return whether a cell prepares the notebook's machine, and is none of the tutorial's."""
    return cell.cell_type == "code" and cell.source.startswith("%pip ")


def render_page(name: str, book: NotebookNode) -> str:
    """Return the page of a notebook: its text, its code, and what each cell showed."""
    title, *rest = book.cells
    heading, _, text = title.source.partition("\n")
    parts = [heading, render_links(name), link_from_page(text.strip())]
    for cell in rest:
        if is_command(cell):
            continue
        parts.append(link_from_page(cell.source) if cell.cell_type == "markdown" else fence("python", cell.source))
        parts += [render_output(output) for output in cell.get("outputs", ())]
    return "\n\n".join(part for part in parts if part) + "\n"


def link_from_page(text: str) -> str:
    """Return a text whose links, which lead from the notebook, lead from its page; to other tutorials' pages."""
    return re.sub(r"\]\((\w+)\.ipynb", r"](\1.md", text).replace("](../", "](../../")


def render_links(name: str) -> str:
    """Return where to take the notebook: the files, and the button of Colab if the project has a public repository."""
    files = f"[notebook](../../tutorials/{name}.ipynb) · [script](../../tutorials/{name}.py)"
    if not (repository := find_repository()):
        return f"{files} · in Colab: *File › Upload notebook*; its first cell installs elbowroom"
    return f"[![open in Colab]({BADGE})]({COLAB.format(repository=repository, name=name)}) · {files}"


def find_repository() -> str:
    """Return owner and name of the public repository that ``pyproject.toml`` states; nothing if it states none."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "").removeprefix("https://github.com/").strip("/")


def render_output(output: dict[str, Any]) -> str:
    """Return what a cell showed: an image, a form in HTML, or text."""
    shown = output.get("data", {})
    if "image/png" in shown:
        return f"![what the cell shows](data:image/png;base64,{shown['image/png'].strip()})"
    if "text/html" in shown:
        return f'```{{raw}} html\n<div class="cell-output">{shown["text/html"].strip()}</div>\n```'
    text = output.get("text") or shown.get("text/plain", "")
    return fence("text", text.rstrip()) if text.strip() else ""


def fence(kind: str, text: str) -> str:
    """Return a block of code, which may itself hold blocks of the usual three marks."""
    return f"{FENCE}{kind}\n{text}\n{FENCE}"
