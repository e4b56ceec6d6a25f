"""Registry of the kinds of figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import deprecation, errors
from elbowroom.plotting import latent, outputs, traversals
from elbowroom.plotting.curves import curves_figure
from elbowroom.plotting.figure import FigureSpec
from elbowroom.plotting.matplotlib_backend import draw_figure
from elbowroom.plotting.style import color_labels
from elbowroom.runs.run_view import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run


@dataclass(frozen=True)
class Plot:
    """One kind of figure; call it with a :class:`RunView` to draw it.

    Attributes:
        kind: its name.
        summary: what it shows, in one line.
        needs: what a run must have for it.
        build_spec: function from a run to the figure; raises a ValueError with the reason where there is none.
    """

    kind: str
    summary: str
    needs: str
    build_spec: Callable[[RunView], FigureSpec]

    def __call__(self, view: RunView) -> Figure:
        """Draw the figure with matplotlib."""
        spec = self.build_spec(view)
        return draw_figure(spec, color_labels(view.batch.y, view.data.classes) if self.kind in SCATTER_KINDS else None)


#: Kinds that show one point for each example, in the color of its label.
SCATTER_KINDS = ("latents", "pca", "tsne")

#: Every figure by its kind, in the order of a report.
PLOTS: dict[str, Plot] = {
    plot.kind: plot
    for plot in (
        Plot("curves", "every term of the objective over the steps", "", lambda view: curves_figure(view.run)),
        Plot("reconstructions", "data above reconstructions", "data", outputs.reconstructions_figure),
        Plot("samples", "means of p(x|z) for latents from the prior", "a prior", outputs.samples_figure),
        Plot(
            "latents",
            "the latents by their two most informative dimensions",
            "data, two dimensions",
            latent.latent_figure,
        ),
        Plot("pca", "the latents on their principal plane", "data, three dimensions", latent.pca_figure),
        Plot("tsne", "the latents by t-SNE, neighbours kept together", "data, three dimensions", latent.tsne_figure),
        Plot(
            "plane", "a two-dimensional latent, decoded everywhere", "images, two dimensions", traversals.plane_figure
        ),
        Plot(
            "traversals",
            "one dimension moved at a time, sorted by KL",
            "data, a continuous latent",
            traversals.traversals_figure,
        ),
        Plot(
            "interpolations",
            "from one latent to another, straight and around",
            "data, a continuous latent",
            traversals.interpolations_figure,
        ),
        Plot("kl", "KL per dimension, and which are active", "data", latent.kl_figure),
        Plot("nearest", "the training examples nearest to samples", "data, a prior", outputs.nearest_figure),
    )
}


def plot(kind: str, run: RunView | Run | str | Path, **options: Any) -> Figure:
    """Draw one kind of figure of a run.

    Args:
        kind: one of :data:`PLOTS`: curves, reconstructions, samples, latents, pca, tsne, plane, traversals,
            interpolations, kl, nearest.
        run: a :class:`RunView`, to share what is loaded between several figures; or a run or its directory.
        **options: arguments of :class:`RunView`: ``data``, ``model``, ``examples``, ``seed``.

    Raises:
        ValueError: there is no such kind, or the run's model or data lack what it needs.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=3), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> plot("traversals", run, examples=20).axes[0].get_xlabel()
    'offset, standard deviations of the prior'
    """
    kind = deprecation.current_plot_kind(kind)
    if kind not in PLOTS:
        raise errors.unknown_name("kind of figure", kind, PLOTS)
    return PLOTS[kind](run if isinstance(run, RunView) else RunView(run, **options))
