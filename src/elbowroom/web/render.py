"""The text of the pages' templates, styles and scripts."""

from __future__ import annotations

from importlib.resources import files


def read_asset(path: str) -> str:
    """The text of a file of this package, as ``"static/report.css"``."""
    return files("elbowroom.web").joinpath(path).read_text(encoding="utf-8")
