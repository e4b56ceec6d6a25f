"""Budget of a training's time for validation, monitoring and checkpoints: at most a tenth, if not set otherwise."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager

from elbowroom.data import Data
from elbowroom.training.state import StateKey, state_key

#: The part of the budget that validation may take, by its estimated cost; other activities take what it leaves.
SHARED_PART = 0.8
#: The part that each other activity may take even if that is spent.
RESERVED_PART = 1 / 15
#: The cost of evaluating a batch, in training steps: a forward pass.
BATCH_COST_STEPS = 0.4
#: The cost of evaluating a split beside its batches, in training steps.
SPLIT_COST_STEPS = 0.2
#: The cost assumed for an activity that has not been measured yet.
UNKNOWN_COST_S = 0.05


class Budget:
    """The share of a training's time that may be spent on something other than its steps.

    Only what does not influence the weights asks the budget, as its answers depend on the clock: monitoring, and
    checkpoints, from any of which a resumed training reaches the same weights.

    Args:
        share: of the time since the start; at 1 everything is allowed.
        clock: returns the time in seconds.

    Attributes:
        seconds: spent so far, by activity.

    >>> times = iter([0.0, 10.0, 10.2, 11.0, 20.0])
    >>> budget = Budget(0.025, clock=lambda: next(times))
    >>> with budget.charge("images"):
    ...     pass  # from 10.0 to 10.2
    >>> budget.allows("images"), budget.allows("images")  # 0.4 s is 0.8 of 2.5 % of 20 s
    (False, True)
    """

    def __init__(self, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share, self._clock, self._start = share, clock, clock()
        self.seconds: dict[Hashable, float] = defaultdict(float)
        self._last_cost: dict[Hashable, float] = {}

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def allows(self, activity: Hashable) -> bool:
        """Whether the budget has room for an activity, at the cost that it had the last time."""
        if self.share >= 1:
            return True
        cost = self._last_cost.get(activity, UNKNOWN_COST_S)
        total = self.share * self.elapsed_s
        is_reserved = self.seconds[activity] + cost <= RESERVED_PART * total
        return is_reserved or sum(self.seconds.values()) + cost <= SHARED_PART * total

    @contextmanager
    def charge(self, activity: Hashable) -> Iterator[None]:
        """Measure the time of the context, and charge it to an activity."""
        start = self._clock()
        try:
            yield
        finally:
            self._last_cost[activity] = self._clock() - start
            self.seconds[activity] += self._last_cost[activity]


#: The budget of the training.
BUDGET: StateKey[Budget] = state_key("budget")


def plan_validation(data: Data, watch: Sequence[str], batch_size: int, share: float) -> int:
    r"""Return the epochs between validations that keep their estimated cost within the budget.

    .. math:: \lceil \sum_i (0.4\, n_i + 0.2) / (0.8\, s\, n_\text{train}) \rceil

    with the batches :math:`n_i` of the watched splits and the share :math:`s`. It does not depend on the clock, since
    the best weights and early stopping depend on which epochs are validated.
    """
    splits = [split for name in watch if (split := getattr(data, name)) is not None]
    if share >= 1 or not splits:
        return 1
    cost: float = sum(BATCH_COST_STEPS * split.steps(batch_size) + SPLIT_COST_STEPS for split in splits)
    return math.ceil(cost / (SHARED_PART * max(share, 1e-9) * data.train.steps(batch_size)))
