"""What an objective charges for the reconstruction and for the KL, whatever it is written like."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.auditor.claim import VAEOutput
from elbowroom.auditor.isolation import preserve_rng
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.models.draw import Draw, Latent
from elbowroom.objectives import Term

#: A step past every schedule.
AFTER_ALL_SCHEDULES = 10**9
#: What two losses may differ by, relatively, where they are of the same examples with other noise.
LOSS_TOLERANCE = 0.01


@dataclass(frozen=True)
class LossWeights:
    """The weights with which the loss holds the two terms, both in nats per example.

    Attributes:
        reconstruction: of -log p(x|z), summed over dimensions.
        kl: of the KL, summed over dimensions.
        source: how they were had.
    """

    reconstruction: float
    kl: float
    source: str


def weights_from_objective(objective: Term, draw: Draw, step: int = AFTER_ALL_SCHEDULES) -> LossWeights:
    """The weights by derivatives: how the loss follows when log p(x|z), or the KL, moves as a whole.

    Raises:
        Unexamined: the loss does not follow the KL in a straight line, so it has no weight; or refuses the draw.
    """
    try:
        slopes = [_loss_slopes(objective, draw, step, shift) for shift in (0.0, 100.0, -100.0)]
    except (ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise NotApplicableError(f"the objective cannot be taken apart: {error}") from None
    weights = [kl for _, kl in slopes]
    if max(weights) - min(weights) > 1e-3 * (1 + abs(weights[0])):
        raise NotApplicableError("the objective bends the KL (an absolute value, a capacity), so it has no one weight")
    reconstruction, kl = slopes[0]
    return LossWeights(-reconstruction, kl, "derivatives of the objective")


def _loss_slopes(objective: Term, draw: Draw, step: int, shift: float) -> tuple[float, float]:
    """How the loss follows log p(x|z), and the KL, each moved by a constant."""
    a = torch.zeros((), requires_grad=True, device=draw.x.device)
    b = torch.full((), shift, requires_grad=True, device=draw.x.device)
    moved = copy.copy(draw)
    vars(moved).pop("log_w", None)
    moved.terms, moved.latents = {}, tuple(_shift_kl(latent, b / len(draw.latents)) for latent in draw.latents)
    moved.log_px = draw.log_px.detach() + a
    moved.kl, moved.log_qz = draw.kl.detach() + b, draw.log_qz.detach() + b
    with torch.enable_grad(), preserve_rng(draw.x.device):
        torch.manual_seed(0)
        loss = objective(moved, torch.tensor(step, device=draw.x.device))
        if not loss.requires_grad:
            return 0.0, 0.0
        slopes = torch.autograd.grad(loss, (a, b), allow_unused=True)
    return tuple(0.0 if slope is None else slope.item() for slope in slopes)  # type: ignore[return-value]


def _shift_kl(latent: Latent, shift: Tensor) -> Latent:
    """The same latent with its KL, and with it the log of q, moved by a constant."""
    again = copy.copy(latent)
    again.kl, again.log_qz = latent.kl.detach() + shift, latent.log_qz.detach() + shift
    return again


def weights_from_rows(rows: list[dict[str, Any]]) -> LossWeights:
    """The weights by least squares: ``loss`` of many rows as a sum of their terms.

    Raises:
        Unexamined: too few rows, or their loss is no fixed sum of their terms.
    """
    if not rows or not {"loss", "reconstruction", "kl"} <= rows[0].keys():
        raise NotApplicableError("the rows of the metrics hold no reconstruction and KL beside the loss")
    about = {"step", "epoch", "split", "loss", "elbo", "examples", "seconds", "examples_per_second"}
    names = sorted(rows[0].keys() - about, key=lambda name: name not in ("reconstruction", "kl"))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    loss = np.array([row["loss"] for row in rows], dtype=np.float64)
    whole = np.isfinite(table).all(1)
    if whole.sum() < len(names) + 2:
        raise NotApplicableError(f"{int(whole.sum())} rows are too few to see what the loss is made of")
    table, loss = table[whole], loss[whole]
    scale = np.abs(table).max(0) + 1e-12
    weights, _, rank, _ = np.linalg.lstsq(table / scale, loss, rcond=1e-9)
    missed = np.abs(table / scale @ weights - loss).max()
    if rank < len(names) or missed > 1e-3 * np.abs(loss).max():
        raise NotApplicableError(
            "the loss in the metrics is no fixed sum of its terms, as with a schedule or a term of its own"
        )
    weights = weights / scale
    at = {name: float(weight) for name, weight in zip(names, weights, strict=True)}
    return LossWeights(at["reconstruction"], at["kl"], "the rows of the metrics")


def weights_from_output(output: VAEOutput, x: Tensor, loss: float, divisors: dict[str, int]) -> LossWeights:
    """The weights by trying: which of the usual errors and divisions gives the loss that was reported.

    Args:
        output: of the module for x.
        x: the examples that the loss is the mean over.
        loss: as reported, per example.
        divisors: what people divide by, and how large it is.

    Raises:
        Unexamined: none of them does.
    """
    kl = output.kl.sum(1).mean().item()
    for (name, error), (a, b) in itertools.product(
        _candidate_errors(output.reconstruction, x).items(), _candidate_weights(divisors)
    ):
        if abs(a * error + b * kl - loss) <= LOSS_TOLERANCE * abs(loss):
            return LossWeights(a, b, f"the loss as {name}" + (" and KL" if b else " alone"))
    raise NotApplicableError("the loss is none of the usual sums or means of an error and a KL")


def _candidate_weights(divisors: dict[str, int]) -> list[tuple[float, float]]:
    """Weights of error and KL, the most usual first; without a KL before one so light that it cannot be seen."""
    parts = [1 / n for n in divisors.values()]
    return [
        (1.0, 1.0),
        (1.0, 0.0),
        *((a, 1.0) for a in parts),
        *((1.0, b) for b in parts),
        *itertools.product(parts, parts),
    ]


def _candidate_errors(reconstruction: Tensor, x: Tensor) -> dict[str, float]:
    """Usual errors of a reconstruction, summed over dimensions, the mean over examples; the likeliest first."""
    found: dict[str, float] = {}
    inside = bool(((x >= 0) & (x <= 1)).all())
    if inside and bool(((reconstruction >= 0) & (reconstruction <= 1)).all()):
        found["cross-entropy"] = (
            F.binary_cross_entropy(reconstruction, x, reduction="none").flatten(1).sum(1).mean().item()
        )
    elif inside:
        logits = F.binary_cross_entropy_with_logits(reconstruction, x, reduction="none").flatten(1).sum(1).mean().item()
        found["cross-entropy of logits"] = logits
    square = (reconstruction - x).square().flatten(1).sum(1).mean().item()
    absolute = (reconstruction - x).abs().flatten(1).sum(1).mean().item()
    return found | {"squared error": square, "half the squared error": square / 2, "absolute error": absolute}
