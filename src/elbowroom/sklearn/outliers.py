"""Outlier detection: examples that a model trained on the others finds strange."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from elbowroom.data import Data
from elbowroom.evaluation.anomaly.conformal import Detector
from elbowroom.evaluation.anomaly.explanation import Explanation
from elbowroom.evaluation.anomaly.scorer import AnomalyScorer, fit_scorer
from elbowroom.sklearn.estimator import Estimator, ValueIndexedSplit


@dataclass(kw_only=True, eq=False, repr=False)
class OutlierDetector(OutlierMixin, Estimator):  # type: ignore[misc]
    """A recipe as a detector of outliers, with a threshold that is calibrated on examples it was not trained on.

    The parameters are those of :class:`Estimator`, and:

    Args:
        method: the anomaly score, one of :func:`~elbowroom.anomaly_scores`; by default that of the kind of data.
        contamination: ``"auto"`` for the conformal threshold, which flags normal examples at the rate ``level``; or the
            share of outliers among the training examples, as many of which are flagged.
        level: the false-positive rate of the conformal threshold.
        calibration_fraction: the share of the examples that is set aside for it. Where these are too few for the level,
            the threshold is that of the training examples' scores, as for a contamination.
        samples: posterior samples for each example.

    >>> import numpy as np
    >>> import elbowroom as er
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> detector = er.sklearn.OutlierDetector(latent=2, epochs=20, random_state=0).fit(X)
    >>> detector.predict(np.array([[0.0, 0.0, 0.0], [9.0, 9.0, -9.0]]))
    array([ 1, -1])
    """

    method: str = "default"
    contamination: float | str = "auto"
    level: float = 0.05
    calibration_fraction: float = 0.25
    samples: int = 20

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Estimator._parameter_constraints,
        "method": [str],
        "contamination": [Interval(Real, 0, 0.5, closed="right"), StrOptions({"auto"})],
        "level": [Interval(Real, 0, 1, closed="neither")],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "samples": [Interval(Integral, 1, None, closed="left")],
    }
    _saved_attributes: ClassVar[tuple[str, ...]] = (
        *Estimator._saved_attributes,
        "offset_",
        "calibration_scores_",
        "method_",
        "statistics_",
    )

    def score_samples(self, X: Any) -> Any:
        """Return minus the anomaly score of each example, (N,), in its unit; lower means more anomalous.

        Args:
            X: examples.
        """
        return -self._score(self._encode(X)).numpy()

    def decision_function(self, X: Any) -> Any:
        """Return the score of each example above that of the threshold, (N,); outliers are below zero.

        Args:
            X: examples.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Any:
        """Return -1 for outliers and 1 for the others, (N,).

        Args:
            X: examples.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> Any:
        """Return the share of calibration examples at least as strange as each example, itself counted: (N,).

        Of another normal example it is at most p with a probability of at most p (:class:`~elbowroom.Detector`).

        Args:
            X: examples.
        """
        scores = torch.from_numpy(-self.score_samples(X))
        return Detector(torch.from_numpy(self.calibration_scores_)).p_values(scores).numpy()

    def explain(self, X: Any) -> Explanation:
        """Return why rows of a table are strange: the share of each value, and what the model expected there.

        Args:
            X: rows of a table.

        Returns:
            ``.shares`` (N, D) by ``.columns``, ``.expected`` (N, D), and ``.reasons()``, the same in words.

        Raises:
            ValueError: examples that are no rows.
        """
        return self._scorer().explain(ValueIndexedSplit(self._encode(X)))

    def _fit_model(self, X: Any, **settings: Any) -> None:
        """Train on the examples that are not set aside."""
        n = len(X)
        n_held_out = 0 if self.contamination != "auto" else round(self.calibration_fraction * n)
        is_conformal = np.floor(self.level * (n_held_out + 1) + 1e-9) >= 1 and n - n_held_out > 1
        order = np.random.default_rng(self._draw_seed()).permutation(n)
        held_out, trained = np.split(order, [n_held_out if is_conformal else 0])
        super()._fit_model(_take(X, np.sort(trained)), **settings)
        self._calibrate(_take(X, np.sort(held_out)) if is_conformal else X, is_conformal)

    def _calibrate(self, X: Any, is_conformal: bool) -> None:
        """Set the threshold by held-out examples, or by all that it was trained on."""
        scores = self._score(self._encode_checked(X))
        self.calibration_scores_ = scores.numpy()
        if is_conformal:
            self.offset_ = -Detector(scores).threshold(self.level)
            return
        share = self.level if self.contamination == "auto" else float(self.contamination)
        self.offset_ = float(np.percentile(-self.calibration_scores_, 100 * share))

    def _complete_fit(self, X: Any, data: Data) -> None:
        """Fit what the score compares with to the training examples."""
        method = None if self.method == "default" else self.method
        scorer = fit_scorer(self.trained_.model, data, method, samples=self.samples, seed=self.seed_)
        self.method_, self.statistics_ = scorer.name, {name: one.numpy() for name, one in scorer.state.items()}

    def _scorer(self) -> AnomalyScorer:
        model, record = self.trained_.precise_model, self.trained_.record["data"]
        statistics = {name: torch.from_numpy(one) for name, one in self.statistics_.items()}
        return AnomalyScorer(model, self.method_, statistics, record, samples=self.samples, seed=self.seed_)

    def _score(self, x: Tensor) -> Tensor:
        """Return the anomaly score of encoded examples, (N,), float64; infinity beyond all numbers."""
        return self._scorer().score(ValueIndexedSplit(x))


def _take(X: Any, rows: Any) -> Any:
    """Return some rows of a data frame or an array."""
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)
