"""Registry of the kinds of figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import deprecation
from elbowroom.plotting.figure import FigureSpec, Scatter
from elbowroom.plotting.matplotlib_backend import draw_figure
from elbowroom.plotting.style import example_labels
from elbowroom.registry import Registry
from elbowroom.runs.run_view import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run


@dataclass(frozen=True)
class Plot:
    """One kind of figure; call it with a :class:`RunView` to draw it.

    Attributes:
        build_spec: function from a run to the figure; raises a ValueError with the reason where there is none.
        kind: its name.
        summary: what it shows, in one line.
        section_title: the heading of its section in a report.
        needs: what a run must have for it.
        section: the section, as the fragment of an address; its kind by default.
        is_special: whether few models have it, so that the report of another says nothing of it.
    """

    build_spec: Callable[[RunView], FigureSpec]
    kind: str
    summary: str
    section_title: str
    needs: str = ""
    section: str = ""
    is_special: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "section", self.section or self.kind)

    def __call__(self, view: RunView) -> Figure:
        """Draw the figure with matplotlib; points have the colors of their labels."""
        spec = self.build_spec(view)
        has_points = any(isinstance(mark, Scatter) for mark in spec.marks)
        return draw_figure(spec, example_labels(view) if has_points else None)


#: Other words for a kind.
KIND_SYNONYMS = {"loss": "curves", "losses": "curves"}
#: The kind that the command line has beside the figures: the images of epochs as a GIF.
ANIMATION_KIND = "training"
#: Every figure by its kind, in the order of a report.
PLOTS: Registry[Plot] = Registry(
    "kind of figure",
    ("elbowroom.plotting.curves", ".outputs", ".samplers", ".latent", ".traversals", ".*"),
)
register_figure = PLOTS.decorator(Plot, help=lambda plot: plot.summary)


def plot(kind: str, run: RunView | Run | str | Path, **options: Any) -> Figure:
    """Draw one kind of figure of a run.

    Args:
        kind: one of :data:`PLOTS`; ``elbowroom plot --help`` lists them.
        run: a :class:`RunView`, to share what is loaded between several figures; or a run or its directory.
        **options: arguments of :class:`RunView`: ``data``, ``model``, ``examples``, ``seed``. A model that no recipe
            built is given as it was built, and the run's weights are loaded into it.

    Raises:
        ValueError: there is no such kind, or the run's model or data lack what it needs.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=3), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> plot("traversals", run, examples=20).axes[0].get_xlabel()
    'offset, standard deviations of the prior'
    """
    if kind == ANIMATION_KIND:
        raise ValueError(
            f"'{kind}' is an animation and no figure: write it by elbowroom.plotting.write_gif(run, '{kind}.gif'), or "
            f"on the command line by 'elbowroom plot {kind} RUN --out {kind}.gif'"
        )
    figure = PLOTS.find(deprecation.current_plot_kind(KIND_SYNONYMS.get(kind, kind)))
    return figure(run if isinstance(run, RunView) else RunView.of_trained(run, **options))
