"""A step before the training, on copies: what callbacks on the KL would change, and what is measured."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from elbowroom.data import Batch, Data, Split
from elbowroom.data.splits.batching import preserve_rng
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives.term import Term
from elbowroom.training.callback import Callback, CallbackList
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.state import DRAW, MODEL, STEP, STEPS, State
from elbowroom.training.step import Losses, Step
from elbowroom.training.validate import training_split

#: Examples of the step.
TRIAL_EXAMPLES = 8


def require_effect(model: nn.Module, objective: Term, data: Data, callbacks: Sequence[Callback]) -> None:
    """Raise a ValueError for a warm-up or free bits by which the objective is the same, before a training begins.

    The draws of a module of your own keep no account of what they were asked for: with it nothing is tried.

    >>> import elbowroom as er
    >>> require_effect(*er.recipes.vae((1, 8, 8)), er.load_data("digits"), [er.Warmup()])
    """
    asking = [callback for callback in callbacks if isinstance(callback, Warmup | FreeBits)]
    if not asking or not isinstance(model, GenerativeModel):
        return
    state, _ = _try_step(model, objective, training_split(model, data), asking, training=True)
    for callback in asking:
        if callback.setting not in state[DRAW].settings_in_use:
            raise ValueError(callback.advice)


def validation_terms(model: GenerativeModel, objective: Term, data: Data, watch: Sequence[str]) -> list[str]:
    """Return the names of the metrics that a training writes of the validation split; none where it is not watched.

    >>> import elbowroom as er
    >>> validation_terms(*er.recipes.vae((1, 8, 8)), er.load_data("digits"), ("validation",))
    ['elbo', 'kl', 'loss', 'reconstruction']
    """
    if data.validation is None or "validation" not in watch:
        return []
    _, losses = _try_step(model, objective, data.validation, [], training=False)
    return sorted(losses.terms)


def _try_step(
    model: GenerativeModel, objective: Term, split: Split, callbacks: Sequence[Callback], training: bool
) -> tuple[State, Losses]:
    """Compute the losses of a few examples, by copies of model and objective; return where the draw is, and these."""
    state, device = State(), next(model.parameters()).device
    with preserve_rng(), torch.set_grad_enabled(training):
        x, y, index = split.first(TRIAL_EXAMPLES)
        batch = Batch(x.to(device), None if y is None else y.to(device), index.to(device))
        (state[MODEL], copied), state[STEP], state[STEPS] = copy.deepcopy((model, objective)), 0, 1
        step = Step(state[MODEL], copied, state, CallbackList(callbacks)).train(training)
        return state, step(batch, torch.tensor(0, device=device))
