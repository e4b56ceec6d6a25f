"""Mean and standard deviation of the latents of training examples, by channel, as diffusion models need them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Split
from elbowroom.data.splits.memory import random_batches
from elbowroom.models.base import GenerativeModel

#: Training examples whose latents are measured, at most.
MAX_EXAMPLES = 10_000
#: Examples encoded at once.
BATCH_SIZE = 100
#: Seed of the posterior noise.
NOISE_SEED = 0


class LatentStatistics(NamedTuple):
    """Moments of latents that are maps, (C, h, w), over examples and positions.

    Attributes:
        mean: of each channel, (C,).
        std: of each channel, (C,).
        total_std: of all numbers about their common mean.
        n_examples: how many examples were measured.
    """

    mean: Tensor
    std: Tensor
    total_std: float
    n_examples: int


@torch.no_grad()
def measure_latents(model: GenerativeModel, split: Split, max_examples: int = MAX_EXAMPLES) -> LatentStatistics:
    """Measure latents drawn from the posteriors of examples, at random where there are more.

    Args:
        model: whose latents are maps.
        split: the training split.
        max_examples: how many examples, at most.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.autoencoder_kl((1, 8, 8), channels=2, levels=1, widths=(8, 8))
    >>> measure_latents(model, er.load_data("digits").train, 100).mean.shape
    torch.Size([2])
    """
    sums = torch.zeros(2, model.latent_shape[0], dtype=torch.float64)
    n_examples = 0
    for batch in random_batches(split, max_examples, seed=0, batch_size=BATCH_SIZE):
        with noise.keyed_noise(NOISE_SEED, batch.index):
            z = model.posterior(batch.x).sample(torch.Size((1,)))[0].double()
        sums += torch.stack([power.sum((0, *range(2, z.dim()))) for power in (z, z.square())])
        n_examples += len(z)
    n_values = n_examples * torch.Size(model.latent_shape[1:]).numel()
    mean, square = sums / n_values
    total_std = float((square.mean() - mean.mean() ** 2).sqrt())
    return LatentStatistics(mean, (square - mean**2).sqrt(), total_std, n_examples)
