"""Clusters of a model against the classes of the data."""

from __future__ import annotations

import numpy as np
import torch

from elbowroom.evaluation.label_views import describe_without, find_label_views, has_other_views, without_views
from elbowroom.evaluation.metric import Metric, note_few_examples
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
    hidden = find_label_views(context)
    clusters, classes = _cluster_split(context, hidden)
    if len(classes) == 0:
        return _undefined_metrics("no example of known class has another view" if hidden else "no label is known")
    how = f"the most responsible of {context.model.n_clusters} clusters{describe_without(hidden)}"
    measured = measure_agreement(_count_pairs(classes, clusters, context.model.n_clusters), how, context.seed)
    return {NAMES[name]: note_few_examples(metric, len(classes)) for name, metric in measured.items()}


def _cluster_split(context: EvalContext, hidden: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return clusters and classes of the evaluated examples whose class is known, and that have a view not hidden."""
    clusters, classes = [], []
    for batch in context.eval_split.batches(context.batch_size):
        assert batch.y is not None
        is_known = (batch.y.cpu() >= 0) & has_other_views(context, batch.x, hidden)
        clusters.append(context.model.cluster(without_views(context, batch.x, hidden)).argmax(1).cpu()[is_known])
        classes.append(batch.y.cpu()[is_known])
    return torch.cat(clusters).numpy(), torch.cat(classes).numpy()


def _undefined_metrics(reason: str) -> dict[str, Metric]:
    return {name: Metric(None, "", "", note=reason) for name in NAMES.values()}


def _count_pairs(classes: np.ndarray, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return how many examples of each class (rows) are in each cluster (columns)."""
    labels, rows = np.unique(classes, return_inverse=True)
    contingency = np.zeros((len(labels), n_clusters), dtype=int)
    np.add.at(contingency, (rows, clusters), 1)
    return contingency
