"""A figure of matplotlib that a notebook shows as an image, whether or not pyplot was imported."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure

#: Resolution in a cell.
NOTEBOOK_DPI = 100


class NotebookFigure(Figure):
    """A figure that gives its own PNG: without pyplot, a notebook would show its address."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=NOTEBOOK_DPI)
        return buffer.getvalue()
