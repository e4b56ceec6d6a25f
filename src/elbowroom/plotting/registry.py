"""The table of figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import errors
from elbowroom.plotting import latent, outputs, traversals
from elbowroom.plotting.curves import curve_charts
from elbowroom.plotting.figure import Shown
from elbowroom.plotting.matplotlib_backend import paint
from elbowroom.plotting.run_view import Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run


@dataclass(frozen=True)
class Plot:
    """One kind of figure; called with a look it is drawn.

    Attributes:
        kind: its name.
        summary: one line of what it shows.
        needs: what a run must have for it.
        show: from a look to what is shown; a ValueError says why there is nothing to show.
    """

    kind: str
    summary: str
    needs: str
    show: Callable[[Look], Shown]

    def __call__(self, look: Look) -> Figure:
        """The figure, by matplotlib."""
        shown = self.show(look)
        return paint(shown, look.labels if self.kind in CODES else None)


#: Kinds that show one point for each example.
CODES = ("codes", "pca", "tsne")

#: Every figure by its kind, in the order in which a report shows them.
PLOTS: dict[str, Plot] = {
    plot.kind: plot
    for plot in (
        Plot("curves", "every term of the objective over the steps", "", lambda look: curve_charts(look.run)),
        Plot("reconstructions", "data above reconstructions", "data", outputs.reconstructions),
        Plot("samples", "means of p(x|z) for codes from the prior", "a prior", outputs.samples),
        Plot("codes", "the codes by their two most informative dimensions", "data, two dimensions", latent.dimensions),
        Plot("pca", "the codes on their principal plane", "data, three dimensions", latent.pca),
        Plot("tsne", "the codes by t-SNE, neighbours kept together", "data, three dimensions", latent.neighbour_map),
        Plot(
            "plane", "a two-dimensional code, decoded everywhere", "pictures, two dimensions", traversals.decoded_plane
        ),
        Plot(
            "traversals",
            "one dimension moved at a time, sorted by KL",
            "data, a continuous code",
            traversals.traversals,
        ),
        Plot(
            "interpolations",
            "from one code to another, straight and around",
            "data, a continuous code",
            traversals.interpolations,
        ),
        Plot("kl", "KL per dimension, and which are active", "data", latent.kl),
        Plot("nearest", "the training examples nearest to samples", "data, a prior", outputs.nearest),
    )
}


def plot(kind: str, run: Look | Run | str | Path, **options: Any) -> Figure:
    """Draw one kind of figure of a run.

    Args:
        kind: one of :data:`PLOTS`: curves, reconstructions, samples, codes, pca, tsne, plane, traversals,
            interpolations, kl, nearest.
        run: a :class:`Look`, shared by several figures; or a run or its directory.
        **options: of the :class:`Look`: ``data``, ``model``, ``examples``, ``seed``.

    Raises:
        ValueError: no such kind, or the run's model or data have not what it needs; the message says what.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=3), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> plot("traversals", run, examples=20).axes[0].get_xlabel()
    'offset, standard deviations of the prior'
    """
    if kind not in PLOTS:
        raise errors.unknown("kind of figure", kind, PLOTS)
    return PLOTS[kind](run if isinstance(run, Look) else Look(run, **options))
