"""What may be hung on the loop, and when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from elbowroom import distributed
from elbowroom.training.state import EPOCH, STEP, State

#: In the order in which one step, and then one epoch, calls them.
HOOKS = (
    "start",
    "batch",
    "forward",
    "loss",
    "backward",
    "step",
    "row",
    "validation",
    "epoch",
    "checkpoint",
    "end",
    "close",
)

#: Those that act inside a step, and so keep it from being captured.
IN_STEP_HOOKS = ("batch", "forward", "loss", "backward")


class Callback:
    """Override the hooks you want; each gets the :class:`State`. One that is not overridden costs nothing.

    A callback with a memory that must survive a resumption puts it into :meth:`state_dict`.

    Attributes:
        is_on_every_rank: whether each of several processes that train together calls it, or the first alone. What acts on
            the training must be everywhere; what looks and writes need not.

    >>> class Stop(Callback):
    ...     def row(self, state):
    ...         if state[ROW]["loss"] < 200:
    ...             state[STOP] = "good enough"
    """

    is_on_every_rank = True

    def start(self, state: State) -> None:
        """Before the first step."""

    def batch(self, state: State) -> None:
        """A batch was loaded: ``state[BATCH]``, which may be replaced."""

    def forward(self, state: State) -> None:
        """The model drew: ``state[DRAW]``. Also in validation."""

    def loss(self, state: State) -> None:
        """The draw was scored: ``state[LOSS]``, to which may be added. Also in validation."""

    def backward(self, state: State) -> None:
        """Every parameter has its gradient, which may be changed."""

    def step(self, state: State) -> None:
        """After every optimiser step."""

    def row(self, state: State) -> None:
        """After a row was written to the metrics: ``state[ROW]``."""

    def validation(self, state: State) -> None:
        """After the watched splits were measured: ``state[FIGURES]``, by split."""

    def epoch(self, state: State) -> None:
        """After an epoch and its validation."""

    def checkpoint(self, state: State) -> None:
        """After a checkpoint was written."""

    def end(self, state: State) -> None:
        """After the last step, also of a training that was asked to stop; not after an error."""

    def close(self, state: State) -> None:
        """Last of all, also after an error."""

    def state_dict(self) -> dict[str, Any]:
        """What to remember: tensors, and values that JSON can hold."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""


class CallbackList:
    """The callbacks, sorted by what they hook."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self.callbacks = list(callbacks)
        acting = [callback for callback in self.callbacks if callback.is_on_every_rank or distributed.is_main_process()]
        self._by_name = {name: [getattr(c, name) for c in acting if has_hook(c, name)] for name in HOOKS}

    def __call__(self, name: str, state: State) -> None:
        """Call everyone who hooks ``name``."""
        for hook in self._by_name[name]:
            hook(state)

    def has_hook(self, name: str) -> bool:
        """Whether anybody hooks ``name``."""
        return bool(self._by_name[name])


def has_hook(callback: Callback, name: str) -> bool:
    """Whether a callback hooks ``name``."""
    if isinstance(callback, _FilteredCallback):
        return has_hook(callback.inner, name)
    own = getattr(callback, name)
    return getattr(own, "__func__", own) is not getattr(Callback, name)


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
    """A callback that is called only now and then."""

    def __init__(self, inner: Callback, is_due: Callable[[str, State], bool]) -> None:
        self.inner, self.is_on_every_rank = inner, inner.is_on_every_rank
        for name in HOOKS:
            setattr(self, name, self._guard(name, is_due))

    def _guard(self, name: str, is_due: Callable[[str, State], bool]) -> Callable[[State], None]:
        call = getattr(self.inner, name)
        return lambda state: call(state) if is_due(name, state) else None

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.inner.load_state_dict(state_dict)


def only_if(condition: Callable[[State], bool]) -> Callable[[Callback], Callback]:
    """Call a callback only where the condition holds: ``@only_if(lambda state: state[EPOCH] > 5)``."""
    return lambda callback: _FilteredCallback(callback, lambda name, state: condition(state))


def every(n: int) -> Callable[[Callback], Callback]:
    """Call a callback at every n-th step; its hooks on epochs, at every n-th epoch.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"every(n) needs n of at least 1, got {n}")
    by_epoch = ("validation", "epoch", "checkpoint")

    def due(name: str, state: State) -> bool:
        if name in ("start", "end", "close"):
            return True
        # Inside a step the count is of the steps before it.
        count = state[EPOCH] if name in by_epoch else state[STEP] + (name in IN_STEP_HOOKS)
        return count % n == 0

    return lambda callback: _FilteredCallback(callback, due)


def once(callback: Callback) -> Callback:
    """Call each hook of a callback the first time only."""
    called: set[str] = set()

    def due(name: str, state: State) -> bool:
        first = name not in called
        called.add(name)
        return first

    return _FilteredCallback(callback, due)
