"""Probes of the latents: linear classifier, k-nearest neighbours and k-means clustering."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from elbowroom.data import Split, freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.evaluation.label_views import describe_without, find_label_views, has_other_views, without_views
from elbowroom.evaluation.metric import Metric, mean_metric, note_few_examples
from elbowroom.evaluation.registry import EvalContext, suite

#: Numbers that a probe is fitted to, at most: 3,000 latents of 1,280 dimensions, or 200,000 of 20.
MAX_LATENT_NUMBERS = 4_000_000
#: Neighbours that vote on the class.
N_NEIGHBORS = 5
#: Bootstrap samples of the examples for the standard error of a clustering metric.
BOOTSTRAP_SAMPLES = 200


@suite("probes", "how well simple methods find the classes in the latents: linear, nearest neighbours, k-means")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure the accuracy of a linear and a nearest-neighbour classifier of the latents, and k-means against classes.

    The latent of an example is its posterior mean. Classifiers are fitted to the latents of the training split. A view
    that is the class itself is left out: latents that have seen it tell the class of any model.
    """
    first = next(context.eval_split.batches(1)).y
    if first is None:
        return _undefined_metrics("the data has no labels")
    if first.dim() > 1 or first.is_floating_point():
        return _undefined_metrics("the labels are attributes, not classes")
    hidden = find_label_views(context)
    z, y = _encode_split(context, context.eval_split, hidden)
    if len(y) == 0:
        return _undefined_metrics("no example of known class has another view" if hidden else "no label is known")
    n_classes = len(np.unique(y))
    if n_classes < 2:
        return _undefined_metrics("every example is of one class")
    measured = _probe_metrics(context, z, y, hidden) | _clustering_metrics(z, y, n_classes, context.seed)
    how = describe_without(hidden)
    described = {n: replace(m, estimator=m.estimator + how) if m.estimator else m for n, m in measured.items()}
    return {name: note_few_examples(metric, len(y)) for name, metric in described.items()}


def _undefined_metrics(reason: str) -> dict[str, Metric]:
    return {name: Metric(None, "", "", note=reason) for name in (*PROBES, *AGREEMENTS)}


