"""Fitting of a sampler's networks to latents: Adam with early stopping on latents that are held out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from elbowroom import noise

#: Latents in a step.
BATCH_SIZE = 256
#: The share of latents that are held out.
HELD_OUT_SHARE = 0.1
#: Steps between looks at the held-out latents.
STEPS_PER_CHECK = 50
#: Looks without a lower loss, after which it stops.
PATIENCE = 8
#: Standard deviation of the noise that is added to whitened latents, which bounds the density where a dimension is
#: not used.
LATENT_NOISE = 0.01


def minimize(
    module: nn.Module, loss: Callable[[Tensor], Tensor], latents: Tensor, steps: int, learning_rate: float = 2e-3
) -> None:
    """Train a module by Adam, its learning rate falling as a cosine; the weights of the lowest held-out loss are kept.

    Draws come from torch's global generator; the held-out loss is taken with the same draws at every look.

    Args:
        module: what is trained.
        loss: from whitened latents (B, D) to a scalar.
        latents: whitened, (N, D).
        steps: at most.
        learning_rate: the first.
    """
    n_held_out = max(1, int(HELD_OUT_SHARE * len(latents)))
    held_out, train = latents[:n_held_out], latents[n_held_out:]
    optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best, best_loss, waited = copy.deepcopy(module.state_dict()), math.inf, 0
    for step, batch in enumerate(islice(_iter_batches(train), steps), 1):
        optimizer.zero_grad()
        torch.autograd.backward(loss(batch + LATENT_NOISE * torch.randn_like(batch)))
        nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        if step % STEPS_PER_CHECK and step < steps:
            continue
        with torch.no_grad(), noise.seeded_rng(0):
            held_out_loss = loss(held_out).item()
        if held_out_loss < best_loss:
            best, best_loss, waited = copy.deepcopy(module.state_dict()), held_out_loss, 0
        elif (waited := waited + 1) == PATIENCE:
            break
    module.load_state_dict(best)


def _iter_batches(latents: Tensor) -> Iterator[Tensor]:
    """Yield random batches without end, each latent once in a pass."""
    while True:
        order = torch.randperm(len(latents))
        for start in range(0, len(latents), BATCH_SIZE):
            yield latents[order[start : start + BATCH_SIZE]]
