"""Latents of a split in two or three dimensions, with the prior, and what their points may be colored by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom import errors, noise
from elbowroom.data import Batch
from elbowroom.evaluation.suites import likelihood
from elbowroom.exporting.modules import cycle_conditions
from elbowroom.latent import tsne
from elbowroom.plotting.figure import PriorOnPlane
from elbowroom.plotting.latent_plane import (
    LatentPlane,
    dimension_plane,
    informative_pair,
    principal_plane,
    prior_on_plane,
)
from elbowroom.samplers import PRIOR, describe_sampler
from elbowroom.studio.services.densities import find_density, sampled_model
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel

#: Draws from a sampler on a map.
NUM_SAMPLER_DRAWS = 300
#: Posterior samples of each example whose bound gives its point a color.
NUM_BOUND_SAMPLES = 4
#: Examples whose bounds are estimated in one go; between them others have their turn.
BOUND_BATCH_SIZE = 64
TSNE_LABELS = ("t-SNE 1, no unit", "t-SNE 2, no unit")
TSNE_WORDS = "t-SNE has no axes and no unit: the prior has no place on it."
#: Views of the latents.
VIEWS = ("dims", "pca", "pca3", "tsne")
#: What an example's bound consists of, by name: its title and what it is.
BOUNDS = {
    "elbo": ("ELBO", "E_q log p(x|z) − KL"),
    "reconstruction": ("reconstruction error", "−E_q log p(x|z)"),
    "kl": ("KL", "KL(q(z|x) ‖ p(z))"),
}


@dataclass(frozen=True)
class ProjectedLatents:
    """The latents of examples on a map.

    Attributes:
        view: with the dimensions, if it is of two dimensions: ``dims:I,J``.
        split: the name of the split.
        batch: the examples.
        z: their latents, (N, D).
        points: (N, 2), or (N, 3).
        labels: of the axes, with unit.
        plane: the affine map back to the latents; None where there is none.
        prior: what is shown of the prior.
        note: what makes the map say little; empty for nothing.
    """

    view: str
    split: str
    batch: Batch
    z: Tensor
    points: Tensor
    labels: tuple[str, ...]
    plane: LatentPlane | None
    prior: PriorOnPlane
    note: str


def project_split(loaded: LoadedModel, view: str, split: str | None, n: int) -> ProjectedLatents:
    """Project the latents of n examples of a split.

    Args:
        loaded: the model.
        view: ``dims`` for the two most informative dimensions, ``dims:I,J``, ``pca``, ``pca3`` or ``tsne``.
        split: name of the split; None for a held-out one.
        n: number of examples, picked at random.

    Raises:
        ValueError: there is no such view, or the latents have no projection of this kind.
    """
    name, batch, z = loaded.encode_split(split, n)
    if view == "tsne":
        prior = PriorOnPlane(None, None, TSNE_WORDS)
        return ProjectedLatents(view, name, batch, z, tsne(z), TSNE_LABELS, None, prior, "")
    view, plane = _linear_view(loaded, view, z)
    with RNG_LOCK:
        prior = _add_sampler_draws(loaded, plane, prior_on_plane(loaded, plane))
    note = plane.describe_collapse(z)
    return ProjectedLatents(view, name, batch, z, plane.project(z), plane.labels, plane, prior, note)


def _add_sampler_draws(loaded: LoadedModel, plane: LatentPlane, prior: PriorOnPlane) -> PriorOnPlane:
    """Return what a plane shows of the prior with draws from the sampler that the run samples from, if it is one."""
    if (name := find_density(loaded, None)) == PRIOR:
        return prior
    model = sampled_model(loaded, name)
    condition = (c.to(loaded.device) for c in cycle_conditions(model, NUM_SAMPLER_DRAWS))
    with torch.no_grad(), noise.seeded_rng(loaded.seed):
        draws = plane.project(model.draw_latents(NUM_SAMPLER_DRAWS, *condition).flatten(1).float().cpu())
    rings = prior.words if prior.center is not None else ""
    words = f"Crosses: {NUM_SAMPLER_DRAWS} draws from {describe_sampler(name)}."
    return PriorOnPlane(prior.center, draws, f"{rings} {words}".strip())


def _linear_view(loaded: LoadedModel, view: str, z: Tensor) -> tuple[str, LatentPlane]:
    kind, _, dims = view.partition(":")
    if view in ("pca", "pca3"):
        return view, principal_plane(loaded, z, 3 if view == "pca3" else 2)
    if kind != "dims":
        raise errors.unknown_name("view", view[:20], VIEWS)
    pair = _parse_dims(dims, z.shape[1]) if dims else informative_pair(loaded)
    return f"dims:{pair[0]},{pair[1]}", dimension_plane(loaded, pair, z)


def _parse_dims(text: str, size: int) -> tuple[int, int]:
    parts = text.split(",")
    are_valid = all(part.strip().isdigit() and int(part) < size for part in parts)
    if len(parts) != 2 or not are_valid or parts[0] == parts[1]:
        raise ValueError(f"view dims:{text[:20]}: give two dimensions of 0 to {size - 1}, as dims:0,1")
    return int(parts[0]), int(parts[1])


@dataclass(frozen=True)
class ExampleValues:
    """A number for each example of a map, by which its point is colored.

    Attributes:
        values: (N,).
        title: what the numbers are.
        unit: their unit; empty for none.
        about: how they were estimated.
    """

    values: Tensor
    title: str
    unit: str
    about: str


def value_titles(loaded: LoadedModel, batch: Batch) -> dict[str, str]:
    """Return what the points of a map may be colored by besides classes: titles by name."""
    names = ["reconstruction"] if _has_no_kl(loaded) else list(BOUNDS)
    titles = {name: BOUNDS[name][0] for name in names}
    if batch.y is not None and batch.y.dim() > 1:
        return titles | {f"attribute:{i}": name for i, name in enumerate(_attribute_names(loaded, batch.y))}
    if batch.y is not None and batch.y.is_floating_point():
        return titles | {"attribute:0": "label"}
    return titles


def _has_no_kl(loaded: LoadedModel) -> bool:
    return bool(loaded.model.no_density_reason) or not loaded.model.has_prior


def _attribute_names(loaded: LoadedModel, y: Tensor) -> tuple[str, ...]:
    names = loaded.attributes
    return names if len(names) == y.shape[1] else tuple(f"attribute {i + 1}" for i in range(y.shape[1]))


def attribute_values(loaded: LoadedModel, batch: Batch, name: str) -> ExampleValues:
    """Return an attribute of examples, ``attribute:I``, or a label that is a number, of :func:`value_titles`."""
    assert batch.y is not None
    column = batch.y.float().reshape(len(batch.y), -1)[:, int(name.partition(":")[2])]
    return ExampleValues(column, value_titles(loaded, batch)[name], "", "as the data has it")


class BoundEstimate:
    """ELBO, reconstruction term and KL of examples, estimated a part at a time: only the first asker waits.

    Args:
        loaded: the model.
        batch: the examples.
    """

    def __init__(self, loaded: LoadedModel, batch: Batch) -> None:
        self.loaded, self.batch = loaded, batch
        self._parts: dict[int, dict[str, Tensor]] = {}

    def missing_parts(self) -> Iterator[int]:
        """Yield the first examples of the parts that are not estimated yet, when each is asked for."""
        yield from (at for at in range(0, len(self.batch.x), BOUND_BATCH_SIZE) if at not in self._parts)

    def estimate_part(self, first: int) -> None:
        """Estimate the bounds of a part."""
        if first in self._parts:
            return
        rows = slice(first, first + BOUND_BATCH_SIZE)
        c = self.loaded.as_condition(self.batch.y)
        part = Batch(self.batch.x[rows], None if c is None else c[rows], self.batch.index[rows])
        with torch.no_grad():
            self._parts[first] = likelihood.estimate_bounds(self.loaded.model, part, NUM_BOUND_SAMPLES, 0)

    def values(self, name: str) -> ExampleValues:
        """Return the bound or one of its terms, once all parts are estimated."""
        values = torch.cat([self._parts[first][name] for first in sorted(self._parts)])
        title, formula = BOUNDS[name]
        return ExampleValues(values, title, "nats", f"{formula}, {NUM_BOUND_SAMPLES} draws for each example")
