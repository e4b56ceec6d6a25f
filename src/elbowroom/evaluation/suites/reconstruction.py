"""Reconstruction error: mean squared error, error of categories, class error of semi-supervised models."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.distributions.tokens import count_ends_before
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.families import Columns, Family
from elbowroom.families.tokens import Tokens
from elbowroom.families.views import Views


@suite("reconstruction", "how far reconstructions are from the data", is_default=True)
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure ``mse`` at the posterior mean; for some data and models also ``category_error`` and ``class_error``.

    Of a table and of several views, ``mse`` is over the numbers and ``category_error`` the share of wrong values among
    the categorical columns and the classes; missing values do not count. Of a text it is the share of wrong tokens, up
    to and with its end. ``class_error`` is the share of labelled examples for which a semi-supervised model assigns
    another class the highest probability.
    """
    model, family = context.model, context.model.decoder.family
    categorical = _categorical_values(family)
    squared_errors, category_errors, class_errors = list[Tensor](), list[Tensor](), list[Tensor]()
    for batch in context.eval_split.batches(context.batch_size):
        difference = (model.reconstruct(batch.x, batch.y) - batch.x).flatten(1)
        if isinstance(family, Tokens):
            difference = difference.where(count_ends_before(batch.x) == 0, torch.nan)
        categorical = categorical.to(difference.device)
        if len(categorical) != difference.shape[1] or not categorical.all():
            numeric = difference[:, ~categorical] if len(categorical) else difference
            squared_errors.append(numeric.square().nanmean(1))
        if categorical.any():
            difference = difference[:, categorical]
            category_errors.append((difference != 0).float().where(~difference.isnan(), torch.nan).nanmean(1))
        if model.is_classifier and batch.y is not None and batch.y.dim() == 1:
            labeled = batch.y >= 0
            class_errors.append((model.classify(batch.x[labeled]).argmax(-1) != batch.y[labeled]).float())
    over = "of the numbers that are there" if len(categorical) else "per dimension"
    results = {
        "mse": _nanmean_metric(squared_errors, "squared", f"{over}, at the posterior mean"),
        "category_error": _nanmean_metric(
            category_errors, "share", "of the categories that are there, at the posterior mean"
        ),
        "class_error": _nanmean_metric(class_errors, "share", "of the labels, by the most probable class of q(y|x)"),
    }
    return {name: metric for name, metric in results.items() if metric is not None}


def _nanmean_metric(parts: list[Tensor], unit: str, estimator: str) -> Metric | None:
    """Return the mean over the examples whose value is not NaN; ``None`` if there is none."""
    values = torch.cat(parts) if parts else torch.zeros(0)
    values = values[~values.isnan()]
    return mean_metric(values, unit, estimator) if len(values) else None


def _categorical_values(family: Family) -> Tensor:
    """Return a mask of the numbers of an example that stand for a category, (D,); where there are none, (0,)."""
    if isinstance(family, Columns):
        return torch.tensor([column.levels is not None for column in family.columns])
    if isinstance(family, Tokens):
        return torch.ones(math.prod(family.shape), dtype=torch.bool)
    if isinstance(family, Views):
        masks = [(_categorical_values(part), math.prod(part.shape)) for part in family.parts]
        return torch.cat([mask if len(mask) else torch.zeros(n, dtype=torch.bool) for mask, n in masks])
    return torch.zeros(0, dtype=torch.bool)
