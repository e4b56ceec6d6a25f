"""Quality of drawn series: told apart from real ones, and of use to learn the next step from, beside real series."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.data import freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.metrics.sequence_scores import (
    SequenceScore,
    discriminative_score,
    mask_as,
    predictive_error,
)
from elbowroom.evaluation.registry import EvalContext, suite

#: Series of either kind, at most.
MAX_EXAMPLES = 2000
#: Series below which nothing is trained.
MIN_EXAMPLES = 20

DESCRIPTION = "how drawn series are: told apart from real ones, and learned from; real against real beside"


@suite("series", DESCRIPTION)
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure discriminative score and predictive error of samples, and what real series of the training split have.

    That of real against real is the floor: a classifier that tells one split from another finds as much.
    """
    note = _find_obstacle(context)
    if note:
        return {"discriminative_score": Metric(None, "", "", note=note)}
    real = _collect(context, context.split_name)
    train = _collect(context, "train")
    drawn = mask_as(_draw(context, len(train)), train)
    accuracy, error = "|accuracy - 1/2|", "mean absolute error of a value"
    classifier = "GRU classifier of held-out real and"
    predictor = "next step by a GRU, on held-out real series, trained on"
    scores = {
        "discriminative_score": (accuracy, f"{classifier} drawn series", discriminative_score(real, drawn)),
        "discriminative_score_real": (accuracy, f"{classifier} training series", discriminative_score(real, train)),
        "predictive_error": (error, f"{predictor} drawn series", predictive_error(drawn, real)),
        "predictive_error_real": (error, f"{predictor} training series", predictive_error(train, real)),
    }
    return {name: _to_metric(unit, how, score) for name, (unit, how, score) in scores.items()}


def _to_metric(unit: str, estimator: str, score: SequenceScore) -> Metric:
    return Metric(score.value, unit, estimator, score.standard_error, examples=score.examples)


def _find_obstacle(context: EvalContext) -> str:
    shape = context.data.shape
    if len(shape) != 2:
        return f"the examples are {'x'.join(map(str, shape))}, not series (C, T)"
    if not context.model.can_sample:
        return "this model has no prior to draw samples from"
    if context.includes_train:
        return "training series are evaluated, so that no held-out ones are left to compare with"
    if context.model.is_conditional:
        return "samples of a conditional model have the labels that they are given"
    sizes = [len(context.data.get_split(name)) for name in ("train", context.split_name)]
    return f"{min(sizes)} series: at least {MIN_EXAMPLES} are needed" if min(sizes) < MIN_EXAMPLES else ""


def _collect(context: EvalContext, name: str) -> Tensor:
    split = freeze(context.data.get_split(name), context.seed)
    return torch.cat([batch.x.cpu() for batch in random_batches(split, MAX_EXAMPLES, context.seed)])


def _draw(context: EvalContext, n: int) -> Tensor:
    """Return n samples: draws from p(x|z), as the model gives them by default."""
    sizes = [min(context.batch_size, n - start) for start in range(0, n, context.batch_size)]
    return torch.cat([context.model.sample(size).cpu() for size in sizes])
