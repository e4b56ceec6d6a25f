"""Callbacks on the optimiser step: learning rate schedules, gradient clipping, skipped steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LRScheduler, OneCycleLR, StepLR

from elbowroom import errors
from elbowroom.deprecation import CALLBACK_ARGUMENTS, renamed_arguments
from elbowroom.training.callback import Callback
from elbowroom.training.state import EPOCH, OPTIMIZERS, RUN, SCHEDULE_START, STEP, STEPS, State

#: Schedules over a whole run by name, from the optimiser and the number of steps.
SCHEDULES: dict[str, Callable[[Optimizer, int], LRScheduler]] = {
    "cosine": lambda optimizer, steps: CosineAnnealingLR(optimizer, steps),
    "one-cycle": lambda optimizer, steps: OneCycleLR(optimizer, float(optimizer.defaults["lr"]), steps, pct_start=0.2),
    "exponential": lambda optimizer, steps: ExponentialLR(optimizer, 0.01 ** (1 / steps)),
    "thirds": lambda optimizer, steps: StepLR(optimizer, max(1, steps // 3), 0.1),
}


class LRSchedule(Callback):
    """A torch learning rate scheduler for every player's optimiser, stepped after each training step.

    Where a run is made longer it begins anew, over the steps that are left.

    Args:
        schedule: a name in :data:`SCHEDULES` (``cosine``, ``one-cycle``, ``exponential`` to a hundredth, ``thirds``,
            each third of the run at a tenth of the rate before), or a function from an optimiser to a scheduler.

    Raises:
        ValueError: no schedule has that name.
    """

    @renamed_arguments(CALLBACK_ARGUMENTS["LRSchedule"])
    def __init__(self, schedule: str | Callable[[Optimizer], LRScheduler]) -> None:
        if isinstance(schedule, str) and schedule not in SCHEDULES:
            raise errors.unknown_name("rate schedule", schedule, SCHEDULES)
        self.schedule = schedule
        self._schedulers: dict[str, LRScheduler] = {}
        self._saved_state: dict[str, Any] = {}

    def start(self, state: State) -> None:
        for name, optimizer in state[OPTIMIZERS].items():
            with _float_rates(optimizer):
                is_new = state[STEP] == state[SCHEDULE_START]
                if is_new:
                    for group in optimizer.param_groups:
                        group["lr"] = group.get("initial_lr", group["lr"])
                restored = [_group_settings(group) for group in optimizer.param_groups]
                self._schedulers[name] = self._make_scheduler(optimizer, state[STEPS] - state[SCHEDULE_START])
                if name in self._saved_state and not is_new:
                    self._schedulers[name].load_state_dict(self._saved_state[name])
                    # Making a scheduler sets rates, and Adam's betas too: put back what the checkpoint had.
                    for group, settings in zip(optimizer.param_groups, restored, strict=True):
                        group.update(settings)

    def _make_scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        if isinstance(self.schedule, str):
            return SCHEDULES[self.schedule](optimizer, steps)
        return self.schedule(optimizer)

    def step(self, state: State) -> None:
        for scheduler in self._schedulers.values():
            with _float_rates(scheduler.optimizer):
                scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        return {name: scheduler.state_dict() for name, scheduler in self._schedulers.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved_state = state_dict
        for name, scheduler in self._schedulers.items():
            scheduler.load_state_dict(state_dict[name])


@contextmanager
def _float_rates(optimizer: Optimizer) -> Iterator[None]:
    """Turn rates on the device into Python floats within the context, which a checkpoint in JSON holds exactly."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = float(rate)
    yield
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(rate, Tensor):
            group["lr"] = rate.fill_(group["lr"])


def _group_settings(group: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a parameter group, without its parameters."""
    return {key: value for key, value in group.items() if key != "params"}


class GradientClipping(Callback):
    """Gradient clipping: scale each player's gradient down to a norm of at most ``norm``.

    Args:
        norm: the largest Euclidean norm over all of a player's parameters.
    """

    def __init__(self, norm: float) -> None:
        if not norm > 0:
            raise ValueError(f"the norm to clip gradients to must be above 0, got {norm}")
        self.norm = norm

    def backward(self, state: State) -> None:
        for optimizer in state[OPTIMIZERS].values():
            for group in optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], self.norm)


class SkipStep(Callback):
    """Skip a player's step where the norm of its gradient is above ``norm`` or not finite.

    For deep hierarchies, whose gradients are now and then a hundred times as large as usual: Child 2021, arXiv
    2011.10650. An epoch with skipped steps logs an event ``skipped`` with their number.

    Args:
        norm: the largest Euclidean norm over all of a player's parameters at which a step is taken.
    """

    def __init__(self, norm: float) -> None:
        if not norm > 0:
            raise ValueError(f"the norm above which steps are left out must be above 0, got {norm}")
        self.norm = norm
        self._skipped = 0

    def backward(self, state: State) -> None:
        for optimizer in state[OPTIMIZERS].values():
            parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            if not _global_norm([p.grad for p in parameters]) <= self.norm:
                self._skipped += 1
                for parameter in parameters:
                    parameter.grad = None

    def epoch(self, state: State) -> None:
        if self._skipped:
            event = {"event": "skipped", "step": state[STEP], "epoch": state[EPOCH], "steps": self._skipped}
            state[RUN].log(event)
        self._skipped = 0

    def state_dict(self) -> dict[str, Any]:
        return {"skipped": self._skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._skipped = int(state_dict.get("skipped", 0))


def _global_norm(gradients: list[Tensor]) -> Tensor:
    norm: Tensor = torch.stack([gradient.norm() for gradient in gradients]).norm()
    return norm
