"""Planes through the latent space, the names of their axes, and what the prior is on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom.evaluation.suites.latent import active_variance, describe_active
from elbowroom.latent import principal_components
from elbowroom.plotting.figure import PriorOnPlane
from elbowroom.plotting.latent_ranking import dimension_name, ranked_dimensions
from elbowroom.runs.run_view import RunView

#: Draws from a learned prior that a plane shows.
NUM_PRIOR_DRAWS = 300


@dataclass(frozen=True)
class LatentPlane:
    """An affine plane of the latent space, or a space of three axes: z = origin + Σ_k p_k e_k.

    Attributes:
        names: of the axes, (k,).
        shares: the share of the variance along each axis, in words; empty where the axes are dimensions.
        axes: e, orthonormal, (k, D).
        origin: the latent at p = 0, (D,).
        unit: of the coordinates.
        active_variances: the variance along each axis above which the posterior means say something, (k,).
    """

    names: tuple[str, ...]
    shares: tuple[str, ...]
    axes: Tensor
    origin: Tensor
    unit: str
    active_variances: Tensor

    def project(self, z: Tensor) -> Tensor:
        """Return the coordinates (N, k) of latents (N, D)."""
        return (z - self.origin) @ self.axes.T

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the axes with their share of the variance and unit."""
        parts = zip(self.names, self.shares, strict=True) if self.shares else ((name,) for name in self.names)
        return tuple(", ".join((*part, self.unit)) for part in parts)

    def describe_collapse(self, z: Tensor) -> str:
        """Return a sentence if no axis is active for latents (N, D), by the variance along it; else nothing.

        Burda et al. 2016, arXiv 1509.00519.
        """
        if bool((self.project(z).var(0, correction=0) > self.active_variances).any()):
            return ""
        return (
            f"{' and '.join(self.names)} are collapsed: along them the posterior means have a variance of at most "
            f"{describe_active(self.active_variances)}, so that places on this plane tell next to nothing of the "
            "examples."
        )


def informative_pair(view: RunView) -> tuple[int, int]:
    """Return the dimensions of the horizontal and the vertical axis: the two that tell most, or the only two."""
    order, *_ = ranked_dimensions(view)
    return (order[0], order[1]) if len(order) > 2 else (0, 1)


def dimension_plane(view: RunView, dims: tuple[int, int], z: Tensor) -> LatentPlane:
    """Return the plane of two dimensions, with the others at the mean of latents (N, D)."""
    origin = z.mean(0)
    origin[list(dims)] = 0
    names = tuple(dimension_name(view, dim) for dim in dims)
    axes = torch.eye(len(origin))[list(dims)]
    return LatentPlane(names, (), axes, origin, view.latent_unit, _active_along(view, axes))


def principal_plane(view: RunView, z: Tensor, dims: int = 2) -> LatentPlane:
    """Return the plane of the first principal axes of latents (N, D).

    Raises:
        ValueError: fewer latents or dimensions than axes, or latents that are all the same.
    """
    components = principal_components(z, dims)
    shares = tuple(f"{share:.0%} of the variance" for share in components.explained_variance_ratio.tolist())
    names = tuple(f"principal axis {i + 1}" for i in range(dims))
    active = _active_along(view, components.axes)
    return LatentPlane(names, shares, components.axes, z.mean(0), view.latent_unit, active)


def active_variances(view: RunView) -> Tensor:
    """Return the variance of posterior means above which each dimension is active, (D,)."""
    prior = None if view.model.requires_labels else view.model.latent_prior()
    return active_variance(prior).float().cpu().expand(view.model.latent_shape).flatten()


def _active_along(view: RunView, axes: Tensor) -> Tensor:
    """Return the same along axes (k, D), as if the dimensions were independent."""
    return axes.square() @ active_variances(view)


def prior_on_plane(view: RunView, plane: LatentPlane) -> PriorOnPlane:
    """Return the marginal of the prior on a plane.

    That of the standard normal is standard normal too, as the axes are orthonormal, about the projection of z = 0.
    """
    model = view.model
    if model.is_quantized:
        return PriorOnPlane(None, None, "Latents are codes of a quantizer: the prior has no density on this plane.")
    if model.has_standard_prior:
        center = plane.project(torch.zeros_like(plane.origin)[None])[0]
        return PriorOnPlane(center, None, "Rings: 1 and 2 standard deviations of the prior N(0, 1) about its mean.")
    if not model.has_prior:
        return PriorOnPlane(None, None, "The model has no prior to show.")
    draws = plane.project(_draw_prior(view, NUM_PRIOR_DRAWS))
    return PriorOnPlane(None, draws, f"Crosses: {NUM_PRIOR_DRAWS} draws from the prior.")


def _draw_prior(view: RunView, n: int) -> Tensor:
    """Draw n latents (n, D) from the prior, those of a conditional model under the labels of the examples in turn."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(view.seed)
        return view.model.draw_prior(n, _conditions(view, n)).flatten(1).float().cpu()


def _conditions(view: RunView, n: int) -> Tensor | None:
    """Return n conditions: labels of the examples in turn; without the data, its values in turn."""
    if not view.model.is_conditional:
        return None
    if view.missing_data_reason or view.batch.y is None:
        size = view.model.condition_size
        return torch.eye(size)[torch.arange(n) % size].to(view.device)
    return view.batch.y[torch.arange(n) % len(view.batch.y)].to(view.device)
