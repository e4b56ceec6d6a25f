"""Clusters of a model against the classes of the data."""

from __future__ import annotations

import numpy as np
import torch

from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites.probes import AGREEMENTS, measure_agreement

#: The metrics, by the name of the agreement that each is of.
NAMES = {name: name.replace("clustering", "cluster") for name in AGREEMENTS}


@suite("clusters", "how well the clusters of a model (vade) agree with the classes")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure how the most responsible cluster of each example agrees with its class; the model was trained without.

    Jiang et al. 2017, arXiv 1611.05148, measure the accuracy of the best matching of clusters and classes.
    """
    first = next(context.eval_split.batches(1)).y
    if not context.model.n_clusters:
        return _undefined_metrics("the model has no clusters: train vade; --metrics probes clusters by k-means")
    if first is None or first.dim() > 1 or first.is_floating_point():
        return _undefined_metrics("the data has no classes")
    batches = list(context.eval_split.batches(context.batch_size))
    clusters = torch.cat([context.model.cluster(batch.x).argmax(1).cpu() for batch in batches]).numpy()
    classes = torch.cat([batch.y.cpu() for batch in batches if batch.y is not None]).numpy()
    how = f"the most responsible of {context.model.n_clusters} clusters"
    measured = measure_agreement(_count_pairs(classes, clusters, context.model.n_clusters), how, context.seed)
    return {NAMES[name]: metric for name, metric in measured.items()}


def _undefined_metrics(reason: str) -> dict[str, Metric]:
    return {name: Metric(None, "", "", note=reason) for name in NAMES.values()}


def _count_pairs(classes: np.ndarray, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return how many examples of each class (rows) are in each cluster (columns)."""
    labels, rows = np.unique(classes, return_inverse=True)
    contingency = np.zeros((len(labels), n_clusters), dtype=int)
    np.add.at(contingency, (rows, clusters), 1)
    return contingency
