"""The KL and the error in a custom loss, by its gradients with respect to a module's outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from elbowroom.models.adapter import VAEOutput, parse_vae_output
from elbowroom.objectives import Term
from elbowroom.objectives.custom import Output

#: Relative residual below which a gradient is that of a known form.
MAX_RESIDUAL = 1e-2
#: A pair of gradients, with respect to the second and the third output.
Gradients = tuple[Tensor, Tensor]

#: The gradients of the KL to the standard normal by what its formula takes the two outputs for, the likeliest first.
KL_GRADIENTS: dict[str, Callable[[Tensor, Tensor], Gradients]] = {
    "mean, log-variance": lambda a, b: (a, (b.exp() - 1) / 2),
    "log-variance, mean": lambda a, b: ((a.exp() - 1) / 2, b),
    "mean, log standard deviation": lambda a, b: (a, (2 * b).exp() - 1),
    "log standard deviation, mean": lambda a, b: ((2 * a).exp() - 1, b),
    "mean, standard deviation": lambda a, b: (a, b - 1 / b),
    "mean, variance": lambda a, b: (a, (1 - 1 / b) / 2),
}
#: The gradients of errors with respect to the reconstruction r of x.
ERROR_GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": lambda r, x: (r - x) / (r * (1 - r)).clamp_min(1e-12),
    "cross-entropy of logits": lambda r, x: r.sigmoid() - x,
    "squared error": lambda r, x: 2 * (r - x),
    "absolute error": lambda r, x: (r - x).sign(),
}


@dataclass(frozen=True)
class LossForm:
    """What a loss is made of, for terms summed over dimensions, in nats per example.

    Attributes:
        error: the name of the error; empty if it is none of :data:`ERROR_GRADIENTS`.
        reconstruction: its weight.
        kl_of: what the formula of the KL takes the second and third output for; empty if it is no KL, or there is none.
        kl: its weight; 0 if the loss does not depend on these outputs, ``None`` if it depends on them otherwise.
    """

    error: str
    reconstruction: float
    kl_of: str
    kl: float | None


def find_loss_form(
    objective: Term, output: Any, x: Tensor, step: int, batch_size: int | None = None
) -> LossForm | None:
    """Find the form of a custom loss; ``None`` if the output is not ``(reconstruction, mu, logvar)``.

    Args:
        objective: of the training, after all schedules.
        output: of the module for x.
        x: a batch, (B, *shape).
        step: of the training, at which the objective is taken.
        batch_size: of the training: x is repeated or cut to it, since a mean over a batch has its weight from it.
    """
    if parse_vae_output(output, x) is None:
        return None
    rows = torch.arange(batch_size or len(x), device=x.device) % len(x)
    x, leaves = x[rows], tuple(t.detach()[rows].requires_grad_() for t in output)
    with torch.enable_grad():
        loss = cast(Any, objective)(Output(x, leaves), torch.tensor(step, device=x.device))
        if not loss.requires_grad:
            return None
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
    gradients = [torch.zeros_like(t) if g is None else g * len(x) for t, g in zip(leaves, found, strict=True)]
    return _match_forms(VAEOutput(*(t.detach() for t in leaves)), gradients, x)


def _match_forms(output: VAEOutput, gradients: list[Tensor], x: Tensor) -> LossForm:
    of_error = gradients[0].flatten(1)
    expected = {
        name: form(output.reconstruction.flatten(1), x.flatten(1)).nan_to_num(0.0, 0.0, 0.0)
        for name, form in ERROR_GRADIENTS.items()
    }
    error, weight = _best_match(of_error, expected)
    of_kl = torch.cat((gradients[1].flatten(1), gradients[2].flatten(1)), 1)
    if not of_kl.any():
        return LossForm(error, weight, "", 0.0)
    kl_forms = {
        name: torch.cat([part.flatten(1) for part in form(output.mu, output.logvar)], 1)
        for name, form in KL_GRADIENTS.items()
    }
    kl_of, kl = _best_match(of_kl, kl_forms)
    return LossForm(error, weight, kl_of, kl if kl_of else None)


def _best_match(gradient: Tensor, forms: dict[str, Tensor]) -> tuple[str, float]:
    """Return the form that the gradient is a multiple of, and the factor; no name if there is none."""
    for name, form in forms.items():
        if not form.isfinite().all() or not form.any():
            continue
        weight = ((gradient * form).sum() / form.square().sum()).item()
        if (gradient - weight * form).norm() <= MAX_RESIDUAL * gradient.norm():
            return name, weight
    return "", 0.0
