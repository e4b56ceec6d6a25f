"""Figures of the latents: scatter plots of the posterior means, KL per dimension."""

from __future__ import annotations

import torch

from elbowroom.evaluation import Metric
from elbowroom.evaluation.suites.latent import describe_active
from elbowroom.formatting import format_count, latent_symbol
from elbowroom.latent import tsne
from elbowroom.plotting.figure import Bars, FigureSpec, Scatter
from elbowroom.plotting.latent_plane import (
    LatentPlane,
    active_variances,
    dimension_plane,
    informative_pair,
    principal_plane,
    prior_on_plane,
)
from elbowroom.plotting.latent_ranking import latent_metrics, ranked_dimensions, require_continuous
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView

#: Bars of one latent, at most.
MAX_BARS = 256
SINGLE_DIMENSION_MESSAGE = "the latent has a single dimension: there is no plane to show it on"


@register_figure("latents", "the latents by their two most informative dimensions", "Latents", "data, two dimensions")
def latent_figure(view: RunView, first: int = 0, second: int = 1) -> FigureSpec:
    """Return a scatter plot of the latents over two of their dimensions.

    Args:
        view: the run.
        first: rank of the horizontal dimension, 0 for the most informative one.
        second: rank of the vertical dimension.
    """
    require_continuous(view)
    order, _, unit = ranked_dimensions(view)
    if len(order) < 2:
        raise ValueError(SINGLE_DIMENSION_MESSAGE)
    dims = informative_pair(view) if (first, second) == (0, 1) else (order[first], order[second])
    choice = "" if len(order) == 2 else f" Of {len(order)}, the two of the largest {unit.split()[0]}."
    caption = f"Posterior means of the examples, one point each.{choice}"
    return _plane_figure(view, "two dimensions", dimension_plane(view, dims, view.latents), caption)


@register_figure("pca", "the latents on their principal plane", "Latents", "data, three dimensions", section="latents")
def pca_figure(view: RunView) -> FigureSpec:
    """Return a scatter plot of the latents on their first two principal components."""
    _require_three_dimensions(view)
    caption = "Posterior means of the examples, on the plane on which they vary most."
    return _plane_figure(view, "PCA", principal_plane(view, view.latents), caption)


def _plane_figure(view: RunView, title: str, plane: LatentPlane, caption: str) -> FigureSpec:
    """Return the latents on a plane, with the prior, and a word where the plane is collapsed."""
    prior = prior_on_plane(view, plane)
    x_axis, y_axis = plane.labels
    scatter = Scatter(title, plane.project(view.latents), x_axis, y_axis, prior=prior)
    words = " ".join(filter(None, [caption, prior.words, plane.describe_collapse(view.latents)]))
    return FigureSpec(f"Latents, {title}", words, view.describe_examples(len(view.latents)), [scatter])


@register_figure(
    "tsne", "the latents by t-SNE, neighbours kept together", "Latents", "data, three dimensions", section="latents"
)
def tsne_figure(view: RunView, perplexity: float = 30.0) -> FigureSpec:
    """Return a t-SNE of the latents (van der Maaten & Hinton 2008)."""
    _require_three_dimensions(view)
    points = tsne(view.latents, perplexity, view.seed)
    caption = (
        "A t-SNE of the examples' posterior means: neighbours stay neighbours. Distances between groups, and their "
        "sizes, mean nothing."
    )
    settings = f"perplexity {min(perplexity, (len(points) - 1) / 3):g}, seed {view.seed}"
    protocol = f"{view.describe_examples(len(view.latents))}; {settings}"
    scatter = Scatter("t-SNE", points, "t-SNE 1, no unit", "t-SNE 2, no unit")
    return FigureSpec("Latents, t-SNE", caption, protocol, [scatter])


def _require_three_dimensions(view: RunView) -> None:
    size = view.latents.shape[1]
    if size < 3:
        raise ValueError(
            SINGLE_DIMENSION_MESSAGE if size == 1 else "the latent has two dimensions: they are their own plane"
        )


