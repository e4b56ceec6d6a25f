"""Latents of training examples with their conditions, and a sampler fitted to them, given the conditions."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data.splits.memory import Split, random_batches
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers.base import PRIOR, Sampler, parse, require_latents
from elbowroom.samplers.gaussian import JITTER

#: Training examples whose latents a sampler is fitted to, at most.
MAX_EXAMPLES = 20_000
#: Examples encoded at once.
BATCH_SIZE = 500
#: The ridge of the regression of latents on conditions, in examples: a class of which few are known shifts less.
RIDGE = 1.0
#: Seed of the posterior noise of latents that a sampler is fitted to: not one that an evaluation uses, whose held-out
#: example of the same number would share its noise with a training example, and be better known than it is.
NOISE_SEED = 0x5A3D_1E55


def fit_to_model(model: GenerativeModel, split: Split, name: str, max_examples: int = MAX_EXAMPLES) -> Sampler:
    """Fit a sampler to latents of a split, drawn from their posteriors; for a conditional model given the labels.

    Args:
        model: with latents that are vectors of numbers.
        split: the training split.
        name: of the sampler, as "mixture:10".
        max_examples: how many, drawn at random, if there are more.

    Returns:
        the sampler, on the CPU.

    Raises:
        ValueError: there is no such sampler, there are too few examples, or latents are not vectors of numbers.

    >>> import elbowroom as er
    >>> digits = er.load_data("digits")
    >>> model, _ = er.recipes.cvae(digits.shape, latent=2)
    >>> fit_to_model(model, digits.train, "gaussian")(torch.eye(10)).batch_shape
    torch.Size([10])
    """
    sampler, options = parse_fitted(name)
    check_latents(model)
    if not sampler.requires_fit:
        return sampler(model.latent_shape[0], **options)
    started = time.perf_counter()
    latents, condition = draw_training_latents(model, split, max_examples)
    fitted = sampler.fit(latents, **options) if condition is None else fit_given(sampler, latents, condition, **options)
    fitted.n_latents, fitted.seconds = len(latents), round(time.perf_counter() - started, 3)
    return fitted.eval()


def parse_fitted(name: str) -> tuple[type[Sampler], dict[str, Any]]:
    """Return class and options of a sampler as :func:`parse` does; of the model's own prior there is none to fit."""
    if name == PRIOR:
        raise ValueError("the prior comes with the model: there is nothing to fit")
    return parse(name)


def check_latents(model: GenerativeModel) -> None:
    """Raise a ValueError for latents that are no vectors of numbers."""
    if model.is_quantized or len(model.latent_shape) != 1:
        raise ValueError("a sampler is fitted to latents that are vectors of numbers, and this model's are not")


def can_be_fitted(model: GenerativeModel) -> bool:
    """Whether samplers can be fitted to the latents of a model: the uppermost is a vector of numbers."""
    return not model.is_quantized and len(model.latent_shape) == 1


@torch.no_grad()
def draw_training_latents(
    model: GenerativeModel, split: Split, n: int, seed: int = NOISE_SEED
) -> tuple[Tensor, Tensor | None]:
    """Return a draw from the posterior of each of n random examples, (n, D), and their encoded conditions, (n, C)."""
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    latents: list[Tensor] = []
    conditions: list[Tensor] = []
    for batch in random_batches(split, n, seed=0, batch_size=BATCH_SIZE):
        c = None if batch.y is None else batch.y.to(device)
        with noise.keyed_noise(seed, batch.index):
            latents.append(model.posterior(batch.x.to(device), c).sample(torch.Size((1,)))[0].cpu())
        conditions += [condition.flatten(1).cpu() for condition in model.encode_condition(c)]
    model.train(was_training)
    return torch.cat(latents), torch.cat(conditions) if conditions else None


def fit_given(sampler: type[Sampler], latents: Tensor, condition: Tensor, **options: Any) -> Sampler:
    r"""Fit a sampler to latents (N, D) given conditions (N, C): to what mean and covariance given c leave of them.

    Attributes move the mean alone, by a ridge regression, and the sampler is fitted to the residuals. Each class has
    its own mean, by the same, and its own covariance, shrunk to that of all residuals r, Σ, where it has few examples:

    .. math:: W = \arg\min_W \sum_n \| z_n - \bar z - (c_n - \bar c) W \|^2 + \lambda \| W \|^2, \quad
        A_c A_c^\top = \frac{\sum_{n \in c} r_n r_n^\top + D\, \Sigma}{N_c + D}

    """
    mean = condition.mean(0)
    weight = _regress(latents - latents.mean(0), condition - mean)
    residuals = latents - (condition - mean) @ weight
    if not _is_one_hot(condition):
        fitted = sampler.fit(residuals, **options)
        fitted.set_condition(mean, weight)
        return fitted
    residuals = residuals - latents.mean(0)
    scale = _class_scales(residuals, condition)
    fitted = sampler.fit(_whiten_classes(residuals, condition, scale), **options)
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
