"""The callback protocol: hooks of the training loop, and decorators that make a function a callback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from elbowroom import distributed
from elbowroom.deprecation import warn_renamed
from elbowroom.training.budget import BUDGET
from elbowroom.training.state import EPOCH, STEP, State

#: Hooks, in the order in which one step, and then one epoch, calls them.
HOOKS = (
    "start",
    "batch",
    "forward",
    "loss",
    "backward",
    "step",
    "row",
    "validation_batch",
    "validation",
    "epoch",
    "checkpoint",
    "end",
    "close",
)

#: Hooks inside a step; a callback with one of them keeps the step from being captured in a CUDA graph.
IN_STEP_HOOKS = ("batch", "forward", "loss", "backward")

#: Hooks of a monitor that the loop may leave out.
MONITOR_HOOKS = ("validation", "epoch")


class Callback:
    """Base class of callbacks: override the hooks you want; each gets the :class:`State`. Others cost nothing.

    A callback whose attributes must survive a resumption returns them from :meth:`state_dict`.

    Attributes:
        is_on_every_rank: whether every process of a distributed training calls it, or the main process alone. One that
            changes the training must run on every rank; one that only reads and writes files need not.
        is_monitor: whether it only looks, so that the loop may leave out its hooks ``validation`` and ``epoch`` to stay
            within ``max_overhead``, save at the last step. They come between the hooks ``validation`` and ``epoch`` of
            other callbacks, in the main process, with a random state of their own.
        sees_first_epoch: whether a monitor's hooks are called after the first epoch too, unless ``max_overhead`` is 0.

    >>> class Stop(Callback):
    ...     def row(self, state):
    ...         if state[ROW]["loss"] < 200:
    ...             state[STOP] = "good enough"
    """

    is_on_every_rank = True
    is_monitor = False
    sees_first_epoch = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "everywhere" in vars(cls):
            warn_renamed("Callback.everywhere", "Callback.is_on_every_rank")
            cls.is_on_every_rank = vars(cls)["everywhere"]

    def start(self, state: State) -> None:
        """Before the first step of this process."""

    def batch(self, state: State) -> None:
        """After a batch was loaded: ``state[BATCH]``, which may be replaced."""

    def forward(self, state: State) -> None:
        """After the model's forward pass: ``state[DRAW]``. Also in validation."""

    def loss(self, state: State) -> None:
        """After the loss was computed: ``state[LOSS]``, to which may be added. Also in validation.

        Where encoder and decoder are players of their own (:class:`elbowroom.Players`), after each of their losses.
        """

    def backward(self, state: State) -> None:
        """After the backward pass: every parameter has its gradient, which may be changed."""

    def step(self, state: State) -> None:
        """After every optimiser step."""

    def row(self, state: State) -> None:
        """After a row was written to the metrics: ``state[ROW]``."""

    def validation_batch(self, state: State) -> None:
        """After a batch of a watched split was evaluated."""

    def validation(self, state: State) -> None:
        """After the watched splits were evaluated: ``state[METRICS]``, by split."""

    def epoch(self, state: State) -> None:
        """After an epoch and its validation."""

    def checkpoint(self, state: State) -> None:
        """After a checkpoint was written."""

    def end(self, state: State) -> None:
        """After the last step, also where the training was stopped early; not after an error."""

    def close(self, state: State) -> None:
        """Last of all, also after an error."""

    def is_due(self, state: State) -> bool:
        """Whether a monitor is to look after this epoch, if the budget allows it; at the last step it always does."""
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: tensors, and values that JSON can hold."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""


