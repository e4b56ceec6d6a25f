"""A fitted anomaly scorer: a model, a score and what it needs of normal examples, without those examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from elbowroom.data import Data, Split, freeze
from elbowroom.evaluation.anomaly.explanation import Explanation, explain_rows
from elbowroom.evaluation.anomaly.reference import Reference
from elbowroom.evaluation.anomaly.scores import SCORES, compute_scores, default_score
from elbowroom.models.base import GenerativeModel


class AnomalyScorer:
    """An anomaly score of a model, with the statistics of normal examples that it compares with.

    Args:
        model: trained.
        name: of the score.
        statistics: of normal examples, as :func:`fit_scorer` computes them; :attr:`state` of a scorer.
        record: of the data that the model was trained on; if not given, the model's own.
        samples: K, posterior samples per example.
        window: of the background of the likelihood ratio.
        seed: of the noise.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> scorer = fit_scorer(model, data, "typicality", samples=2)
    >>> again = AnomalyScorer(model, scorer.name, scorer.state, samples=2)
    >>> bool((again.score(data.test) == scorer.score(data.test)).all())
    True
    """

    def __init__(
        self,
        model: GenerativeModel,
        name: str,
        statistics: Mapping[str, Tensor] | None = None,
        record: Mapping[str, Any] | None = None,
        *,
        samples: int = 20,
        window: int = 3,
        seed: int = 0,
    ) -> None:
        SCORES.find(name)
        self.name, self.record = name, record or model.data_record
        self._reference = Reference(model, None, samples, window, seed, dict(statistics or {}))

    @property
    def state(self) -> dict[str, Tensor]:
        """The statistics of normal examples, by name: with the score's name all that makes the scorer again."""
        return dict(self._reference.statistics)

    def score(self, split: Split, batch_size: int = 100) -> Tensor:
        """Return the score of each example of a split, (N,), float64; higher means more anomalous."""
        with self._evaluation():
            return compute_scores(self._reference, freeze(split, self._reference.seed), [self.name], batch_size)[
                self.name
            ]

    def explain(self, split: Split) -> Explanation:
        """Return what each column adds to the scores of rows, and what the model expected there."""
        with self._evaluation():
            return explain_rows(self._reference.model, freeze(split, self._reference.seed), self.record)

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        """Put the model into evaluation mode, and afterwards back."""
        model = self._reference.model
        was_training = model.training
        model.eval()
        try:
            yield
        finally:
            model.train(was_training)


def fit_scorer(
    model: GenerativeModel,
    data: Data,
    score: str | None = None,
    *,
    samples: int = 20,
    window: int = 3,
    seed: int = 0,
) -> AnomalyScorer:
    """Compute the statistics of normal examples that a score needs, of validation where there is one, else of train.

    Args:
        model: trained on the data.
        data: normal examples.
        score: one of :func:`~elbowroom.anomaly_scores`; that of the kind of data if not given.
        samples: K, posterior samples per example.
        window: of the background of the likelihood ratio.
        seed: of the noise, and of the fit of the background.

    Raises:
        ValueError: an unknown score.
    """
    name = score if score not in (None, "default") else default_score(model)
    was_training = model.training
    reference = Reference(model.eval(), data, samples, window, seed)
    for statistic in SCORES.find(name).statistics:
        reference.statistic(statistic)
    model.train(was_training)
    return AnomalyScorer(model, name, reference.statistics, data.protocol, samples=samples, window=window, seed=seed)
