"""Metrics of synthetic rows of a table: fidelity, usefulness, privacy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Split
from elbowroom.data.table_rows import draw_missing
from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.metrics import synthetic_rows as metrics
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.families import Columns

#: Synthetic rows that are drawn at most.
MOST_ROWS = 20_000
_ESTIMATORS = {
    "quality": "mean of column shapes and pair trends; higher is better",
    "column_shapes": "1 − total variation (categories) or Kolmogorov–Smirnov distance (numbers); higher is better",
    "pair_trends": "likeness of correlations, or of shares of pairs of cells; higher is better",
    "tstr_auroc": "gradient boosting that learns from synthetic rows, tested on real ones",
    "trtr_auroc": "the same, learned from as many training rows: what synthetic rows can reach",
    "trts_auroc": "gradient boosting that learns from real rows, tested on synthetic ones",
    "nearer_train": "share of synthetic rows nearer to training than to held-out rows; 0.5 for no leak",
    "membership_auroc": "training rows told from held-out ones by the nearest synthetic row; 0.5 for not at all",
}


@suite("synthetic", "how far drawn rows of a table are like real ones, serve in their place, and give rows away")
@torch.no_grad()
def synthetic_row_metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure as many drawn rows as there are training rows, up to 20,000, against rows of the evaluated split.

    What gradient boosting predicts is the last column of categories. See
    :mod:`elbowroom.evaluation.metrics.synthetic_rows` for the metrics.
    """
    family, train = context.model.decoder.family, context.data.train
    if not isinstance(family, Columns) or context.model.is_conditional:
        note = "the model has no likelihood of a table's columns, or draws for given labels alone"
        return {"quality": Metric(None, "share", "", note=note)}
    levels = family.column_levels
    real = _collect_rows(train, context.batch_size)[:MOST_ROWS]
    test = _collect_rows(context.eval_split, context.batch_size)
    with noise.seeded_rng(context.seed):
        x = context.model.sample(len(real), draw=True).cpu()
        x = draw_missing(x, context.data.protocol) if "columns" in context.data.protocol else x
    drawn: np.ndarray = x.double().numpy()
    values: dict[str, float | None] = {**metrics.fidelity(test, drawn, levels)}
    targets = [position for position, own in enumerate(levels) if own is not None]
    if targets:
        learn_and_test = {"tstr_auroc": (drawn, test), "trtr_auroc": (real, test), "trts_auroc": (real, drawn)}
        values |= {
            name: metrics.transfer_auroc(*pair, target=targets[-1], seed=context.seed)
            for name, pair in learn_and_test.items()
        }
    if not context.includes_train:
        values |= metrics.privacy(real, test, drawn, levels, context.seed)
    return {
        name: Metric(
            value, "share", _ESTIMATORS[name], examples=len(test), note="" if value is not None else "one class"
        )
        for name, value in values.items()
    }


def _collect_rows(split: Split, batch_size: int) -> np.ndarray:
    """Return the rows of a split as an array."""
    parts: list[Tensor] = [batch.x.cpu() for batch in split.batches(batch_size)]
    rows: np.ndarray = torch.cat(parts).double().numpy()
    return rows
