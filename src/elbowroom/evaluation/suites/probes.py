"""What simple methods find in the codes: a linear classifier, the nearest neighbours, k-means."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from elbowroom.data import Split, freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite

#: Numbers in the codes that a method is fitted to, at most: 3,000 codes of 1,280 numbers, or 200,000 of 20.
MAX_LATENT_NUMBERS = 4_000_000
#: Neighbours that vote.
N_NEIGHBORS = 5
#: Resamplings of the examples behind the standard error of a clustering.
BOOTSTRAP_SAMPLES = 200


@suite("codes", "what simple methods find in the codes: classes by line, by neighbour, by cluster")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Accuracies of a linear probe and of neighbours fitted to training codes; agreement of k-means with the classes.

    A code is the posterior mean. Probe and neighbours are fitted to the codes of the training split.
    """
    first = next(context.eval_split.batches(1)).y
    if first is None or first.dim() > 1 or first.is_floating_point():
        why = "the data has no labels" if first is None else "the labels are attributes, not classes"
        return {name: Metric(None, "", "", note=why) for name in (*PROBES, *AGREEMENTS)}
    x, y = _encode_split(context, context.eval_split)
    classes = len(np.unique(y))
    if classes < 2:
        why = "every example is of one class"
        return {name: Metric(None, "", "", note=why) for name in (*PROBES, *AGREEMENTS)}
    return _probe_metrics(context, x, y) | _clustering_metrics(x, y, classes, context.seed)


def _encode_split(context: EvalContext, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, D) and classes (N,) of a split, or of as many of its examples as there is room for."""
    model, size = context.model, int(np.prod(context.model.latent_shape))
    batches = random_batches(split, max(1, MAX_LATENT_NUMBERS // size), context.seed, batch_size=context.batch_size)
    found = [(model.encode(batch.x, batch.y).flatten(1).cpu(), batch.y) for batch in batches]
    x, y = torch.cat([x for x, _ in found]), torch.cat([y.cpu() for _, y in found if y is not None])
    return x.double().numpy(), y.numpy()


def _probe_metrics(context: EvalContext, x: np.ndarray, y: np.ndarray) -> dict[str, Metric]:
    if context.split_name == "train":
        note = "fitted to the training split, so not judged on it: choose another split"
        return {name: Metric(None, "share", "", note=note) for name in PROBES}
    device = next(context.model.parameters()).device
    x_train, y_train = _encode_split(context, freeze(context.data.train, context.seed).to(device))
    found = {}
    for name, (method, how) in PROBES.items():
        fitted, warning = _fit_with_warning(method(), x_train, y_train)
        right = torch.from_numpy(fitted.predict(x) == y)
        found[name] = mean_metric(right, "share", f"{how}; fitted to {len(x_train):,} training codes", note=warning)
    return found


def _fit_with_warning(estimator: Any, *data: np.ndarray) -> tuple[Any, str | None]:
    """The method fitted, and what scikit-learn warned of, for the figure's note."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        estimator.fit(*data)
    return estimator, str(warned[0].message).splitlines()[0] if warned else None


def _linear_classifier() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _neighbor_classifier() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(N_NEIGHBORS)


#: Classifiers of codes by the name of their accuracy.
PROBES: dict[str, tuple[Callable[[], Any], str]] = {
    "linear_probe_accuracy": (
        _linear_classifier,
        "of logistic regression on standardised codes, L2 penalty with C = 1",
    ),
    "neighbour_accuracy": (_neighbor_classifier, f"of the majority of the {N_NEIGHBORS} nearest training codes"),
}


def _clustering_metrics(x: np.ndarray, y: np.ndarray, classes: int, seed: int) -> dict[str, Metric]:
    from sklearn.cluster import KMeans

    fitted, warning = _fit_with_warning(KMeans(classes, n_init=10, random_state=seed), x)
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (np.unique(y, return_inverse=True)[1], fitted.labels_), 1)
    again = np.random.default_rng(seed).multinomial(table.sum(), table.ravel() / table.sum(), BOOTSTRAP_SAMPLES)
    found = {}
    for name, (agreement, how) in AGREEMENTS.items():
        spread = np.std([agreement(resampled.reshape(table.shape)) for resampled in again], ddof=1)
        how = f"{how}; k-means, {classes} clusters, the best of 10 starts; ± over {BOOTSTRAP_SAMPLES} resamplings"
        found[name] = Metric(agreement(table), "", how, float(spread), examples=len(x), note=warning)
    return found


def _clustering_nmi(contingency: np.ndarray) -> float:
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(*_labels_from_contingency(contingency)))


def _clustering_ari(contingency: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(*_labels_from_contingency(contingency)))


def _clustering_accuracy(contingency: np.ndarray) -> float:
    from scipy.optimize import linear_sum_assignment

    return float(contingency[linear_sum_assignment(-contingency)].sum() / contingency.sum())


def _labels_from_contingency(contingency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes and clusters of examples that make this table of how many of which class are in which cluster."""
    classes, clusters = np.indices(contingency.shape).reshape(2, -1).repeat(contingency.ravel(), axis=1)
    return classes, clusters


#: How far clusters agree with classes, from a table of how many of which class (row) are in which cluster (column).
AGREEMENTS: dict[str, tuple[Callable[[np.ndarray], float], str]] = {
    "clustering_nmi": (_clustering_nmi, "normalised mutual information with the classes"),
    "clustering_ari": (_clustering_ari, "adjusted Rand index with the classes"),
    "clustering_accuracy": (_clustering_accuracy, "share in the cluster of its class, by the best matching"),
}
