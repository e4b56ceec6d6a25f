"""Pages in a cell: the explorer of a run, samples, and where the studio is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elbowroom.data.image import is_image
from elbowroom.display import Displayed, html_form
from elbowroom.exporting.export import MAX_MB, render_page_of
from elbowroom.notebook.card import Card, environment, render_card
from elbowroom.web.preview import MAX_ROW_VALUES, TablePreview, show

if TYPE_CHECKING:
    from elbowroom.models.samples import Samples
    from elbowroom.runs.run import Run
    from elbowroom.studio.background import StudioLink


@dataclass(frozen=True, repr=False)
class EmbeddedPage(Displayed):
    """A page of one file, which a notebook shows within the cell.

    Attributes:
        html: the page.
        title: what it is.
        height_px: its height in the cell.
    """

    html: str
    title: str
    height_px: int

    def __repr__(self) -> str:
        return f"{self.title}: a page of {len(self.html) / 1e6:.1f} MB, which a notebook shows"


def explore(
    run: Run | str | os.PathLike[str],
    data: Any = None,
    model: Any = None,
    *,
    sampler: str | None = None,
    height: int = 760,
    max_mb: float = MAX_MB,
) -> EmbeddedPage:
    """Show the explorer of a run in a notebook's cell: drag through its latents, and the page decodes them by itself.

    It is the page of ``elbowroom export --html``, with the decoder inside: it needs no network, kernel or widgets,
    and works in a saved notebook.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it.
        sampler: the density that samples are drawn from, as for :func:`~elbowroom.export`.
        height: of the page, in pixels.
        max_mb: the largest size of the weights, in megabytes.

    Raises:
        ValueError: as for :func:`~elbowroom.export`.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2, hidden=(8,)), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> er.explore(run)
    explorer of run: a page of ... MB, which a notebook shows
    """
    page, title = render_page_of(run, data, model, sampler=sampler, max_mb=max_mb)
    return EmbeddedPage(page, f"explorer of {title}", height)


@html_form("EmbeddedPage")
def page_to_html(page: EmbeddedPage) -> str:
    """Return a page as a frame that holds it."""
    return environment().get_template("frame.html").render(page=page)


@html_form("Samples")
def samples_to_html(samples: Samples) -> str | None:
    """Return samples as a grid of images, or as a table; None for series and long rows, which a tensor's text shows."""
    is_rows = samples.dim() == 2 and samples.shape[1] <= MAX_ROW_VALUES
    if not is_rows and not (samples.dim() == 4 and is_image(samples.shape[1:])):
        return None
    preview = show(samples)
    if isinstance(preview, TablePreview):
        return preview.to_html()
    return render_card(Card("samples", f"{len(samples)}", images=[(preview.to_png(), f"{len(samples)} samples")]))


@html_form("StudioLink")
def link_to_html(link: StudioLink) -> str:
    """Return where the studio is."""
    return environment().get_template("link.html").render(link=link)
