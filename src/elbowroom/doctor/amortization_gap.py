"""Posteriors fitted one by one, to see what the encoder leaves on the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.auditor.quiet import at_rest
from elbowroom.data import Batch
from elbowroom.distributions import Delta, Normal
from elbowroom.doctor.registry import Unexamined
from elbowroom.models.base import Generative
from elbowroom.models.draw import Draw, Latent

#: Steps of Adam, its rate in units of the posterior's own spread, and the samples of a step: their noise averages out
#: over the steps, and a decoder of convolutions is slow.
STEPS, RATE, SAMPLES = 100, 0.05, 2


@dataclass(frozen=True)
class Refined:
    """What examples are worth, in nats.

    Attributes:
        amortised: by the encoder's posterior, (B,).
        best: by a posterior fitted to each, (B,).
    """

    amortised: Tensor
    best: Tensor

    @property
    def gained(self) -> Tensor:
        """By refining, (B,): the amortisation gap of Cremer, Li & Duvenaud 2018, arXiv 1801.03558."""
        return self.best - self.amortised


def refined(model: Generative, batch: Batch, samples: int) -> Refined:
    """Fit mean and variance of each example's own posterior, decoder and prior held.

    Raises:
        Unexamined: the model's posterior is not a single normal or point.
    """
    with at_rest(model), noise.keyed(0, batch.index):
        latents = model.draw(batch.x, batch.y).latents
    q, prior = latents[0].q, latents[0].prior
    if len(latents) > 1:
        raise Unexamined("several latents hang on each other")
    if not isinstance(q, Normal | Delta):
        raise Unexamined(f"a posterior of the kind {type(q).__name__} has no mean and variance to fit")

    def worth(q: Normal | Delta, samples: int) -> Tensor:
        """The ELBO of each example, or minus its reconstruction where there is no KL."""
        z = q.rsample((1 if isinstance(q, Delta) else samples,))
        draw = Draw(batch.x, model.decode(z, batch.y), Latent(z, q, prior))
        return draw.elbo if draw.probabilistic else draw.log_px.mean(0)

    fitted = _fitted(model, q, lambda q: worth(q, SAMPLES))
    with at_rest(model), noise.keyed(0, batch.index):
        before, best = worth(q, 4 * samples), worth(fitted, 4 * samples)
    # A step too far for one example is no loss to it: it keeps the encoder's.
    return Refined(before, torch.maximum(before, best))


def _fitted(model: Generative, q: Normal | Delta, worth: Callable[[Normal | Delta], Tensor]) -> Normal | Delta:
    loc = q.mean.clone().requires_grad_()
    log_var = q.log_var.expand_as(loc).clone().requires_grad_() if isinstance(q, Normal) else None
    leaves = [loc] if log_var is None else [loc, log_var]
    spread = loc.detach().std().item() if log_var is None else (0.5 * log_var.detach()).exp().median().item()
    groups = [{"params": [loc], "lr": RATE * max(spread, 1e-3)}, {"params": leaves[1:], "lr": RATE}]
    descent = torch.optim.Adam([group for group in groups if group["params"]])
    was = [(p, p.requires_grad) for p in model.parameters()]
    model.requires_grad_(False)
    try:
        with at_rest(model), torch.enable_grad():
            for _ in range(STEPS):
                descent.zero_grad()
                now = Delta(loc) if log_var is None else Normal(loc, log_var)
                (-worth(now).sum()).backward()
                descent.step()
    finally:
        for parameter, wanted in was:
            parameter.requires_grad_(wanted)
    with torch.no_grad():
        return Delta(loc.detach()) if log_var is None else Normal(loc.detach(), log_var.detach())