def _encode_split(context: EvalContext, split: Split, hidden: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return latents (N, D) and classes (N,) of a split, or of a random part that holds MAX_LATENT_NUMBERS.

    Examples whose class is not known, −1, are left out, the hidden views of all, and who has no other.
    """
    model, size = context.model, int(np.prod(context.model.latent_shape))
    batches = random_batches(split, max(1, MAX_LATENT_NUMBERS // size), context.seed, batch_size=context.batch_size)
    latents, classes = [], []
    for batch in batches:
        assert batch.y is not None
        is_known = (batch.y.cpu() >= 0) & has_other_views(context, batch.x, hidden)
        latents.append(model.encode(without_views(context, batch.x, hidden), batch.y).flatten(1).cpu()[is_known])
        classes.append(batch.y.cpu()[is_known])
    return torch.cat(latents).double().numpy(), torch.cat(classes).numpy()


def _probe_metrics(context: EvalContext, z: np.ndarray, y: np.ndarray, hidden: tuple[str, ...]) -> dict[str, Metric]:
    if context.includes_train:
        note = "fitted to the training split, so not evaluated on it: choose another split"
        return {name: Metric(None, "share", "", note=note) for name in PROBES}
    device = next(context.model.parameters()).device
    z_train, y_train = _encode_split(context, freeze(context.data.train, context.seed).to(device), hidden)
    if len(np.unique(y_train)) < 2:
        note = "fewer than two classes are known in the training split"
        return {name: Metric(None, "share", "", note=note) for name in PROBES}
    results = {}
    for name, (make_classifier, how) in PROBES.items():
        classifier, warning = _fit_with_warning(make_classifier(), z_train, y_train)
        correct = torch.from_numpy(classifier.predict(z) == y)
        how = f"{how}; fitted to {len(z_train):,} training latents"
        results[name] = mean_metric(correct, "share", how, note=warning)
    return results


def _fit_with_warning(estimator: Any, *data: np.ndarray) -> tuple[Any, str | None]:
    """Fit a scikit-learn estimator; return it with its first warning, for the metric's note."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(*data)
    return estimator, str(caught[0].message).splitlines()[0] if caught else None


def _linear_classifier() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # arrays, whatever sklearn.set_config(transform_output=) says
    scaler = StandardScaler().set_output(transform="default")
    return make_pipeline(scaler, LogisticRegression(max_iter=1000))


def _neighbor_classifier() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(N_NEIGHBORS)


#: Classifiers of latents, by the name of their accuracy.
PROBES: dict[str, tuple[Callable[[], Any], str]] = {
    "linear_probe_accuracy": (
        _linear_classifier,
        "of logistic regression on standardised latents, L2 penalty with C = 1",
    ),
    "neighbor_accuracy": (_neighbor_classifier, f"of the majority of the {N_NEIGHBORS} nearest training latents"),
}


def _clustering_metrics(z: np.ndarray, y: np.ndarray, n_classes: int, seed: int) -> dict[str, Metric]:
    from sklearn.cluster import KMeans

    clustering, warning = _fit_with_warning(KMeans(n_classes, n_init=10, random_state=seed), z)
    contingency = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(contingency, (np.unique(y, return_inverse=True)[1], clustering.labels_), 1)
    how = f"k-means, {n_classes} clusters, the best of 10 starts"
    return measure_agreement(contingency, how, seed, note=warning)


def measure_agreement(contingency: np.ndarray, how: str, seed: int, note: str | None = None) -> dict[str, Metric]:
    """Measure how clusters agree with classes, from a contingency table of classes (rows) by clusters (columns)."""
    total = int(contingency.sum())
    resampled = np.random.default_rng(seed).multinomial(total, contingency.ravel() / total, BOOTSTRAP_SAMPLES)
    results = {}
    for name, (agreement, what) in AGREEMENTS.items():
        std = np.std([agreement(counts.reshape(contingency.shape)) for counts in resampled], ddof=1)
        estimator = f"{what}; {how}; ± over {BOOTSTRAP_SAMPLES} resamplings"
        results[name] = Metric(agreement(contingency), "", estimator, float(std), examples=total, note=note)
    return results


# scikit-learn's two of labels check and count them first, which takes a hundred times as long for a table of counts.
def _clustering_nmi(contingency: np.ndarray) -> float:
    from scipy.stats import entropy

    classes, clusters = entropy(contingency.sum(1)), entropy(contingency.sum(0))
    information = classes + clusters - entropy(contingency.ravel())
    return float(max(0.0, 2 * information / (classes + clusters))) if classes + clusters else 1.0


def _clustering_ari(contingency: np.ndarray) -> float:
    """Pairs that are together in both, beyond chance (Hubert & Arabie 1985)."""
    both, classes, clusters, every = (
        float((counts * (counts - 1.0)).sum() / 2)
        for counts in (contingency, contingency.sum(1), contingency.sum(0), contingency.sum())
    )
    chance, largest = classes * clusters / every, (classes + clusters) / 2
    return (both - chance) / (largest - chance) if largest != chance else 1.0


def _clustering_accuracy(contingency: np.ndarray) -> float:
    from scipy.optimize import linear_sum_assignment

    return float(contingency[linear_sum_assignment(-contingency)].sum() / contingency.sum())


#: Agreement of clusters with classes, from a contingency table of classes (rows) by clusters (columns).
AGREEMENTS: dict[str, tuple[Callable[[np.ndarray], float], str]] = {
    "clustering_nmi": (_clustering_nmi, "normalised mutual information with the classes"),
    "clustering_ari": (_clustering_ari, "adjusted Rand index with the classes"),
    "clustering_accuracy": (_clustering_accuracy, "share in the cluster of its class, by the best matching"),
}
