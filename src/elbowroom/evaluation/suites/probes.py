"""What simple methods find in the codes: a linear classifier, the nearest neighbours, k-means."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from elbowroom.data import Split, still
from elbowroom.evaluation.metric import Metric, mean
from elbowroom.evaluation.registry import suite
from elbowroom.evaluation.some import some
from elbowroom.evaluation.subject import Subject

#: Numbers in the codes that a method is fitted to, at most: 3,000 codes of 1,280 numbers, or 200,000 of 20.
NUMBERS = 4_000_000
#: Neighbours that vote.
NEIGHBOURS = 5
#: Resamplings of the examples behind the standard error of a clustering.
BOOTSTRAPS = 200


@suite("codes", "what simple methods find in the codes: classes by line, by neighbour, by cluster")
def figures(subject: Subject) -> dict[str, Metric]:
    """Accuracies of a linear probe and of neighbours fitted to training codes; agreement of k-means with the classes.

    A code is the posterior mean. Probe and neighbours are fitted to the codes of the training split.
    """
    first = next(subject.part.batches(1)).y
    if first is None or first.dim() > 1 or first.is_floating_point():
        why = "the data has no labels" if first is None else "the labels are attributes, not classes"
        return {name: Metric(None, "", "", note=why) for name in (*PROBES, *AGREEMENTS)}
    x, y = _codes(subject, subject.part)
    classes = len(np.unique(y))
    if classes < 2:
        why = "every example is of one class"
        return {name: Metric(None, "", "", note=why) for name in (*PROBES, *AGREEMENTS)}
    return _probed(subject, x, y) | _clustered(x, y, classes, subject.seed)


def _codes(subject: Subject, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, D) and classes (N,) of a split, or of as many of its examples as there is room for."""
    model, size = subject.model, int(np.prod(subject.model.latent_shape))
    batches = some(split, max(1, NUMBERS // size), subject.seed, size=subject.batch_size)
    found = [(model.encode(batch.x, batch.y).flatten(1).cpu(), batch.y) for batch in batches]
    x, y = torch.cat([x for x, _ in found]), torch.cat([y.cpu() for _, y in found if y is not None])
    return x.double().numpy(), y.numpy()


def _probed(subject: Subject, x: np.ndarray, y: np.ndarray) -> dict[str, Metric]:
    if subject.split == "train":
        note = "fitted to the training split, so not judged on it: choose another split"
        return {name: Metric(None, "share", "", note=note) for name in PROBES}
    device = next(subject.model.parameters()).device
    x_train, y_train = _codes(subject, still(subject.data.train, subject.seed).to(device))
    found = {}
    for name, (method, how) in PROBES.items():
        fitted, warning = _fitted(method(), x_train, y_train)
        right = torch.from_numpy(fitted.predict(x) == y)
        found[name] = mean(right, "share", f"{how}; fitted to {len(x_train):,} training codes", note=warning)
    return found


def _fitted(method: Any, *data: np.ndarray) -> tuple[Any, str | None]:
    """The method fitted, and what scikit-learn warned of, for the figure's note."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        method.fit(*data)
    return method, str(warned[0].message).splitlines()[0] if warned else None


def _line() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _vote() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(NEIGHBOURS)


#: Classifiers of codes by the name of their accuracy.
PROBES: dict[str, tuple[Callable[[], Any], str]] = {
    "linear_probe_accuracy": (_line, "of logistic regression on standardised codes, L2 penalty with C = 1"),
    "neighbour_accuracy": (_vote, f"of the majority of the {NEIGHBOURS} nearest training codes"),
}


def _clustered(x: np.ndarray, y: np.ndarray, classes: int, seed: int) -> dict[str, Metric]:
    from sklearn.cluster import KMeans

    fitted, warning = _fitted(KMeans(classes, n_init=10, random_state=seed), x)
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (np.unique(y, return_inverse=True)[1], fitted.labels_), 1)
    again = np.random.default_rng(seed).multinomial(table.sum(), table.ravel() / table.sum(), BOOTSTRAPS)
    found = {}
    for name, (agreement, how) in AGREEMENTS.items():
        spread = np.std([agreement(resampled.reshape(table.shape)) for resampled in again], ddof=1)
        how = f"{how}; k-means, {classes} clusters, the best of 10 starts; ± over {BOOTSTRAPS} resamplings"
        found[name] = Metric(agreement(table), "", how, float(spread), examples=len(x), note=warning)
    return found


def _nmi(table: np.ndarray) -> float:
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(*_labels(table)))


def _ari(table: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(*_labels(table)))


def _accuracy(table: np.ndarray) -> float:
    from scipy.optimize import linear_sum_assignment

    return float(table[linear_sum_assignment(-table)].sum() / table.sum())


def _labels(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes and clusters of examples that make this table of how many of which class are in which cluster."""
    classes, clusters = np.indices(table.shape).reshape(2, -1).repeat(table.ravel(), axis=1)
    return classes, clusters


#: How far clusters agree with classes, from a table of how many of which class (row) are in which cluster (column).
AGREEMENTS: dict[str, tuple[Callable[[np.ndarray], float], str]] = {
    "clustering_nmi": (_nmi, "normalised mutual information with the classes"),
    "clustering_ari": (_ari, "adjusted Rand index with the classes"),
    "clustering_accuracy": (_accuracy, "share in the cluster of its class, by the best matching"),
}
