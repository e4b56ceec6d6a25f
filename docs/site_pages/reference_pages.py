"""Reference of the library: a page for each package of public names, from their docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import elbowroom

STUB = Path(elbowroom.__file__).with_suffix(".pyi")
#: Names as the stub lists them: the module and what is imported from it.
LISTED = re.compile(r"^from \.(\S*) import (\w+) as \2$", re.MULTILINE)
ROLES = {True: "autoclass", False: "autofunction"}


def render_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of the pages."""
    groups = group_names()
    lines = ["Reference", "=========", "", "All of these are names of the package: ``import elbowroom as er``.", ""]
    lines += [".. toctree::", "   :maxdepth: 1", "", *(f"   {group}" for group in groups)]
    yield "reference/index.rst", "\n".join(lines) + "\n"
    for group, names in groups.items():
        yield f"reference/{group}.rst", render_group(group, names)


def group_names() -> dict[str, list[str]]:
    """Return public names by the package they stand in; those of the root by themselves."""
    groups: dict[str, list[str]] = {}
    for module, name in LISTED.findall(STUB.read_text(encoding="utf-8")):
        if module:
            groups.setdefault(module.partition(".")[0], []).append(name)
    return dict(sorted(groups.items()))


def render_group(group: str, names: list[str]) -> str:
    """Return the page of a package: its docstring, and each name's."""
    title = group.replace("_", " ").capitalize()
    summary = inspect.getdoc(importlib.import_module(f"elbowroom.{group}")) or ""
    parts = [f"{title}\n{'=' * len(title)}", summary]
    for name in names:
        value = getattr(elbowroom, name)
        parts.append(f"{name}\n{'-' * len(name)}\n\n{describe(name, value)}")
    return "\n\n".join(parts) + "\n"


def describe(name: str, value: object) -> str:
    """Return the directive that shows a name's docstring."""
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return f".. autodata:: elbowroom.{name}\n   :no-value:"
    members = "\n   :members:" if inspect.isclass(value) else ""
    return f".. {ROLES[inspect.isclass(value)]}:: elbowroom.{name}{members}"
