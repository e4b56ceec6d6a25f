"""Imputation: missing cells filled by a model of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from torch import Tensor

from elbowroom import noise
from elbowroom.latent.imputation import impute
from elbowroom.sklearn.estimator import Estimator


@dataclass(kw_only=True, eq=False, repr=False)
class Imputer(OneToOneFeatureMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """A recipe as an imputer: missing cells of a table are filled, all others stay as they are.

    The parameters are those of :class:`Estimator`, and:

    Args:
        n_draws: draws of the missing cells given the others, of which a cell gets the mean, or the most frequent
            category.

    >>> import numpy as np
    >>> import elbowroom as er
    >>> x = np.random.default_rng(0).normal(size=(300, 1))
    >>> X = np.hstack([x, x + 1, -x])
    >>> X[0, 1] = np.nan
    >>> filled = er.sklearn.Imputer(latent=2, epochs=5, random_state=0).fit_transform(X)
    >>> bool(np.isnan(filled).any()), bool(filled[0, 0] == X[0, 0])
    (False, True)
    """

    n_draws: int = 100

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Estimator._parameter_constraints,
        "n_draws": [Interval(Integral, 1, None, closed="left")],
    }

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Return examples with their missing cells filled by the mean, or mode, of ``n_draws`` draws.

        Args:
            X: examples of a table, a data frame or an array.
        """
        X, x = self._encode_table(X)  # noqa: N806
        draws = self._draw_missing(x, self.n_draws, self.seed_)
        return self._complete(X, self._summarize(draws))

    def sample_completions(self, X: Any, n: int | None = None, random_state: Any = None) -> list[Any]:  # noqa: N803
        """Return several completions of examples, each with other draws, for multiple imputation.

        Args:
            X: examples of a table.
            n: how many; ``n_draws`` if not given.
            random_state: seed of the draws; None for others each time.
        """
        X, x = self._encode_table(X)  # noqa: N806
        seed = int(np.random.default_rng(random_state).integers(2**31))
        return [self._complete(X, draw) for draw in self._draw_missing(x, n or self.n_draws, seed)]

    def _encode_table(self, X: Any) -> tuple[Any, Tensor]:  # noqa: N803
        """Return the rows of a table as they are given, after the checks, and encoded."""
        X = self._check_input(X)  # noqa: N806
        if not self.input_format_.is_table:
            raise ValueError(
                "missing cells are those of a table: give a data frame or an array (N, D), and no likelihood for the "
                "default, that of columns"
            )
        return X, self._encode_checked(X)

    def _draw_missing(self, x: Tensor, n: int, seed: int) -> Tensor:
        """Return draws of encoded rows, (n, N, D), in which the cells that are there are kept."""
        parts = []
        for batch in self._batches(x):
            with noise.seeded_rng(seed), noise.keyed_noise(seed, batch.index):
                parts.append(impute(self.trained_.precise_model, batch.x, draws=n))
        return torch.cat(parts, 1)

    def _summarize(self, draws: Tensor) -> Tensor:
        """Return the mean of draws, (n, N, D) to (N, D); of categories the most frequent one."""
        is_category = torch.tensor(["categories" in column for column in self.trained_.record["data"]["columns"]])
        return torch.where(is_category, draws.mode(0).values, draws.mean(0))

    def _complete(self, X: Any, x: Tensor) -> Any:  # noqa: N803
        """Return examples in their own form, with what is missing taken from encoded rows."""
        return self.input_format_.complete(X, x, self.trained_.record["data"])
