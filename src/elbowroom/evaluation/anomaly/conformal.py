"""Split-conformal p-values and thresholds of anomaly scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Detector:
    r"""A detector that flags high scores at a given false-positive rate, by split-conformal calibration.

    From the scores :math:`s_1, \dots, s_n` of normal examples that neither the model nor the score was fitted to,

    .. math:: p(s) = \frac{1 + \#\{i : s_i \ge s\}}{n + 1}

    is a p-value: another normal example, exchangeable with those, has :math:`p \le \alpha` with a probability of at
    most :math:`\alpha`, whatever the distribution of the scores (Vovk, Gammerman & Shafer 2005; Bates, Candès, Lei,
    Romano & Sesia 2023, arXiv 2104.08279). That holds on average over calibrations: for given n examples, the rate
    has a Beta distribution, whose standard deviation :meth:`expected_rate` returns.

    Args:
        scores: of normal examples, (n,); higher means more anomalous.

    Raises:
        ValueError: no scores, or scores that are not finite.

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
                + ": give those of held-out examples"
            )
        self._sorted_scores = scores.double().sort().values

    def __len__(self) -> int:
        return len(self._sorted_scores)

    def p_values(self, scores: Tensor) -> Tensor:
        """Return the p-value of each score, (N,) to (N,), float64."""
        below = torch.searchsorted(self._sorted_scores, scores.double().contiguous())  # #{i : s_i < s}
        return (1 + len(self) - below).double() / (len(self) + 1)

    def threshold(self, level: float) -> float:
        """Return the score above which an example is flagged: the ⌊level (n + 1)⌋-th largest of the n scores.

        Raises:
            ValueError: a level outside (0, 1), or too few examples for it.
        """
        return self._sorted_scores[-threshold_rank(level, len(self))].item()

    def flags(self, scores: Tensor, level: float) -> Tensor:
        """Return whether each score is above the threshold, that is, whether its p-value is at most the level."""
        return scores.double() > self.threshold(level)

    def expected_rate(self, level: float, n_examples: int) -> tuple[float, float]:
        """Return mean and standard deviation of the share flagged of n other normal examples (beta-binomial).

        >>> mean, deviation = Detector(torch.arange(999.0)).expected_rate(0.05, n_examples=1000)
        >>> round(mean, 4), round(deviation, 4)
        (0.05, 0.0097)
        """
        n, k = len(self), threshold_rank(level, len(self))
        mean = k / (n + 1)
        return mean, math.sqrt(mean * (1 - mean) * (n + 1 + n_examples) / (n_examples * (n + 2)))


def threshold_rank(level: float, n_examples: int) -> int:
    """Return which of the largest of n scores is the threshold of a level: ⌊level (n + 1)⌋.

    Raises:
        ValueError: a level outside (0, 1), or too few examples for it.

    >>> threshold_rank(0.05, 99)
    5
    """
    if not 0 < level < 1:
        raise ValueError(f"a level of {level:g}: expected a false-positive rate between 0 and 1, as 0.05")
    rank = math.floor(level * (n_examples + 1) + 1e-9)
    if rank < 1:
        minimum = math.ceil(1 / level - 1e-9) - 1
        raise ValueError(
            f"a level of {level:g} needs at least {minimum:,} normal examples to calibrate on, and there are "
            f"{n_examples:,}: give more, or a higher level"
        )
    return rank
