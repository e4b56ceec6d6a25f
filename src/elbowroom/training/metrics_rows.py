"""Rows of metrics.jsonl that the loop writes: at which steps, and what is in them."""

from __future__ import annotations

import math
import time

from elbowroom.training.averages import RunningMean
from elbowroom.training.backward import DivergedError
from elbowroom.training.callback import CallbackList
from elbowroom.training.state import EPOCH, ROW, RUN, STEP, State

#: Steps between two rows of the training metrics, from a step on: dense at first, where the loss falls fastest.
ROW_INTERVALS_STEPS = ((0, 1), (100, 10), (1000, 100))


def row_interval(step: int, log_every: int | None = None) -> int:
    """Return the steps between two rows of the training metrics at a step.

    A training of any length so has at most 180 rows more than with one at every 100 steps.

    >>> [row_interval(step) for step in (1, 100, 101, 1000, 5000)], row_interval(5000, 20)
    ([1, 1, 10, 10, 100], 20)
    """
    return log_every or next(n for start, n in reversed(ROW_INTERVALS_STEPS) if step > start or not start)


class Clock:
    """A clock of the training time, that before a resumption included."""

    def __init__(self, seconds_before: float) -> None:
        self._last = time.perf_counter()
        self._start = self._last - seconds_before

    def read(self) -> tuple[float, float]:
        """Return the seconds of training in all, and since the last reading."""
        before, self._last = self._last, time.perf_counter()
        return self._last - self._start, max(self._last - before, 1e-9)


def write_row(
    state: State, hooks: CallbackList, split: str, running_mean: RunningMean, clock: Clock
) -> dict[str, float]:
    """Write a row of metrics and return its terms; nothing where the running mean has no examples.

    Raises:
        DivergedError: a term is not finite.
    """
    examples, terms = running_mean.means()
    if not examples:
        return {}
    seconds, lap = clock.read()
    _check_terms(state, split, terms)
    row = {"step": state[STEP], "epoch": state[EPOCH], "split": split, **terms, "examples": examples}
    row |= {"seconds": round(seconds, 4), "examples_per_second": round(examples / lap, 1)}
    state[RUN].log(row)
    state[ROW] = row
    hooks("row", state)
    return terms


def _check_terms(state: State, split: str, terms: dict[str, float]) -> None:
    """Raise where a term is not finite, with the steps in which it became so."""
    non_finite = [name for name, value in terms.items() if not math.isfinite(value)]
    if non_finite:
        last_row = state[ROW]["step"] if ROW in state else 0
        first = min(last_row, state[STEP]) if split == "train" else state[STEP]
        raise DivergedError(
            f"{non_finite[0]} became {terms[non_finite[0]]} between steps {first} and {state[STEP]} ({split}): "
            "lower --lr, clip the gradients (--clip 1), or look for extreme values in the data"
        )
