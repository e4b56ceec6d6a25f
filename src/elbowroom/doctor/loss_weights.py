"""The weights of reconstruction and KL in a loss, from its derivatives, from recorded metrics or by search."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.auditor.isolation import eval_mode, preserve_rng
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.models.adapter import VAEOutput
from elbowroom.models.draw import Draw, Latent
from elbowroom.objectives import Term

#: A step beyond the end of every schedule.
AFTER_ALL_SCHEDULES = 10**9
#: Relative difference allowed between two losses of the same examples with different noise.
LOSS_TOLERANCE = 0.01


@dataclass(frozen=True)
class LossWeights:
    """The weights of the two terms of a VAE loss, for terms in nats per example.

    Attributes:
        reconstruction: of -log p(x|z), summed over dimensions.
        kl: of the KL, summed over dimensions.
        source: where the weights come from, in words.
    """

    reconstruction: float
    kl: float
    source: str


def weights_from_objective(objective: Term, draw: Draw, step: int = AFTER_ALL_SCHEDULES) -> LossWeights:
    """Return the weights as derivatives of the loss with respect to a shift of log p(x|z) and of the KL.

    Raises:
        NotApplicableError: the loss is not linear in the KL, so it has no weight; or does not accept the draw.
    """
    try:
        slopes = [_loss_slopes(objective, draw, step, shift) for shift in (0.0, 100.0, -100.0)]
    except (ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise NotApplicableError(f"the derivatives of the objective cannot be computed: {error}") from None
    weights = [kl for _, kl in slopes]
    if max(weights) - min(weights) > 1e-3 * (1 + abs(weights[0])):
        raise NotApplicableError(
            "the objective is not linear in the KL (an absolute value, a capacity), so it has no single weight"
        )
    reconstruction, kl = slopes[0]
    return LossWeights(-reconstruction, kl, "derivatives of the objective")


def _loss_slopes(objective: Term, draw: Draw, step: int, shift: float) -> tuple[float, float]:
    """Return the derivatives of the loss for a constant added to log p(x|z), and to the KL beside ``shift``."""
    a = torch.zeros((), requires_grad=True, device=draw.x.device)
    b = torch.full((), shift, requires_grad=True, device=draw.x.device)
    shifted = copy.copy(draw)
    vars(shifted).pop("log_w", None)
    shifted.terms, shifted.latents = {}, tuple(_shift_kl(latent, b / len(draw.latents)) for latent in draw.latents)
    shifted.log_px = draw.log_px.detach() + a
    shifted.kl, shifted.log_qz = draw.kl.detach() + b, draw.log_qz.detach() + b
    # In evaluation mode, so that a weight that follows a constraint stays as it is.
    with eval_mode(objective), torch.enable_grad(), preserve_rng(draw.x.device):
        torch.manual_seed(0)
        loss = objective(shifted, torch.tensor(step, device=draw.x.device))
        if not loss.requires_grad:
            return 0.0, 0.0
        of_a, of_b = torch.autograd.grad(loss, (a, b), allow_unused=True)
    return 0.0 if of_a is None else of_a.item(), 0.0 if of_b is None else of_b.item()


def _shift_kl(latent: Latent, shift: Tensor) -> Latent:
    """Return the latent with a constant added to its KL and its log q."""
    shifted = copy.copy(latent)
    shifted.kl, shifted.log_qz = latent.kl.detach() + shift, latent.log_qz.detach() + shift
    return shifted


def weights_from_rows(rows: list[dict[str, Any]]) -> LossWeights:
    """Return the weights by least squares: the loss of recorded rows as a weighted sum of their terms.

    Raises:
        NotApplicableError: too few rows, or their loss is no fixed weighted sum of their terms.
    """
    if not rows or not {"loss", "reconstruction", "kl"} <= rows[0].keys():
        raise NotApplicableError("the metrics have no reconstruction and KL beside the loss")
    other_columns = {"step", "epoch", "split", "loss", "elbo", "examples", "seconds", "examples_per_second"}
    names = sorted(rows[0].keys() - other_columns, key=lambda name: name not in ("reconstruction", "kl"))
    terms = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    loss = np.array([row["loss"] for row in rows], dtype=np.float64)
    is_complete = np.isfinite(terms).all(1)
    if is_complete.sum() < len(names) + 2:
        raise NotApplicableError(f"{int(is_complete.sum())} rows are too few to find the weights of the loss")
    terms, loss = terms[is_complete], loss[is_complete]
    scale = np.abs(terms).max(0) + 1e-12
    scaled_weights, _, rank, _ = np.linalg.lstsq(terms / scale, loss, rcond=1e-9)
    residual = np.abs(terms / scale @ scaled_weights - loss).max()
    if rank < len(names) or residual > 1e-3 * np.abs(loss).max():
        raise NotApplicableError(
            "the loss in the metrics is no fixed weighted sum of its terms: a schedule, or a term that is not recorded"
        )
    weights = dict(zip(names, (scaled_weights / scale).tolist(), strict=True))
    return LossWeights(weights["reconstruction"], weights["kl"], "least squares on the metrics")


def weights_from_output(output: VAEOutput, x: Tensor, loss: float, divisors: dict[str, int]) -> LossWeights:
    """Return the weights by search: the usual error and divisors that give the reported loss.

    Args:
        output: of the module for x.
        x: the examples that the loss is the mean over.
        loss: as reported, per example.
        divisors: the sizes that a term may be divided by, by what they are.

    Raises:
        NotApplicableError: no combination gives the loss.
    """
    kl = output.kl.sum(1).mean().item()
    for (name, error), (a, b) in itertools.product(
        _candidate_errors(output.reconstruction, x).items(), _candidate_weights(divisors)
    ):
        if abs(a * error + b * kl - loss) <= LOSS_TOLERANCE * abs(loss):
            return LossWeights(a, b, f"the loss as {name}" + (" and KL" if b else " alone"))
    raise NotApplicableError("the loss is none of the usual sums or means of an error and a KL")


def _candidate_weights(divisors: dict[str, int]) -> list[tuple[float, float]]:
    """Return weights of error and KL, the most usual first; no KL comes before a KL too light to be detected."""
    weights = [1 / n for n in divisors.values()]
    return [
        (1.0, 1.0),
        (1.0, 0.0),
        *((a, 1.0) for a in weights),
        *((1.0, b) for b in weights),
        *itertools.product(weights, weights),
    ]


def _candidate_errors(reconstruction: Tensor, x: Tensor) -> dict[str, float]:
    """Return the usual errors of a reconstruction, summed over dimensions, mean over examples; the likeliest first."""
    errors: dict[str, Tensor] = {}
    is_unit = bool(((x >= 0) & (x <= 1)).all())
    if is_unit and bool(((reconstruction >= 0) & (reconstruction <= 1)).all()):
        errors["cross-entropy"] = F.binary_cross_entropy(reconstruction, x, reduction="none")
    elif is_unit:
        errors["cross-entropy of logits"] = F.binary_cross_entropy_with_logits(reconstruction, x, reduction="none")
    square = (reconstruction - x).square()
    errors |= {"squared error": square, "half the squared error": square / 2}
    errors["absolute error"] = (reconstruction - x).abs()
    return {name: error.flatten(1).sum(1).mean().item() for name, error in errors.items()}
