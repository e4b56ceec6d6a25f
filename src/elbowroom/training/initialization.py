"""Initialization of a model from training examples, once, before the first step of a new run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elbowroom.data import Split
from elbowroom.data.splits.batching import preserve_rng
from elbowroom.models.base import GenerativeModel

#: Stride of the seed from one training seed to the next: that of the data's order, whose epochs start at 1.
SEED_STRIDE = 1_000_003


def initialize_from_data(model: nn.Module, train: Split, seed: int) -> None:
    """Let a model start from training examples, unless its weights were trained or loaded before.

    Args:
        model: if it is an elbowroom model, its :meth:`GenerativeModel.initialize` is called.
        train: the training split.
        seed: of the training; the draw is a stream of its own, so that it changes no other.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.autoencoder((1, 8, 8), latent=2, linear=True)
    >>> initialize_from_data(model, er.load_data("digits").train, seed=0)
    >>> model.components.flatten(1).norm(dim=1)
    tensor([1.0000, 1.0000])
    """
    if not isinstance(model, GenerativeModel) or model.is_initialized:
        return
    if model.n_initial_examples:
        generator = torch.Generator().manual_seed(seed * SEED_STRIDE)
        model.initialize(_pick_examples(train, model.n_initial_examples, generator), generator)
    model.is_initialized = True


def _pick_examples(train: Split, n: int, generator: torch.Generator) -> Tensor:
    """Return n training examples at random, (n, *shape), on the CPU, missing values as 0; of a loader the first.

    Where there are fewer, all of them.
    """
    with preserve_rng():
        order = train.random_order(generator)
        x = train.first(n).x if order is None else torch.cat([batch.x for batch in train.batches(n, order[:n])])
    return x.cpu().nan_to_num(0.0)