class CallbackList:
    """The callbacks of a training, indexed by hook."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self.callbacks = list(callbacks)
        is_main = distributed.is_main_process()
        active = [c for c in self.callbacks if is_main or (c.is_on_every_rank and not c.is_monitor)]
        self._monitors = [callback for callback in active if callback.is_monitor]
        self._monitored: dict[Any, int] = {}
        called = {name: [c for c in active if not (c.is_monitor and name in MONITOR_HOOKS)] for name in HOOKS}
        self._by_name = {name: [getattr(c, name) for c in called[name] if has_hook(c, name)] for name in HOOKS}

    def __call__(self, name: str, state: State) -> None:
        """Call every callback that has the hook ``name``."""
        for hook in self._by_name[name]:
            hook(state)

    def monitor(self, state: State, names: Sequence[str], is_last: bool) -> None:
        """Call these hooks of every due monitor that the budget allows; at the last step, of all. Each once a step."""
        for callback in self._monitors:
            hooks = [getattr(callback, name) for name in names if has_hook(callback, name)]
            hooks = [hook for hook in hooks if self._monitored.get(hook) != state[STEP]]
            if hooks and (is_last or _may_look(callback, state)):
                with state[BUDGET].charge(callback), torch.random.fork_rng():
                    for hook in hooks:
                        hook(state)
                        self._monitored[hook] = state[STEP]

    def has_hook(self, name: str) -> bool:
        """Whether any callback has the hook ``name``."""
        return bool(self._by_name[name])

    def act_within_steps(self) -> bool:
        """Whether any callback acts inside a step, which then can be neither captured nor recorded."""
        return any(map(self.has_hook, IN_STEP_HOOKS))


def _may_look(callback: Callback, state: State) -> bool:
    """Whether a monitor is due and within the budget, or sees the first epoch."""
    budget = state[BUDGET]
    is_first = callback.sees_first_epoch and state[EPOCH] == 1 and budget.share > 0
    return is_first or (callback.is_due(state) and budget.allows(callback))


def has_hook(callback: Callback, name: str) -> bool:
    """Whether a callback overrides the hook ``name``."""
    if isinstance(callback, _FilteredCallback):
        return has_hook(callback.inner, name)
    method = getattr(callback, name)
    return getattr(method, "__func__", method) is not getattr(Callback, name)


class _HookDecorators:
    """Decorators that make a function a callback: ``@on.step``, ``@on.validation``, one for every hook.

    >>> @on.step
    ... def note(state):
    ...     print(state[STEP])
    >>> isinstance(note, Callback)
    True
    """

    def __getattr__(self, name: str) -> Callable[[Callable[[State], None]], Callback]:
        if name not in HOOKS:
            raise AttributeError(f"there is no hook '{name}': choose from {', '.join(HOOKS)}")

        def make(function: Callable[[State], None]) -> Callback:
            callback = Callback()
            setattr(callback, name, function)
            return callback

        return make


on = _HookDecorators()


class _FilteredCallback(Callback):
    """A callback whose hooks are called only where a condition holds."""

    def __init__(self, inner: Callback, is_due: Callable[[str, State], bool]) -> None:
        self.inner, self.is_on_every_rank, self.is_monitor = inner, inner.is_on_every_rank, inner.is_monitor
        self.sees_first_epoch = inner.sees_first_epoch
        for name in HOOKS:
            setattr(self, name, self._guard(name, is_due))

    def _guard(self, name: str, is_due: Callable[[str, State], bool]) -> Callable[[State], None]:
        call = getattr(self.inner, name)
        return lambda state: call(state) if is_due(name, state) else None

    def is_due(self, state: State) -> bool:
        return self.inner.is_due(state)

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.inner.load_state_dict(state_dict)


def only_if(condition: Callable[[State], bool]) -> Callable[[Callback], Callback]:
    """Call a callback only where the condition holds: ``@only_if(lambda state: state[EPOCH] > 5)``."""
    return lambda callback: _FilteredCallback(callback, lambda name, state: condition(state))


def every(n: int) -> Callable[[Callback], Callback]:
    """Call a callback at every n-th step, its hooks on epochs at every n-th epoch.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"every(n) needs n of at least 1, got {n}")
    by_epoch = ("validation_batch", "validation", "epoch", "checkpoint")

    def is_due(name: str, state: State) -> bool:
        if name in ("start", "end", "close"):
            return True
        # Inside a step, STEP counts the steps before it.
        count = state[EPOCH] if name in by_epoch else state[STEP] + (name in IN_STEP_HOOKS)
        return count % n == 0

    return lambda callback: _FilteredCallback(callback, is_due)


def once(callback: Callback) -> Callback:
    """Call each hook of a callback the first time only."""
    called: set[str] = set()

    def is_due(name: str, state: State) -> bool:
        first = name not in called
        called.add(name)
        return first

    return _FilteredCallback(callback, is_due)
