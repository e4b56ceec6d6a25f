"""Scores of disentanglement, where the labels are the factors of the examples."""

from __future__ import annotations

import math

import numpy as np
import torch

from elbowroom.data.catalog.shapes import factor_grid
from elbowroom.data.splits.memory import random_batches
from elbowroom.evaluation.disentanglement.registry import DISENTANGLEMENT_SCORES, DisentanglementScore
from elbowroom.evaluation.metric import Metric, note_few_examples
from elbowroom.evaluation.registry import EvalContext, suite

#: Examples that scores are computed from, at most, as in disentanglement_lib.
MAX_EXAMPLES = 10_000
#: Numbers of a latent, at most: of a map each is of one place.
MAX_LATENT_SIZE = 512


@suite("disentanglement", "how latents and the factors of the examples belong together: MIG, DCI, SAP and others")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure all scores of disentanglement on posterior means and labels of several factors.

    Those that hold a factor fixed are undefined unless the factors are independent, as in a grid.
    """
    if reason := undefined_reason(context):
        return _undefined_metrics(reason)
    z, factors = _encode_with_factors(context)
    is_grid = factor_grid(context.data) is not None
    measured = [_measure(row, z, factors, is_grid, context.seed) for row in DISENTANGLEMENT_SCORES.values()]
    return {name: note_few_examples(metric, len(z)) for part in measured for name, metric in part.items()}


def undefined_reason(context: EvalContext) -> str | None:
    """Return why no score is defined, or None."""
    y = next(context.eval_split.batches(1)).y
    if y is None:
        return "the data has no labels: the scores compare latents with known factors, as those of --data shapes"
    if y.dim() == 1 or y.shape[1] < 2:
        return "the labels are one class of each example: the scores compare several factors; load them as attributes"
    quantizer = context.model.quantizer
    if quantizer is not None and not quantizer.is_scalar:
        return "the latents are entries of a codebook, whose numbers mean nothing alone: those of qlae and fsq_vae do"
    if (size := math.prod(context.model.latent_shape)) > MAX_LATENT_SIZE:
        return (
            f"the latent has {size:,} numbers, a map of places: the scores are for latents of {MAX_LATENT_SIZE} at most"
        )
    return None


def _undefined_metrics(reason: str) -> dict[str, Metric]:
    return {name: Metric(None, "", "", note=reason) for row in DISENTANGLEMENT_SCORES.values() for name in row.metrics}


def _encode_with_factors(context: EvalContext) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior means (N, D) and factors (N, F) of the examples, or of some of many at random."""
    batches = random_batches(context.eval_split, MAX_EXAMPLES, context.seed, batch_size=context.batch_size)
    encoded = [(context.model.encode(batch.x, batch.y).flatten(1).cpu(), batch.y) for batch in batches]
    z, y = torch.cat([z for z, _ in encoded]), torch.cat([y.cpu() for _, y in encoded if y is not None])
    return z.double().numpy(), y.double().numpy()


def _measure(
    row: DisentanglementScore, z: np.ndarray, factors: np.ndarray, is_grid: bool, seed: int
) -> dict[str, Metric]:
    if row.needs_interventions and not is_grid:
        note = "it holds one factor fixed while the others vary independently, as in the grid of --data shapes"
        return {name: Metric(None, "", row.how, note=note) for name in row.metrics}
    try:
        value = row.function(z, factors, seed=seed)
    except ValueError as error:
        return {name: Metric(None, "", row.how, note=str(error)) for name in row.metrics}
    values = value if isinstance(value, tuple) else (value,)
    how = f"{row.how}; of posterior means"
    return {name: Metric(float(v), "", how, examples=len(z)) for name, v in zip(row.metrics, values, strict=True)}
