"""How far a reconstruction is from its example, and a guessed class from the true one."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.families import Columns, Family
from elbowroom.models.semi_supervised import SemiSupervised


@suite("error", "how far reconstructions are from the data", default=True)
def error_metrics(context: EvalContext) -> dict[str, Metric]:
    """``mse`` of the reconstruction at the posterior mean; ``category_error`` and ``class_error`` where there are such.

    Of a table the mean squared error is that of its numbers, and ``category_error`` the share of its categories that
    are reconstructed as others; what is missing does not count. ``class_error`` is the share of the examples with a
    label for which a semi-supervised model finds another class more probable.
    """
    model, columns = context.model, _categorical_columns(context.model.decoder.family)
    squares, others, wrong = list[Tensor](), list[Tensor](), list[Tensor]()
    for batch in context.eval_split.batches(context.batch_size):
        off = (model.reconstruct(batch.x, batch.y) - batch.x).flatten(1)
        columns = columns.to(off.device)
        if len(columns) != off.shape[1] or not columns.all():
            squares.append(off[:, ~columns if len(columns) else slice(None)].square().nanmean(1))
        if columns.any():
            off = off[:, columns]
            others.append((off != 0).float().where(~off.isnan(), torch.nan).nanmean(1))
        if isinstance(model, SemiSupervised) and batch.y is not None:
            known = batch.y >= 0
            wrong.append((model.classify(batch.x[known]).argmax(-1) != batch.y[known]).float())
    what = "of the numbers that are there" if len(columns) else "per dimension"
    figures = {
        "mse": _nanmean_metric(squares, "squared", f"{what}, at the posterior mean"),
        "category_error": _nanmean_metric(others, "share", "of the categories that are there, at the posterior mean"),
        "class_error": _nanmean_metric(wrong, "share", "of the labels, by the most probable class of q(y|x)"),
    }
    return {name: metric for name, metric in figures.items() if metric is not None}


def _nanmean_metric(parts: list[Tensor], unit: str, estimator: str) -> Metric | None:
    """The mean over the examples that have a value."""
    values = torch.cat(parts) if parts else torch.zeros(0)
    values = values[~values.isnan()]
    return mean_metric(values, unit, estimator) if len(values) else None


def _categorical_columns(family: Family) -> Tensor:
    """Which columns of a table are categories, (D,); of anything else nothing, (0,)."""
    if not isinstance(family, Columns):
        return torch.zeros(0, dtype=torch.bool)
    return torch.tensor([column.levels is not None for column in family.columns])
