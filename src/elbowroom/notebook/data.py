"""Data in a notebook: its splits, how it was made, and its first examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elbowroom.data.image import is_image
from elbowroom.display import html_form
from elbowroom.notebook.card import Card, render_card
from elbowroom.web.preview import ImagePreview, TablePreview, show

if TYPE_CHECKING:
    from elbowroom.data import Data

#: Images that are shown, a row.
MAX_IMAGES = 16
#: Classes or attributes that are named, at most.
MAX_NAMES = 12


@html_form("Data")
def data_to_html(data: Data) -> str:
    """Return data in HTML: a row for each split, the first training examples, and the preprocessing."""
    preview = _preview(data)
    images = [(preview.to_png(), f"training examples of {data.name}")] if isinstance(preview, ImagePreview) else []
    card = Card(
        title=data.name,
        state=f"examples of {' × '.join(map(str, data.shape))}",
        heads=("split", "examples"),
        rows=[(name, _count(data.protocol["sizes"].get(name))) for name in data.splits],
        number_columns=(1,),
        images=images,
        notes=[*_describe_labels(data), str(data.protocol.get("preprocessing", ""))],
    )
    return render_card(card) + (preview.to_html() if isinstance(preview, TablePreview) else "")


def _preview(data: Data) -> ImagePreview | TablePreview | None:
    """Return a few training examples; None for series and views, which have no preview."""
    try:
        return show(data.train.first(MAX_IMAGES).x) if is_image(data.shape) else show(data)
    except ValueError:
        return None


def _count(n: int | None) -> str:
    return "a stream" if n is None else f"{n:,}"


def _describe_labels(data: Data) -> list[str]:
    """Return the names of classes or attributes in a line, if there are any."""
    names = data.classes or data.attributes
    if not names:
        return []
    more = f", … ({len(names)})" if len(names) > MAX_NAMES else ""
    return [f"{'classes' if data.classes else 'attributes'}: {', '.join(names[:MAX_NAMES])}{more}"]
