"""Components of a linear autoencoder beside those of PCA, and the angles between the two subspaces."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.latent.exact_pca import PrincipalComponents, exact_pca, principal_axes, subspace_angles
from elbowroom.plotting.figure import Bars, Chart, FigureSpec, ImageGrid, Line, Mark
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView

#: Components that are shown, at most.
MAX_COMPONENTS = 10


@register_figure(
    "components",
    "components of a linear autoencoder beside those of PCA",
    "Components",
    "data, a linear autoencoder",
    is_special=True,
)
def components_figure(view: RunView, n: int = MAX_COMPONENTS) -> FigureSpec:
    """Return the first n principal axes of an affine decoder's span above those of PCA.

    Raises:
        ValueError: the decoder is not affine, or PCA is not exact for examples of this size.
    """
    own, exact = _spans(view)
    theirs = exact.directions[:, : own.shape[1]]
    own = own * torch.where((own * theirs).sum(0) < 0, -1.0, 1.0)
    marks = [_image_grid(view, own, theirs, n)] if view.has_images else _charts(own, theirs, n)
    angle = subspace_angles(own, theirs).max()
    return FigureSpec(
        "Components",
        "Principal axes of what the decoder spans, and of PCA; under an image the cosine of the two. "
        f"{_compare_errors(own, exact)}",
        f"all training examples of {view.data.name}; largest angle between the subspaces {angle:.1f}°",
        marks,
    )


@register_figure(
    "component-angles",
    "angles between the span of a linear autoencoder and that of PCA",
    "Subspace angles",
    "data, a linear autoencoder",
    is_special=True,
)
def component_angles_figure(view: RunView) -> FigureSpec:
    """Return the principal angles between an affine decoder's span and that of PCA.

    Raises:
        ValueError: the decoder is not affine, or PCA is not exact for examples of this size.
    """
    own, exact = _spans(view)
    angles = subspace_angles(own, exact.directions[:, : own.shape[1]])
    labels = [str(i) for i in range(1, len(angles) + 1)]
    bars = Bars("angles between the subspaces", angles.tolist(), labels, "principal angle", "degrees")
    caption = f"Zero where the decoder spans the principal components. {_compare_errors(own, exact)}"
    return FigureSpec("Subspace angles", caption, f"all training examples of {view.data.name}", [bars])


def _spans(view: RunView) -> tuple[Tensor, PrincipalComponents]:
    """Return the principal axes of the decoder's span as columns, and the principal components of the data."""
    components = view.model.components
    if components is None:
        raise ValueError("the decoder is not affine, so it has no components: train autoencoder --linear")
    exact: PrincipalComponents = view.get_or_compute("exact pca", lambda: exact_pca(view.data, view.seed))
    return principal_axes(components.cpu().double().flatten(1).T, exact.covariance), exact


def _compare_errors(own: Tensor, exact: PrincipalComponents) -> str:
    """Return what both spans leave of the variance, in words."""
    left = (exact.variances.sum() - (own.T @ exact.covariance @ own).trace()).item() / len(own)
    return f"They leave a squared error of {left:.4g} and {exact.residual(own.shape[1]):.4g} per value."


def _image_grid(view: RunView, own: Tensor, theirs: Tensor, n: int) -> ImageGrid:
    shown = torch.stack((own[:, :n].T, theirs[:, :n].T)).reshape(2, -1, *view.shape)
    largest = shown.abs().flatten(2).amax(2)[..., None, None, None]
    cosines = (own * theirs).sum(0)[:n].tolist()
    return ImageGrid(
        0.5 + 0.5 * (shown / largest).float(),
        ["the model", "PCA"],
        [str(i) for i in range(1, shown.shape[1] + 1)],
        "components of",
        "principal axis, gray is zero; under it the cosine of the two",
        [[f"{cosine:.3f}" for cosine in cosines], [""] * len(cosines)],
        has_grey_scale=False,
    )


def _charts(own: Tensor, theirs: Tensor, n: int) -> list[Mark]:
    positions = list(range(1, len(own) + 1))
    return [
        Chart(
            f"principal axis {i + 1}",
            [
                Line("the model", positions, own[:, i].tolist(), "model"),
                Line("PCA", positions, theirs[:, i].tolist(), "data"),
            ],
            "value of an example",
            "weight",
        )
        for i in range(min(n, own.shape[1]))
    ]
