"""Fitting of a sampler's networks to latents: Adam with early stopping on latents that are held out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from elbowroom import noise

#: The share of latents that are held out.
HELD_OUT_SHARE = 0.1
#: Steps between looks at the held-out latents.
STEPS_PER_CHECK = 50
#: Looks without a lower loss, after which it stops.
PATIENCE = 8

#: What is told of a fit: the steps done, their number at most, and the held-out loss.
ProgressReport = Callable[[int, int, float], None]
_report: ContextVar[ProgressReport | None] = ContextVar("fit_progress", default=None)


@dataclass(frozen=True)
class FitPlan:
    """How a network is fitted.

    Attributes:
        batch_size: latents in a step.
        learning_rate: the first, which falls as a cosine.
        latent_noise: standard deviation of the noise that is added to whitened latents, which bounds the density where
            a dimension is not used.
        max_held_out: latents that are held out, at most.
    """

    batch_size: int = 256
    learning_rate: float = 2e-3
    latent_noise: float = 0.01
    max_held_out: int = 1_000_000


@contextmanager
def report_progress(report: ProgressReport) -> Iterator[None]:
    """Tell a function of the progress of fits inside: steps done, their number at most, and the held-out loss."""
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)


def minimize(
    module: nn.Module,
    loss: Callable[..., Tensor],
    latents: Tensor | Sequence[Tensor],
    steps: int,
    plan: FitPlan = FitPlan(),
) -> float:
    """Train a module by Adam, its learning rate falling as a cosine; the weights of the lowest held-out loss are kept.

    Draws come from torch's global generator; the held-out loss is taken with the same draws at every look.

    Args:
        module: what is trained.
        loss: from latents (B, ...), and what else there is of each, to a scalar.
        latents: whitened, (N, ...); or these and what else there is of each, as conditions.
        steps: at most.
        plan: how.

    Returns:
        the lowest held-out loss.
    """
    parts = (latents,) if isinstance(latents, Tensor) else tuple(latents)
    n_held_out = min(plan.max_held_out, max(1, int(HELD_OUT_SHARE * len(parts[0]))))
    held_out, train = [part[:n_held_out] for part in parts], [part[n_held_out:] for part in parts]
    optimizer = torch.optim.Adam(module.parameters(), lr=plan.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best, best_loss, waited = copy.deepcopy(module.state_dict()), _held_out_loss(loss, held_out), 0
    for step, batch in enumerate(islice(_iter_batches(train, plan.batch_size), steps), 1):
        optimizer.zero_grad()
        torch.autograd.backward(loss(_add_noise(batch[0], plan.latent_noise), *batch[1:]))
        nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        if step % STEPS_PER_CHECK and step < steps:
            continue
        last_loss = _held_out_loss(loss, held_out)
        if report := _report.get():
            report(step, steps, last_loss)
        if last_loss < best_loss or math.isnan(best_loss):
            best, best_loss, waited = copy.deepcopy(module.state_dict()), last_loss, 0
        elif (waited := waited + 1) == PATIENCE:
            break
    module.load_state_dict(best)
    return best_loss


@torch.no_grad()
def _held_out_loss(loss: Callable[..., Tensor], held_out: Sequence[Tensor]) -> float:
    with noise.seeded_rng(0):
        return loss(*held_out).item()


def _add_noise(latents: Tensor, scale: float) -> Tensor:
    return latents + scale * torch.randn_like(latents) if scale else latents


def _iter_batches(latents: Sequence[Tensor], batch_size: int) -> Iterator[list[Tensor]]:
    """Yield random batches without end, each latent once in a pass."""
    while True:
        order = torch.randperm(len(latents[0]))
        for start in range(0, len(order), batch_size):
            yield [part[order[start : start + batch_size]] for part in latents]
