"""Figures of the codes of the data: where they lie, and what each dimension tells."""

from __future__ import annotations

import torch

from elbowroom.evaluation import Metric
from elbowroom.evaluation.suites.latent import ACTIVE
from elbowroom.formatting import plural, z
from elbowroom.latent import principal, tsne
from elbowroom.plotting.figure import Bars, Scatter, Shown
from elbowroom.plotting.run_view import Look

#: Bars of one latent, at most.
MOST = 256
SINGLE = "the code has a single dimension: there is no plane to show it on"


def dimensions(look: Look, first: int = 0, second: int = 1) -> Shown:
    """The codes by two of their dimensions: the two most informative ones, or those of these ranks."""
    look.must_be_continuous()
    order, _, measure = look.informative
    if len(order) < 2:
        raise ValueError(SINGLE)
    a, b = (order[first], order[second]) if len(order) > 2 else (0, 1)
    which = "" if len(order) == 2 else f" Of {len(order)}, the two of the largest {measure.split()[0]}."
    caption = f"Posterior means of the examples, one point each.{which}"
    scatter = Scatter("two dimensions", look.codes[:, [a, b]], f"{look.z(a)}, {look.axis}", f"{look.z(b)}, {look.axis}")
    return Shown("The code, two dimensions", caption, look.of(len(look.codes)), [scatter])


def pca(look: Look) -> Shown:
    """The codes on their two principal axes."""
    _must_need_a_plane(look)
    found = principal(look.codes)
    unit = "units of the code" if look.quantised else look.axis
    first, second = (f"{share:.0%} of the variance, {unit}" for share in found.share.tolist())
    scatter = Scatter("PCA", found.points, f"principal axis 1, {first}", f"principal axis 2, {second}")
    caption = "Posterior means of the examples, on the plane on which they vary most."
    return Shown("The code, principal plane", caption, look.of(len(look.codes)), [scatter])


def neighbour_map(look: Look, perplexity: float = 30.0) -> Shown:
    """The codes on a plane that keeps neighbours together."""
    _must_need_a_plane(look)
    points = tsne(look.codes, perplexity, look.seed)
    caption = (
        "A t-SNE of the examples' posterior means: neighbours stay neighbours. Distances between groups, and their "
        "sizes, mean nothing."
    )
    protocol = f"{look.of(len(look.codes))}; perplexity {min(perplexity, (len(points) - 1) / 3):g}, seed {look.seed}"
    scatter = Scatter("t-SNE", points, "t-SNE 1, no unit", "t-SNE 2, no unit")
    return Shown("The code, t-SNE", caption, protocol, [scatter])


def _must_need_a_plane(look: Look) -> None:
    size = look.codes.shape[1]
    if size < 3:
        raise ValueError(SINGLE if size == 1 else "the code has two dimensions: they are their own plane")


def kl(look: Look) -> Shown:
    """How much each dimension of the code tells, and which are active."""
    told = {name: m for name, m in look.kl.items() if name.startswith("kl_per_dimension")}
    if all(m.value is None for m in told.values()):
        return _variance(look)
    bars = [_bars(look, name.removeprefix("kl_per_dimension"), m, len(told) > 1) for name, m in told.items()]
    thing = "position" if look.quantised else "dimension"
    caption = f"KL(q(z|x) ‖ p(z)) of each {thing}, the mean over the examples, largest first. {_active(look)}"
    return Shown(f"KL per {thing}", caption, look.of(len(look.batch.x)), bars)


def _bars(look: Look, latent: str, metric: Metric, several: bool) -> Bars:
    """The KL of one latent's dimensions, the largest first."""
    heights = torch.tensor(metric.value).flatten().tolist()
    order = sorted(range(len(heights)), key=lambda dim: -heights[dim])[:MOST]
    quiet = frozenset[int]()
    if not (several or look.quantised):
        variance = look.codes.var(0, correction=0)
        quiet = frozenset(i for i, dim in enumerate(order) if variance[dim] <= ACTIVE)
    title = "KL"
    if several:
        title = f"latent {z(int(latent.removeprefix('_z')) - 1)}, {plural(len(heights), 'dimension')}"
    labels = [str(dim + 1) if look.quantised or several else z(dim) for dim in order]
    axis = "position in the code" if look.quantised else "dimension of the code"
    if len(heights) > MOST:
        axis += f", the {MOST} largest of {len(heights):,}"
    return Bars(title, [heights[dim] for dim in order], labels, axis, "KL, nats per example", quiet)


def _variance(look: Look) -> Shown:
    """Where no KL of single dimensions is defined: how much the posterior means vary."""
    variance = look.codes.var(0, correction=0).tolist()
    order = sorted(range(len(variance)), key=lambda dim: -variance[dim])[:MOST]
    quiet = frozenset(i for i, dim in enumerate(order) if variance[dim] <= ACTIVE)
    heights, labels = [variance[dim] for dim in order], [z(dim) for dim in order]
    bars = Bars("variance", heights, labels, "dimension of the code", f"variance, ({look.axis})²", quiet)
    why = next(m.note for name, m in look.kl.items() if name.startswith("kl_per_dimension"))
    caption = (
        f"Variance over the data of each dimension's posterior mean, largest first. {_active(look)} A KL of single "
        f"dimensions is undefined: {why}."
    )
    return Shown("Variance per dimension", caption, look.of(len(look.codes)), [bars])


def _active(look: Look) -> str:
    """How many units are active, or codes in use, in words."""
    if (used := look.kl.get("codes_in_use")) is not None and isinstance(used.value, float):
        return f"{used.value:.0f} codes are in use, {used.estimator}."
    counts = {name: m for name, m in look.kl.items() if name.startswith("active_units")}
    parts = [
        (
            f"{m.value:.0f} {m.estimator.partition(';')[0]}"
            + (f" of latent {z(int(name[-1]) - 1)}" if len(counts) > 1 else "")
        )
        for name, m in counts.items()
        if isinstance(m.value, float)
    ]
    return (
        f"{' and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)} are active: the variance of their "
        f"posterior mean over the data is above {ACTIVE} (Burda et al. 2016)."
    )
