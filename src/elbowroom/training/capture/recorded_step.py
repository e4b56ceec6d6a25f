"""Recorded steps on the CPU: losses and gradients as one list of operations, replayed without autograd."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom import distributed
from elbowroom.data import Batch
from elbowroom.training.backward import EagerStep, check_finite
from elbowroom.training.callback import CallbackList
from elbowroom.training.step import Losses, Step

#: Eager steps before one is recorded, in which modules initialise what they make from the first batch.
EAGER_STEPS = 3
#: A shorter training is not worth the recording, which takes as long as some hundred steps of a small model.
MIN_STEPS = 1000
#: Replayed steps from one comparison with the eager step to the next.
CHECK_INTERVAL_STEPS = 1000


class RecordedStep:
    """Losses and gradients of a step: eager for the first few batches, then replayed from a recording, bit for bit.

    The forward pass and the gradients of all players are traced to the tensor operations that they consist of, which
    are then run one after the other. Python code does not run in a replay, so a step stays eager if it changes numbers
    of its modules as it runs, if it reads values, if its shapes depend on them, or if the first replay differs from
    the eager step in a single bit. Replays are compared again every :data:`CHECK_INTERVAL_STEPS`.

    Batches of another shape, as the last of an epoch may have, take an eager step. After a change of a module's
    numbers, of its mode or of a parameter's place in memory, the step is recorded anew.

    Args:
        eager: the step of the only process.

    Attributes:
        n_replayed: replays of the current recording.
    """

    def __init__(self, eager: EagerStep) -> None:
        self._eager, self._step = eager, eager.step
        self._settings = _HostSettings(eager.step)
        self._layout: list[Any] = []
        self._n_eager, self.n_replayed, self._is_refused = 0, 0, False
        self._operations: Callable[..., list[Tensor]] | None = None
        self._trained: list[nn.Parameter] = []
        self._terms: list[str] = []

    def __call__(self, batch: Batch, step_count: Tensor, share: float = 1.0) -> Losses:
        """Return the losses; every parameter of a player gets the gradient of its player's loss.

        Args:
            batch: the examples.
            step_count: steps taken before.
            share: factor of the gradients; 1 in a replay.

        Raises:
            DivergedError: a loss is not finite.
        """
        layout = [_layout(tensor) for tensor in batch]
        if self._settings.have_changed() or not self._layout:
            self._layout, self._n_eager, self.n_replayed, self._operations = layout, 0, 0, None
        if self._is_refused or share != 1 or layout != self._layout:
            return self._eager(batch, step_count, share)
        if self._operations is None:
            self._n_eager += 1
            return self._record(batch, step_count) if self._n_eager > EAGER_STEPS else self._eager(batch, step_count)
        self.n_replayed += 1
        if self.n_replayed % CHECK_INTERVAL_STEPS == 1:
            return self._check(batch, step_count)
        return self._replay(batch, step_count)

    def _record(self, batch: Batch, step_count: Tensor) -> Losses:
        """Take a step while its operations are traced."""
        from elbowroom.training.capture.operations import trace  # it imports much of torch

        traced: list[Losses] = []

        def work(*inputs: Tensor) -> list[Tensor]:
            losses = self._step(_to_batch(inputs, batch), inputs[-1])
            traced.append(losses)
            return [*losses.players.values(), *losses.terms.values(), *self._gradients(losses)]

        before = _StepState(self._step)
        try:
            self._operations = trace(work, *_inputs(batch, step_count))
        except RuntimeError:
            self._is_refused = True
        before.restore()
        self._terms = list(traced[0].terms) if traced else []
        return self._eager(batch, step_count)

    def _gradients(self, losses: Losses) -> list[Tensor]:
        """Return the gradients of all players, for the parameters that have one, laid out as autograd lays them out."""
        gradients: list[Tensor] = []
        self._trained = []
        for i, player in enumerate(self._step.players, 1):
            is_last = i == len(self._step.players)
            loss, parameters = losses.players[player.name], list(player.parameters)
            found = torch.autograd.grad(loss, parameters, retain_graph=not is_last, allow_unused=True)
            pairs = [(p, g) for p, g in zip(parameters, found, strict=True) if g is not None]
            self._trained += [parameter for parameter, _ in pairs]
            gradients += [g if g.stride() == p.stride() else torch.empty_like(p).copy_(g) for p, g in pairs]
        return gradients

    def _run(self, batch: Batch, step_count: Tensor) -> tuple[Losses, list[Tensor]]:
        """Run the recorded operations; return the losses and the gradients."""
        assert self._operations is not None
        with torch.no_grad(), _without_autocast():
            outputs = self._operations(*_inputs(batch, step_count))
        names, n = [player.name for player in self._step.players], len(self._step.players)
        n_losses = n + len(self._terms)
        terms = dict(zip(self._terms, outputs[n:n_losses], strict=True))
        return Losses(dict(zip(names, outputs, strict=False)), terms), outputs[n_losses:]

    def _replay(self, batch: Batch, step_count: Tensor) -> Losses:
        try:
            losses, gradients = self._run(batch, step_count)
        except RuntimeError:
            # A check of the inputs, as of labels; the eager one says what is wrong with them.
            self._eager(batch, step_count)
            raise
        check_finite(losses, self._step, batch, step_count)
        for parameter, gradient in zip(self._trained, gradients, strict=True):
            parameter.grad = gradient
        self._step.show_losses(losses)
        return losses

    def _check(self, batch: Batch, step_count: Tensor) -> Losses:
        """Take an eager step, and compare the replay with it in every bit."""
        before = _StepState(self._step)
        replayed, gradients = self._run(batch, step_count)
        buffers = before.restore()
        losses = self._eager(batch, step_count)
        pairs = [
            *zip(replayed.players.values(), losses.players.values(), strict=True),
            *zip(replayed.terms.values(), losses.terms.values(), strict=True),
            *zip(gradients, (p.grad for p in self._trained), strict=True),
            *zip(buffers, self._step.buffers(), strict=True),
        ]
        if not all(b is not None and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in pairs):
            self._refuse()
        return losses

    def _refuse(self) -> None:
        """Go on with eager steps."""
        self._is_refused, self._operations = True, None
        if self.n_replayed > 1:
            warnings.warn(
                "the step no longer does what was recorded of it, so a number in Python has changed since the last "
                f"comparison, up to {CHECK_INTERVAL_STEPS:,} steps ago: keep it in a tensor, or change it in a hook "
                "within the step; the training goes on with the new number",
                stacklevel=2,
            )


def can_record(device: torch.device, hooks: CallbackList, accumulate: int, steps: int) -> bool:
    """Whether steps can be recorded, and are worth it: no callback acts within one, and there are enough of them."""
    is_single_batch = distributed.world_size() == 1 and accumulate == 1
    return device.type == "cpu" and not hooks.act_within_steps() and is_single_batch and steps >= MIN_STEPS


class _HostSettings:
    """What a recording takes as fixed: numbers, words and modes of modules, and where tensors lie in memory."""

    def __init__(self, step: Step) -> None:
        kinds = (bool, int, float, str, type(None))
        modules = [vars(module) for module in step.modules()]
        self._places = [
            (values, key) for values in modules for key, value in values.items() if isinstance(value, kinds)
        ]
        self._tensors = [*step.parameters(), *step.buffers()]
        self._known: list[Any] = []

    def have_changed(self) -> bool:
        """Whether any has changed since the last call."""
        before = self._known
        self._known = [values.get(key) for values, key in self._places] + [t.data_ptr() for t in self._tensors]
        return self._known != before


class _StepState:
    """What a step changes besides gradients: the random stream and the buffers of modules."""

    def __init__(self, step: Step) -> None:
        self._buffers = list(step.buffers())
        self._values, self._rng = [b.clone() for b in self._buffers], torch.get_rng_state()

    @torch.no_grad()
    def restore(self) -> list[Tensor]:
        """Go back to the state at construction; return the buffers of before that."""
        torch.set_rng_state(self._rng)
        found = [b.clone() for b in self._buffers]
        for buffer, value in zip(self._buffers, self._values, strict=True):
            buffer.copy_(value)
        return found


def _without_autocast() -> AbstractContextManager[Any]:
    """Return a context without autocast, whose conversions are part of a recording."""
    return torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext()


def _inputs(batch: Batch, step_count: Tensor) -> list[Tensor]:
    return [tensor for tensor in (*batch, step_count) if tensor is not None]


def _to_batch(inputs: tuple[Tensor, ...], like: Batch) -> Batch:
    """Return the batch of the inputs; it has labels if the other one has."""
    return Batch(inputs[0], None if like.y is None else inputs[1], inputs[-2])


def _layout(tensor: Tensor | None) -> Any:
    return tensor if tensor is None else (tensor.shape, tensor.stride(), tensor.dtype)
