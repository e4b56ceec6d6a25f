"""A step before the training, on copies: whether callbacks on the KL would change the objective at all."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from elbowroom.data import Batch, Data
from elbowroom.data.splits.batching import preserve_rng
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives.term import Term
from elbowroom.training.callback import Callback, CallbackList
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.state import DRAW, MODEL, STEP, STEPS, State
from elbowroom.training.step import Step
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
    state, device = State(), next(model.parameters()).device
    with preserve_rng():
        x, y, index = training_split(model, data).first(TRIAL_EXAMPLES)
        batch = Batch(x.to(device), None if y is None else y.to(device), index.to(device))
        (state[MODEL], copied), state[STEP], state[STEPS] = copy.deepcopy((model, objective)), 0, 1
        Step(state[MODEL], copied, state, CallbackList(asking))(batch, torch.tensor(0, device=device))
    for callback in asking:
        if callback.setting not in state[DRAW].settings_in_use:
            raise ValueError(callback.advice)
