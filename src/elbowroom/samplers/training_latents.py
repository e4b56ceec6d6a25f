"""Latents of training examples with their conditions, and a sampler fitted to them, given the conditions."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data.splits.memory import Split, random_batches
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers.base import PRIOR, Sampler, parse

#: Training examples whose latents a sampler is fitted to, at most.
MAX_EXAMPLES = 20_000
#: Examples encoded at once.
BATCH_SIZE = 500
#: The ridge of the regression of latents on conditions, in examples: a class of which few are known shifts less.
RIDGE = 1.0


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
def draw_training_latents(model: GenerativeModel, split: Split, n: int) -> tuple[Tensor, Tensor | None]:
    """Return a draw from the posterior of each of n random examples, (n, D), and their encoded conditions, (n, C)."""
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    latents: list[Tensor] = []
    conditions: list[Tensor] = []
    for batch in random_batches(split, n, seed=0, batch_size=BATCH_SIZE):
        c = None if batch.y is None else batch.y.to(device)
        with noise.keyed_noise(0, batch.index):
            latents.append(model.posterior(batch.x.to(device), c).sample(torch.Size((1,)))[0].cpu())
        conditions += [condition.flatten(1).cpu() for condition in model.encode_condition(c)]
    model.train(was_training)
    return torch.cat(latents), torch.cat(conditions) if conditions else None


def fit_given(sampler: type[Sampler], latents: Tensor, condition: Tensor, **options: Any) -> Sampler:
    r"""Fit a sampler to latents (N, D) given conditions (N, C): to what an affine function of these leaves of them.

    .. math:: W = \arg\min_W \sum_n \| z_n - \bar z - (c_n - \bar c) W \|^2 + \lambda \| W \|^2
    """
    mean = condition.mean(0)
    centered = (condition - mean).double()
    gram = centered.T @ centered + RIDGE * torch.eye(len(mean), dtype=torch.float64)
    weight = torch.linalg.solve(gram, centered.T @ (latents - latents.mean(0)).double()).float()
    fitted = sampler.fit(latents - centered.float() @ weight, **options)
    fitted.set_condition(mean, weight)
    return fitted
