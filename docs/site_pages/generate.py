"""Pages that are made from the code and from files beside ``docs``, in ``docs/generated``, before Sphinx reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from site_pages import command_pages, recipe_pages, reference_pages, tutorial_pages

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "generated"
#: Files of the checkout that are pages of the site too, by the names of these.
OF_CHECKOUT = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md", "security": "SECURITY.md"}
#: A parameter of several values in a docstring, as in (B, *shape): its star begins no emphasis.
STARRED = re.compile(r"(?<![\w*`\\])\*(?=[a-z_]+[^*\w])")


def generate(app: Any) -> None:
    """Write the pages anew; those that are the same keep their time, so that Sphinx does not read them again."""
    modules = recipe_pages, command_pages, reference_pages, tutorial_pages
    pages = dict(page for module in modules for page in module.render_pages())
    for name, text in pages.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in FOLDER.rglob("*.*"):
        if str(path.relative_to(FOLDER)) not in pages:
            path.unlink()


def link_within_site(app: Any, name: str, source: list[str]) -> None:
    """Turn links to files of the checkout that are pages of the site into links to these."""
    up = "../" * (name.count("/") + 1)
    down = "../" * name.count("/")
    for page, file in OF_CHECKOUT.items():
        source[0] = source[0].replace(f"]({up}{file}", f"]({down}{page}.md")


def prepare_docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Keep stars from being read as the beginning of an emphasis, and what stands before a colon as a type."""
    lines[:] = [STARRED.sub(r"\\*", line) for line in lines]
    if what in ("attribute", "property"):
        lines.insert(0, "")  # napoleon looks for the type of an attribute in the first line


def correct_signature(app: Any, what: str, name: str, value: Any, options: Any, signature: str, returns: str) -> Any:
    """Show a module without arguments of its own as that, in place of the signature of every module."""
    return ("()" if what == "class" and signature == "(*args, **kwargs)" else signature, returns)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("source-read", link_within_site)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=100)
    app.connect("autodoc-process-signature", correct_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
