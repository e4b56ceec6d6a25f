"""Diagnosis of a conditional model: whether the condition changes what it generates."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Batch
from elbowroom.doctor import advice
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.models.base import GenerativeModel

#: Change of the output by a condition, relative to that by another latent, below which it is hardly seen.
MIN_CONDITION_EFFECT = 0.1
#: Latents at which both are measured.
N_LATENTS = 200
#: Attributes that are measured, at most.
MAX_ATTRIBUTES = 20


@diagnosis("condition ignored")
def find_ignored_condition(evidence: Evidence) -> Iterator[Finding]:
    r"""Find labels that change what is generated much less than the latent does.

    For each attribute, or for the classes, the mean over latents of :math:`\|\bar x(z, c') - \bar x(z, c)\|`, divided
    by that of :math:`\|\bar x(z', c) - \bar x(z, c)\|`, where z belongs to c by the model's prior.
    """
    model, y = evidence.elbowroom_model, evidence.batch.y
    if not model.requires_labels:
        raise NotApplicableError("the model is not conditional")
    if y is None or evidence.batch.x.shape[0] < 2:
        raise NotApplicableError("the data has no labels")
    effects = measure_condition_effects(model, evidence.batch, evidence.data.attributes)
    weak = {name: effect for name, effect in effects.items() if effect < MIN_CONDITION_EFFECT}
    if not weak:
        return
    shown = ", ".join(f"{name} {effect:.1%}" for name, effect in weak.items())
    yield Finding(
        "condition ignored",
        f"the condition changes the output little beside what another latent changes: {shown}",
        "samples of all labels look alike: the latent carries what the labels say",
        advice.strengthen_condition(evidence),
        "warning",
    )


@torch.no_grad()
def measure_condition_effects(
    model: GenerativeModel, batch: Batch, attributes: tuple[str, ...] | None
) -> dict[str, float]:
    """Return how much each attribute, or the class, changes the output, relative to what another latent changes.

    Args:
        model: conditional.
        batch: examples, whose labels are taken as a base.
        attributes: their names, if the labels are attributes.
    """
    assert batch.y is not None
    y = batch.y[torch.arange(N_LATENTS, device=batch.x.device) % len(batch.y)]
    with eval_mode(model):
        base = _generate(model, y, 0)
        by_latent = _distance(_generate(model, y, 1), base)
        effects = {name: _distance(_generate(model, other, 0), base) for name, other in _other_labels(y, attributes)}
    return {name: effect / max(by_latent, 1e-12) for name, effect in effects.items()}


def _generate(model: GenerativeModel, y: Tensor, seed: int) -> Tensor:
    """Return the means of p(x|z, c) for latents from p(z|c), (B, D); the same noise for the same seed."""
    torch.manual_seed(seed)
    return model.decode(model.draw_prior(len(y), y), y).mean.flatten(1)


def _distance(a: Tensor, b: Tensor) -> float:
    distance: float = torch.linalg.vector_norm(a - b, dim=1).mean().item()
    return distance


def _other_labels(y: Tensor, attributes: tuple[str, ...] | None) -> Iterator[tuple[str, Tensor]]:
    """Yield each attribute with the labels in which it is the opposite; for classes, the next class."""
    if y.dim() == 1:
        n = int(y.max()) + 1
        yield "the class", (y + 1) % max(n, 2)
        return
    for i in range(min(y.shape[1], MAX_ATTRIBUTES)):
        other = y.clone()
        other[:, i] = 1 - other[:, i]
        yield (attributes[i] if attributes else f"attribute {i}"), other
