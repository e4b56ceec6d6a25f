"""Clustering: examples by the components of a mixture prior."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClusterMixin
from sklearn.utils._param_validation import Interval
from torch import Tensor

from elbowroom.data import Data
from elbowroom.recipes.registry import find
from elbowroom.sklearn.vae import VAE

#: The argument of a recipe that is the number of its clusters.
CLUSTERS_ARGUMENT = "clusters"
#: Widths of the hidden layers for a table, of which the paper's 500, 500, 2000 would learn the rows by heart.
TABLE_WIDTHS = (128, 128)


@dataclass(kw_only=True, eq=False, repr=False)
class Clusterer(ClusterMixin, VAE):  # type: ignore[misc]
    """A recipe whose prior is a mixture, as a clusterer: each component is a cluster.

    It is a :class:`VAE` too: with latents, densities and new examples. Clusters are numbered by their size among the
    training examples; those that none of them is in come last.

    The parameters are those of :class:`VAE`, and:

    Args:
        n_clusters: number of components of the prior.

    >>> import numpy as np
    >>> import elbowroom as er
    >>> X = np.concatenate([np.random.default_rng(i).normal(10 * i, 1, size=(30, 2)) for i in range(2)])
    >>> few = {"pretraining": 100, "hidden": (16,)}
    >>> clusterer = er.sklearn.Clusterer(n_clusters=2, latent=2, epochs=5, recipe_options=few, random_state=0)
    >>> len(set(clusterer.fit_predict(X)[:30]))
    1
    """

    recipe: str = "vade"
    n_clusters: int = 8

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **VAE._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
    }
    _saved_attributes: ClassVar[tuple[str, ...]] = (*VAE._saved_attributes, "labels_", "cluster_order_")

    def predict(self, X: Any) -> Any:
        """Return the most probable cluster of each example, (N,).

        Args:
            X: examples.
        """
        return self.predict_proba(X).argmax(1)

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each cluster for examples, (N, n_clusters).

        Args:
            X: examples.
        """
        return self._responsibilities(self._encode(X))[:, self.cluster_order_]

    def _complete_fit(self, X: Any, data: Data) -> None:
        """Number the clusters by their size, and label the training examples."""
        probabilities = self._responsibilities(self._encode_checked(X))
        sizes = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
        self.cluster_order_ = np.argsort(-sizes, kind="stable")
        self.labels_ = probabilities[:, self.cluster_order_].argmax(1)

    def _responsibilities(self, x: Tensor) -> Any:
        model = self.trained_.precise_model
        return torch.cat([model.cluster(batch.x) for batch in self._batches(x)]).numpy()

    def _recipe_arguments(self) -> dict[str, Any]:
        known = find(self.recipe).arguments
        if CLUSTERS_ARGUMENT not in known:
            raise ValueError(f"the recipe {self.recipe} has no clusters: choose vade or gm_vae")
        own: dict[str, Any] = {CLUSTERS_ARGUMENT: self.n_clusters}
        if self.input_format_.is_table and "hidden" in known:
            own["hidden"] = TABLE_WIDTHS
        return own | super()._recipe_arguments()
