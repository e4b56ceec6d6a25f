"""Imputation: missing cells filled by a model of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils._set_output import _get_output_config
from torch import Tensor

from elbowroom import noise
from elbowroom.latent.imputation import expect_missing, impute
from elbowroom.sklearn.estimator import CHUNK_SIZE, Estimator
from elbowroom.sklearn.input_format import convert_frame


@dataclass(kw_only=True, eq=False, repr=False)
class Imputer(OneToOneFeatureMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """A recipe as an imputer: missing cells of a table are filled, all others stay as they are.

    The recipe is ``vaeac`` by default, which is trained on filling. The parameters are those of :class:`Estimator`,
    and:

    Args:
        n_draws: draws of the latent of each example, whose importance-weighted mean a missing cell gets, or the
            category that is the most probable by them.

    >>> import numpy as np
    >>> import elbowroom as er
    >>> x = np.random.default_rng(0).normal(size=(300, 1))
    >>> X = np.hstack([x, x + 1, -x])
    >>> X[0, 1] = np.nan
    >>> filled = er.sklearn.Imputer(latent=2, epochs=5, random_state=0).fit_transform(X)
    >>> bool(np.isnan(filled).any()), bool(filled[0, 0] == X[0, 0])
    (False, True)
    """

    recipe: str = "vaeac"
    n_draws: int = 100

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Estimator._parameter_constraints,
        "n_draws": [Interval(Integral, 1, None, closed="left")],
    }

    def transform(self, X: Any) -> Any:
        """Return examples with their missing cells filled by what is expected given the others.

        That is the mean, which has the least squared error; of categories the most probable one
        (:func:`~elbowroom.latent.expect_missing`).

        Args:
            X: examples of a table, a data frame or an array.
        """
        X, x = self._encode_table(X)
        model = self.trained_.precise_model
        parts = []
        for batch in self._batches(x):
            with noise.seeded_rng(self.seed_), noise.keyed_noise(self.seed_, batch.index), torch.no_grad():
                parts.append(expect_missing(model, batch.x, samples=self.n_draws))
        filled, container = self._complete(X, torch.cat(parts)), _get_output_config("transform", self)["dense"]
        # scikit-learn makes one library's frame of another by way of an array, which has one type for all columns
        return filled if container == "default" else convert_frame(filled, container)

    def sample_completions(self, X: Any, n: int = 5, random_state: Any = None) -> list[Any]:
        """Return several completions of examples, each with other draws, for multiple imputation.

        Each is chosen from ``n_draws`` proposals by their importance weights (:func:`~elbowroom.latent.impute`).

        Args:
            X: examples of a table.
            n: how many.
            random_state: seed of the draws; None for others each time.
        """
        X, x = self._encode_table(X)
        model = self.trained_.precise_model
        with self._seed_rng(random_state), torch.no_grad():
            draws = [impute(model, part, draws=n, samples=self.n_draws) for part in torch.split(x, CHUNK_SIZE)]
        return [self._complete(X, draw) for draw in torch.cat(draws, 1)]

    def _encode_table(self, X: Any) -> tuple[Any, Tensor]:
        """Return the rows of a table as they are given, after the checks, and encoded."""
        X = self._check_input(X)
        if not self.input_format_.is_table:
            raise ValueError(
                "missing cells are those of a table: give a data frame or an array (N, D), and no likelihood for the "
                "default, that of columns"
            )
        return X, self._encode_checked(X)

    def _complete(self, X: Any, x: Tensor) -> Any:
        """Return examples in their own form, with what is missing taken from encoded rows."""
        return self.input_format_.complete(X, x, self.trained_.record["data"])