@register_figure("kl", "KL per dimension, and which are active", "KL per dimension", "data")
def kl_figure(view: RunView) -> FigureSpec:
    """Return a bar chart of the KL of each latent dimension, inactive ones in grey."""
    kl = {name: m for name, m in latent_metrics(view).items() if name.startswith("kl_per_dimension")}
    if all(m.value is None for m in kl.values()):
        return _variance_figure(view)
    known = {name.removeprefix("kl_per_dimension"): m for name, m in kl.items() if m.value is not None}
    bars = [_kl_bars(view, suffix, m, len(kl) > 1) for suffix, m in known.items()]
    noun = "position" if view.model.is_quantized else "dimension"
    caption = (
        f"KL(q(z|x) ‖ p(z)) of each {noun}, the mean over the examples, largest first. {_describe_active_units(view)}"
    )
    return FigureSpec(f"KL per {noun}", caption, view.describe_examples(len(view.batch.x)), bars)


def _kl_bars(view: RunView, suffix: str, metric: Metric, is_hierarchy: bool) -> Bars:
    """Return the bars of one latent, largest first; in a hierarchy ``suffix`` is ``_z1``, ``_z2``, …"""
    heights = torch.tensor(metric.value).flatten().tolist()
    order = sorted(range(len(heights)), key=lambda dim: -heights[dim])[:MAX_BARS]
    inactive = frozenset[int]()
    if not (is_hierarchy or view.model.is_quantized):
        inactive = _inactive_bars(view, order)
    title = "KL"
    if is_hierarchy:
        title = f"latent {latent_symbol(int(suffix.removeprefix('_z')) - 1)}, {format_count(len(heights), 'dimension')}"
    labels = [str(dim + 1) if view.model.is_quantized or is_hierarchy else latent_symbol(dim) for dim in order]
    axis = "position in the latent" if view.model.is_quantized else "dimension of the latent"
    if len(heights) > MAX_BARS:
        axis += f", the {MAX_BARS} largest of {len(heights):,}"
    return Bars(title, [heights[dim] for dim in order], labels, axis, "KL, nats per example", inactive)


def _inactive_bars(view: RunView, order: list[int]) -> frozenset[int]:
    """Return the ranks of the dimensions that are not active."""
    is_active = view.latents.var(0, correction=0) > active_variances(view)
    return frozenset(rank for rank, dim in enumerate(order) if not is_active[dim])


def _variance_figure(view: RunView) -> FigureSpec:
    """Return a bar chart of the variance of the posterior means, for priors without a KL of single dimensions."""
    variance = view.latents.var(0, correction=0).tolist()
    order = sorted(range(len(variance)), key=lambda dim: -variance[dim])[:MAX_BARS]
    heights, labels = [variance[dim] for dim in order], [latent_symbol(dim) for dim in order]
    inactive = _inactive_bars(view, order)
    bars = Bars("variance", heights, labels, "dimension of the latent", f"variance, ({view.latent_unit})²", inactive)
    reason = next(m.note for name, m in latent_metrics(view).items() if name.startswith("kl_per_dimension"))
    caption = (
        "Variance over the data of each dimension's posterior mean, largest first. "
        f"{_describe_active_units(view)} A KL of single dimensions is undefined: {reason}."
    )
    return FigureSpec("Variance per dimension", caption, view.describe_examples(len(view.latents)), [bars])


def _describe_active_units(view: RunView) -> str:
    """Return a sentence on how many units are active, or how many codebook entries are in use."""
    used = latent_metrics(view).get("codes_in_use")
    if used is not None and isinstance(used.value, float):
        return f"{used.value:.0f} codes are in use, {used.estimator}."
    counts = {name: m for name, m in latent_metrics(view).items() if name.startswith("active_units")}
    parts = [
        f"{m.value:.0f} {m.estimator.partition(';')[0]}"
        + (f" of latent {latent_symbol(int(name[-1]) - 1)}" if len(counts) > 1 else "")
        for name, m in counts.items()
        if isinstance(m.value, float)
    ]
    listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if parts[1:] else "".join(parts)
    return (
        f"{listed} are active: the variance of their posterior mean over the data is above "
        f"{describe_active(active_variances(view))} "
        "(Burda et al. 2016)."
    )
