"""Figures of the codes of the data: where they lie, and what each dimension tells."""

from __future__ import annotations

import torch

from elbowroom.evaluation import Metric
from elbowroom.evaluation.suites.latent import ACTIVE_VARIANCE
from elbowroom.formatting import format_count, latent_symbol
from elbowroom.latent import principal_components, tsne
from elbowroom.plotting.figure import Bars, FigureSpec, Scatter
from elbowroom.plotting.run_view import RunView

#: Bars of one latent, at most.
MAX_BARS = 256
SINGLE_DIMENSION_MESSAGE = "the code has a single dimension: there is no plane to show it on"


def latent_figure(view: RunView, first: int = 0, second: int = 1) -> FigureSpec:
    """The codes by two of their dimensions: the two most informative ones, or those of these ranks."""
    view.require_continuous()
    order, _, measure = view.ranked_dimensions
    if len(order) < 2:
        raise ValueError(SINGLE_DIMENSION_MESSAGE)
    a, b = (order[first], order[second]) if len(order) > 2 else (0, 1)
    which = "" if len(order) == 2 else f" Of {len(order)}, the two of the largest {measure.split()[0]}."
    caption = f"Posterior means of the examples, one point each.{which}"
    scatter = Scatter(
        "two dimensions",
        view.latents[:, [a, b]],
        f"{view.dimension_name(a)}, {view.latent_unit}",
        f"{view.dimension_name(b)}, {view.latent_unit}",
    )
    return FigureSpec("The code, two dimensions", caption, view.describe_examples(len(view.latents)), [scatter])


def pca_figure(view: RunView) -> FigureSpec:
    """The codes on their two principal axes."""
    _require_three_dimensions(view)
    found = principal_components(view.latents)
    unit = "units of the code" if view.is_quantized else view.latent_unit
    first, second = (f"{share:.0%} of the variance, {unit}" for share in found.explained_variance_ratio.tolist())
    scatter = Scatter("PCA", found.points, f"principal axis 1, {first}", f"principal axis 2, {second}")
    caption = "Posterior means of the examples, on the plane on which they vary most."
    return FigureSpec("The code, principal plane", caption, view.describe_examples(len(view.latents)), [scatter])


def tsne_figure(view: RunView, perplexity: float = 30.0) -> FigureSpec:
    """The codes on a plane that keeps neighbours together."""
    _require_three_dimensions(view)
    points = tsne(view.latents, perplexity, view.seed)
    caption = (
        "A t-SNE of the examples' posterior means: neighbours stay neighbours. Distances between groups, and their "
        "sizes, mean nothing."
    )
    protocol = f"{view.describe_examples(len(view.latents))}; perplexity {min(perplexity, (len(points) - 1) / 3):g}, seed {view.seed}"
    scatter = Scatter("t-SNE", points, "t-SNE 1, no unit", "t-SNE 2, no unit")
    return FigureSpec("The code, t-SNE", caption, protocol, [scatter])


def _require_three_dimensions(view: RunView) -> None:
    size = view.latents.shape[1]
    if size < 3:
        raise ValueError(
            SINGLE_DIMENSION_MESSAGE if size == 1 else "the code has two dimensions: they are their own plane"
        )


def kl_figure(view: RunView) -> FigureSpec:
    """How much each dimension of the code tells, and which are active."""
    told = {name: m for name, m in view.latent_metrics.items() if name.startswith("kl_per_dimension")}
    if all(m.value is None for m in told.values()):
        return _variance_figure(view)
    bars = [_kl_bars(view, name.removeprefix("kl_per_dimension"), m, len(told) > 1) for name, m in told.items()]
    thing = "position" if view.is_quantized else "dimension"
    caption = (
        f"KL(q(z|x) ‖ p(z)) of each {thing}, the mean over the examples, largest first. {_describe_active_units(view)}"
    )
    return FigureSpec(f"KL per {thing}", caption, view.describe_examples(len(view.batch.x)), bars)


def _kl_bars(view: RunView, latent: str, metric: Metric, is_hierarchy: bool) -> Bars:
    """The KL of one latent's dimensions, the largest first."""
    heights = torch.tensor(metric.value).flatten().tolist()
    order = sorted(range(len(heights)), key=lambda dim: -heights[dim])[:MAX_BARS]
    quiet = frozenset[int]()
    if not (is_hierarchy or view.is_quantized):
        variance = view.latents.var(0, correction=0)
        quiet = frozenset(i for i, dim in enumerate(order) if variance[dim] <= ACTIVE_VARIANCE)
    title = "KL"
    if is_hierarchy:
        title = f"latent {latent_symbol(int(latent.removeprefix('_z')) - 1)}, {format_count(len(heights), 'dimension')}"
    labels = [str(dim + 1) if view.is_quantized or is_hierarchy else latent_symbol(dim) for dim in order]
    axis = "position in the code" if view.is_quantized else "dimension of the code"
    if len(heights) > MAX_BARS:
        axis += f", the {MAX_BARS} largest of {len(heights):,}"
    return Bars(title, [heights[dim] for dim in order], labels, axis, "KL, nats per example", quiet)


def _variance_figure(view: RunView) -> FigureSpec:
    """Where no KL of single dimensions is defined: how much the posterior means vary."""
    variance = view.latents.var(0, correction=0).tolist()
    order = sorted(range(len(variance)), key=lambda dim: -variance[dim])[:MAX_BARS]
    quiet = frozenset(i for i, dim in enumerate(order) if variance[dim] <= ACTIVE_VARIANCE)
    heights, labels = [variance[dim] for dim in order], [latent_symbol(dim) for dim in order]
    bars = Bars("variance", heights, labels, "dimension of the code", f"variance, ({view.latent_unit})²", quiet)
    why = next(m.note for name, m in view.latent_metrics.items() if name.startswith("kl_per_dimension"))
    caption = (
        f"Variance over the data of each dimension's posterior mean, largest first. {_describe_active_units(view)} A KL of single "
        f"dimensions is undefined: {why}."
    )
    return FigureSpec("Variance per dimension", caption, view.describe_examples(len(view.latents)), [bars])


def _describe_active_units(view: RunView) -> str:
    """How many units are active, or codes in use, in words."""
    if (used := view.latent_metrics.get("codes_in_use")) is not None and isinstance(used.value, float):
        return f"{used.value:.0f} codes are in use, {used.estimator}."
    counts = {name: m for name, m in view.latent_metrics.items() if name.startswith("active_units")}
    parts = [
        (
            f"{m.value:.0f} {m.estimator.partition(';')[0]}"
            + (f" of latent {latent_symbol(int(name[-1]) - 1)}" if len(counts) > 1 else "")
        )
        for name, m in counts.items()
        if isinstance(m.value, float)
    ]
    return (
        f"{' and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)} are active: the variance of their "
        f"posterior mean over the data is above {ACTIVE_VARIANCE} (Burda et al. 2016)."
    )
