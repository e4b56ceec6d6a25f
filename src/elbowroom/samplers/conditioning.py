"""Samplers of latents given a condition: each class or attribute moves them, and each class has its own covariance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from elbowroom.samplers.checks import require_latents

if TYPE_CHECKING:
    from elbowroom.samplers.base import Sampler

S = TypeVar("S", bound="Sampler")
#: Added to the variances of all latents, as a share of their mean, so that unused dimensions leave them invertible.
JITTER = 1e-6
#: The ridge of the regression of latents on conditions, in examples: a class of which few are known shifts less.
RIDGE = 1.0


def fit_given(fit: Callable[[Tensor], S], latents: Tensor, condition: Tensor) -> S:
    r"""Fit a sampler to latents (N, D) given conditions (N, C): to what mean and covariance given c leave of them.

    Attributes move the mean alone, by a ridge regression, and the sampler is fitted to the residuals. Each class has
    its own mean, by the same, and its own covariance, shrunk to that of all residuals r, Σ, where it has few examples:

    .. math:: W = \arg\min_W \sum_n \| z_n - \bar z - (c_n - \bar c) W \|^2 + \lambda \| W \|^2, \quad
        A_c A_c^\top = \frac{\sum_{n \in c} r_n r_n^\top + D\, \Sigma}{N_c + D}

    Args:
        fit: of a sampler, to residuals (N, D).
        latents: (N, D).
        condition: one-hot rows of classes, or attributes.
    """
    mean = condition.mean(0)
    weight = _regress(latents - latents.mean(0), condition - mean)
    residuals = latents - (condition - mean) @ weight
    if not _is_one_hot(condition):
        fitted = fit(residuals)
        fitted.set_condition(mean, weight)
        return fitted
    residuals = residuals - latents.mean(0)
    scale = _class_scales(residuals, condition)
    fitted = fit(_whiten_classes(residuals, condition, scale))
    # The rows of the weight are then the means of the classes.
    fitted.set_condition(torch.zeros_like(mean), weight - mean @ weight + latents.mean(0), scale)
    return fitted


def _regress(latents: Tensor, condition: Tensor) -> Tensor:
    """Return the weight W (C, D) of a ridge regression of centered latents (N, D) on centered conditions (N, C)."""
    c = condition.double()
    gram = c.T @ c + RIDGE * torch.eye(c.shape[1], dtype=torch.float64)
    weight: Tensor = torch.linalg.solve(gram, c.T @ latents.double()).float()
    return weight


def _is_one_hot(condition: Tensor) -> bool:
    return bool(((condition == 0) | (condition == 1)).all() and (condition.sum(1) == 1).all())


def _class_scales(residuals: Tensor, condition: Tensor) -> Tensor:
    """Return the Cholesky factor of the covariance of each class, (C, D, D), shrunk to that of all residuals (N, D)."""
    n, size = residuals.shape
    require_latents(residuals, size + 1, f"the covariance of {size} numbers")
    r = residuals.double()
    pooled = r.T @ r / n
    pooled.diagonal().add_(JITTER * pooled.diagonal().mean().clamp_min(1e-12))
    of_class = [r[members] for members in condition.T.bool()]
    covariances = [(part.T @ part + size * pooled) / (len(part) + size) for part in of_class]
    scale: Tensor = torch.linalg.cholesky(torch.stack(covariances)).float()
    return scale


def _whiten_classes(residuals: Tensor, condition: Tensor, scale: Tensor) -> Tensor:
    """Return residuals (N, D) divided by the scale of their class."""
    whitened = torch.empty_like(residuals)
    for members, factor in zip(condition.T.bool(), scale.double(), strict=True):
        columns = residuals[members].double().T
        whitened[members] = torch.linalg.solve_triangular(factor, columns, upper=False).T.float()
    return whitened
