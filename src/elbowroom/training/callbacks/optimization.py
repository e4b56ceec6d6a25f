"""Learning rates that change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LRScheduler, OneCycleLR, StepLR

from elbowroom import errors
from elbowroom.training.callback import Callback
from elbowroom.training.state import OPTIMIZERS, STEPS, State

#: Shapes of a whole run by name, from the optimiser and the number of steps.
SCHEDULES: dict[str, Callable[[Optimizer, int], LRScheduler]] = {
    "cosine": lambda optimizer, steps: CosineAnnealingLR(optimizer, steps),
    "one-cycle": lambda optimizer, steps: OneCycleLR(optimizer, float(optimizer.defaults["lr"]), steps, pct_start=0.2),
    "exponential": lambda optimizer, steps: ExponentialLR(optimizer, 0.01 ** (1 / steps)),
    "thirds": lambda optimizer, steps: StepLR(optimizer, max(1, steps // 3), 0.1),
}


class LRSchedule(Callback):
    """A schedule of torch's own for every player's learning rate, moved on after each step.

    Args:
        schedule: a name in :data:`SCHEDULES` (``cosine``, ``one-cycle``, ``exponential`` to a hundredth, ``thirds``, each
            a third of the run at a tenth of the rate before), or a function from an optimiser to a scheduler.
    """

    def __init__(self, schedule: str | Callable[[Optimizer], LRScheduler]) -> None:
        if isinstance(schedule, str) and schedule not in SCHEDULES:
            raise errors.unknown_name("rate schedule", schedule, SCHEDULES)
        self.schedule = schedule
        self._schedulers: dict[str, LRScheduler] = {}
        self._saved_state: dict[str, Any] = {}

    def start(self, state: State) -> None:  # noqa: D102
        for name, optimizer in state[OPTIMIZERS].items():
            shape = SCHEDULES[self.schedule] if isinstance(self.schedule, str) else None
            with _float_rates(optimizer):
                restored = [_group_settings(group) for group in optimizer.param_groups]
                self._schedulers[name] = shape(optimizer, state[STEPS]) if shape else self.schedule(optimizer)  # type: ignore[operator]
                if name in self._saved_state:
                    self._schedulers[name].load_state_dict(self._saved_state[name])
                    # To make a scheduler sets rates, and averages too: put back what the checkpoint had.
                    for group, then in zip(optimizer.param_groups, restored, strict=True):
                        group.update(then)

    def step(self, state: State) -> None:  # noqa: D102
        for scheduler in self._schedulers.values():
            with _float_rates(scheduler.optimizer):
                scheduler.step()

    def state_dict(self) -> dict[str, Any]:  # noqa: D102
        return {name: scheduler.state_dict() for name, scheduler in self._schedulers.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:  # noqa: D102
        self._saved_state = state_dict
        for name, scheduler in self._schedulers.items():
            scheduler.load_state_dict(state_dict[name])


@contextmanager
def _float_rates(optimizer: Optimizer) -> Iterator[None]:
    """Rates that lie on the device as numbers, for arithmetic that a checkpoint in JSON can take up exactly."""
    there = [group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, there, strict=True):
        group["lr"] = float(rate)
    yield
    for group, rate in zip(optimizer.param_groups, there, strict=True):
        if isinstance(rate, Tensor):
            group["lr"] = rate.fill_(group["lr"])


def _group_settings(group: dict[str, Any]) -> dict[str, Any]:
    """A group of an optimiser without its parameters."""
    return {key: value for key, value in group.items() if key != "params"}
