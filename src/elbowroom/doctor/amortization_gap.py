"""The amortization gap: the ELBO of a posterior fitted to each example, less that of the encoder's posterior."""

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
from elbowroom.models.semi_supervised import ClassMarginalDraw

#: Steps of Adam.
REFINE_STEPS = 100
#: Learning rate, in units of the posterior's standard deviation.
REFINE_LEARNING_RATE = 0.05
#: Posterior samples of a step: few, as their noise averages out over the steps and a convolutional decoder is slow.
REFINE_SAMPLES = 2


@dataclass(frozen=True)
class AmortizationGap:
    """The ELBO of examples with two posteriors, in nats.

    Attributes:
        amortized: with the encoder's posterior, (B,).
        refined: with a posterior fitted to each example, (B,).
    """

    amortized: Tensor
    refined: Tensor

    @property
    def gap(self) -> Tensor:
        """The amortization gap of Cremer, Li & Duvenaud 2018, arXiv 1801.03558: refined − amortized, (B,)."""
        return self.refined - self.amortized


def measure_amortization_gap(model: GenerativeModel, batch: Batch, samples: int) -> AmortizationGap:
    """Fit the mean and variance of a posterior to each example, with decoder and prior fixed.

    Raises:
        NotApplicableError: the model's posterior is not a single normal or point.
    """
    with eval_mode(model), noise.keyed_noise(0, batch.index):
        draw = model.draw(batch.x, batch.y)
    q, prior = draw.latents[0].q, draw.latents[0].prior
    if len(draw.latents) > 1:
        raise NotApplicableError("the posterior of several latents is not fitted")
    if isinstance(draw, ClassMarginalDraw):
        raise NotApplicableError("the posterior of a latent for each class is not fitted")
    if not isinstance(q, Normal | Delta):
        raise NotApplicableError(f"a {type(q).__name__} posterior has no mean and variance to fit")

    def elbo(q: Normal | Delta, samples: int) -> Tensor:
        """Return the ELBO of each example, or minus its reconstruction if there is no KL, (B,)."""
        z = q.rsample((1 if isinstance(q, Delta) else samples,))
        draw = Draw(batch.x, model.decode(z, model.as_condition(batch.y)), Latent(z, q, prior))
        return draw.elbo if draw.is_probabilistic else draw.log_px.mean(0)

    fitted = fit_posterior(model, q, lambda q: elbo(q, REFINE_SAMPLES))
    with eval_mode(model), noise.keyed_noise(0, batch.index):
        amortized, refined = elbo(q, 4 * samples), elbo(fitted, 4 * samples)
    # An example for which the fit diverged keeps the encoder's posterior.
    return AmortizationGap(amortized, torch.maximum(amortized, refined))


def fit_posterior(
    model: GenerativeModel,
    q: Normal | Delta,
    objective: Callable[[Normal | Delta], Tensor],
    steps: int = REFINE_STEPS,
) -> Normal | Delta:
    """Maximize the objective, (B,), over the parameters of q with Adam; the model stays as it is."""
    loc = q.mean.detach().clone().requires_grad_()
    log_var = q.log_var.detach().expand_as(loc).clone().requires_grad_() if isinstance(q, Normal) else None
    leaves = [loc] if log_var is None else [loc, log_var]
    std = loc.detach().std().item() if log_var is None else (0.5 * log_var.detach()).exp().median().item()
    groups = [
        {"params": [loc], "lr": REFINE_LEARNING_RATE * max(std, 1e-3)},
        {"params": leaves[1:], "lr": REFINE_LEARNING_RATE},
    ]
    optimizer = torch.optim.Adam([group for group in groups if group["params"]])
    requires_grad = [(p, p.requires_grad) for p in model.parameters()]
    model.requires_grad_(False)
    try:
        with eval_mode(model), torch.enable_grad():
            for _ in range(steps):
                optimizer.zero_grad()
                torch.autograd.backward(-objective(_make_posterior(loc, log_var, q)).sum())
                optimizer.step()
    finally:
        for parameter, value in requires_grad:
            parameter.requires_grad_(value)
    with torch.no_grad():
        return _make_posterior(loc.detach(), None if log_var is None else log_var.detach(), q)


def _make_posterior(loc: Tensor, log_var: Tensor | None, q: Normal | Delta) -> Normal | Delta:
    """Return a posterior with these parameters over latents of the shape that q has."""
    event_dim = len(q.event_shape)
    return Delta(loc, event_dim) if log_var is None else Normal(loc, log_var, event_dim)
