"""Posteriors fitted one by one, to see what the encoder leaves on the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Batch
from elbowroom.distributions import Delta, Normal
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw, Latent

#: Steps of Adam, its rate in units of the posterior's own spread, and the samples of a step: their noise averages out
#: over the steps, and a decoder of convolutions is slow.
REFINE_STEPS, REFINE_LEARNING_RATE, REFINE_SAMPLES = 100, 0.05, 2


@dataclass(frozen=True)
class AmortizationGap:
    """What examples are worth, in nats.

    Attributes:
        amortized: by the encoder's posterior, (B,).
        refined: by a posterior fitted to each, (B,).
    """

    amortized: Tensor
    refined: Tensor

    @property
    def gap(self) -> Tensor:
        """By refining, (B,): the amortisation gap of Cremer, Li & Duvenaud 2018, arXiv 1801.03558."""
        return self.refined - self.amortized


def measure_amortization_gap(model: GenerativeModel, batch: Batch, samples: int) -> AmortizationGap:
    """Fit mean and variance of each example's own posterior, decoder and prior held.

    Raises:
        Unexamined: the model's posterior is not a single normal or point.
    """
    with eval_mode(model), noise.keyed_noise(0, batch.index):
        latents = model.draw(batch.x, batch.y).latents
    q, prior = latents[0].q, latents[0].prior
    if len(latents) > 1:
        raise NotApplicableError("several latents hang on each other")
    if not isinstance(q, Normal | Delta):
        raise NotApplicableError(f"a posterior of the kind {type(q).__name__} has no mean and variance to fit")

    def worth(q: Normal | Delta, samples: int) -> Tensor:
        """The ELBO of each example, or minus its reconstruction where there is no KL."""
        z = q.rsample((1 if isinstance(q, Delta) else samples,))
        draw = Draw(batch.x, model.decode(z, batch.y), Latent(z, q, prior))
        return draw.elbo if draw.is_probabilistic else draw.log_px.mean(0)

    fitted = _fit_posterior(model, q, lambda q: worth(q, REFINE_SAMPLES))
    with eval_mode(model), noise.keyed_noise(0, batch.index):
        before, best = worth(q, 4 * samples), worth(fitted, 4 * samples)
    # A step too far for one example is no loss to it: it keeps the encoder's.
    return AmortizationGap(before, torch.maximum(before, best))


def _fit_posterior(
    model: GenerativeModel, q: Normal | Delta, objective: Callable[[Normal | Delta], Tensor]
) -> Normal | Delta:
    loc = q.mean.clone().requires_grad_()
    log_var = q.log_var.expand_as(loc).clone().requires_grad_() if isinstance(q, Normal) else None
    leaves = [loc] if log_var is None else [loc, log_var]
    spread = loc.detach().std().item() if log_var is None else (0.5 * log_var.detach()).exp().median().item()
    groups = [
        {"params": [loc], "lr": REFINE_LEARNING_RATE * max(spread, 1e-3)},
        {"params": leaves[1:], "lr": REFINE_LEARNING_RATE},
    ]
    descent = torch.optim.Adam([group for group in groups if group["params"]])
    was = [(p, p.requires_grad) for p in model.parameters()]
    model.requires_grad_(False)
    try:
        with eval_mode(model), torch.enable_grad():
            for _ in range(REFINE_STEPS):
                descent.zero_grad()
                now = Delta(loc) if log_var is None else Normal(loc, log_var)
                (-objective(now).sum()).backward()
                descent.step()
    finally:
        for parameter, wanted in was:
            parameter.requires_grad_(wanted)
    with torch.no_grad():
        return Delta(loc.detach()) if log_var is None else Normal(loc.detach(), log_var.detach())
