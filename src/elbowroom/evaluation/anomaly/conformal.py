"""A threshold that keeps its promise: split-conformal p-values of anomaly scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Detector:
    r"""Flags what scores higher than normal examples do, at a false-positive rate that is set beforehand.

    From the scores :math:`s_1, \dots, s_n` of normal examples that no part of the model or the score has seen,

    .. math:: p(s) = \frac{1 + \#\{i : s_i \ge s\}}{n + 1}

    is a p-value: a further normal example, exchangeable with those, gets :math:`p \le \alpha` with a probability of at
    most :math:`\alpha`, whatever the distribution of the scores (Vovk, Gammerman & Shafer 2005; Bates, Candès, Lei,
    Romano & Sesia 2023, arXiv 2104.08279). That is on average over calibrations: given these n examples, the rate is
    Beta distributed around it, and :meth:`expected` says how widely.

    Args:
        scores: (n,), higher for stranger.

    Raises:
        ValueError: no scores, or some that are not finite.

    >>> detector = Detector(torch.arange(99.0))
    >>> detector.threshold(0.05), detector.p_values(torch.tensor([50.0, 94.0, 1000.0]))
    (94.0, tensor([0.5000, 0.0600, 0.0100], dtype=torch.float64))
    >>> detector.flags(torch.tensor([94.0, 94.5]), 0.05)
    tensor([False,  True])
    """

    def __init__(self, scores: Tensor) -> None:
        if scores.dim() != 1 or not len(scores) or not scores.isfinite().all():
            raise ValueError(
                f"a detector is calibrated on a row of finite scores of normal examples, got {tuple(scores.shape)}"
                + ("" if scores.isfinite().all() else " with some that are not finite")
                + ": give those of examples that were set aside"
            )
        self._sorted_scores = scores.double().sort().values

    def __len__(self) -> int:
        return len(self._sorted_scores)

    def p_values(self, scores: Tensor) -> Tensor:
        """The p-value of each score, (N,) to (N,), float64."""
        below = torch.searchsorted(self._sorted_scores, scores.double().contiguous())  # #{i : s_i < s}
        return (1 + len(self) - below).double() / (len(self) + 1)

    def threshold(self, level: float) -> float:
        """The score above which an example is flagged at this level: the ⌊level (n + 1)⌋-th largest of the n.

        Raises:
            ValueError: a level outside (0, 1), or one that so few examples cannot speak for.
        """
        return self._sorted_scores[-self._rank(level)].item()

    def flags(self, scores: Tensor, level: float) -> Tensor:
        """Whether each score is above the threshold, which is whether its p-value is at most the level."""
        return scores.double() > self.threshold(level)

    def expected_rate(self, level: float, n_examples: int) -> tuple[float, float]:
        """Mean and standard deviation of the share flagged among so many further normal examples (Beta-binomial).

        >>> mean, deviation = Detector(torch.arange(999.0)).expected_rate(0.05, judged=1000)
        >>> round(mean, 4), round(deviation, 4)
        (0.05, 0.0097)
        """
        n, k = len(self), self._rank(level)
        mean = k / (n + 1)
        return mean, math.sqrt(mean * (1 - mean) * (n + 1 + n_examples) / (n_examples * (n + 2)))

    def _rank(self, level: float) -> int:
        if not 0 < level < 1:
            raise ValueError(f"a level of {level:g}: expected a false-positive rate between 0 and 1, as 0.05")
        rank = math.floor(level * (len(self) + 1) + 1e-9)
        if rank < 1:
            need = math.ceil(1 / level - 1e-9) - 1
            raise ValueError(
                f"a level of {level:g} needs at least {need:,} normal examples to calibrate on, and there are "
                f"{len(self):,}: give more, or a higher level"
            )
        return rank
