"""Plan of a training whose length was not asked for: its epochs, and early stopping where examples are few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from elbowroom.data import Data
from elbowroom.formatting import format_count
from elbowroom.objectives import Term
from elbowroom.runs.settings import DEFAULT_BATCH_SIZE, TrainConfig
from elbowroom.training.callback import Callback
from elbowroom.training.callbacks.kl import Warmup
from elbowroom.training.callbacks.optimization import LRSchedule
from elbowroom.training.callbacks.selection import EarlyStopping
from elbowroom.training.validate import default_batch_size

#: Epochs, where neither epochs nor steps are given.
DEFAULT_EPOCHS = 10
#: Steps that a small data set gets at least, where neither epochs nor steps are given.
MIN_DEFAULT_STEPS = 1000
#: The part of the planned epochs after which a training of few examples stops, if validation has not become better.
PATIENCE_SHARE = 0.2
#: Callbacks that need the planned length, or stop the training themselves.
LENGTH_CALLBACKS = (EarlyStopping, LRSchedule, Warmup)


class Plan(NamedTuple):
    """The length of a training.

    Attributes:
        epochs: passes over the examples; None where steps were asked for.
        callbacks: those that the plan adds.
        text: what is planned and why, in one line; None where it was asked for.
    """

    epochs: int | None
    callbacks: list[Callback]
    text: str | None


def plan_training(
    model: nn.Module, objective: Term, data: Data, config: TrainConfig, callbacks: Sequence[Callback]
) -> Plan:
    """Plan the length of a training: as asked for, else 10 epochs, or as many as make 1,000 steps.

    Few examples are so seen a hundred times and more, and a model may learn them by heart: where a validation split is
    watched, early stopping ends that, and the training ends with the best weights. There is none of it where the loss
    is not that of one player, which need not fall, or where a callback of the user's needs the whole length.
    """
    batches = _describe_batches(data, config)
    if config.epochs or config.steps:
        return Plan(config.epochs, [], batches)
    per_epoch = data.train.steps(config.batch_size or default_batch_size(data))
    epochs = max(DEFAULT_EPOCHS, math.ceil(MIN_DEFAULT_STEPS / per_epoch))
    if epochs == DEFAULT_EPOCHS:
        return Plan(epochs, [], batches)
    steps = format_count(epochs * per_epoch, "step")
    text = f"{epochs:,} epochs are planned, {steps}, as an epoch has only {format_count(per_epoch, 'step')}"
    text = f"{batches}; {text}" if batches else text
    if not _can_stop(model, objective, data, config, callbacks):
        return Plan(epochs, [], text)
    patience = math.ceil(PATIENCE_SHARE * epochs)
    return Plan(
        epochs,
        [EarlyStopping(patience)],
        f"{text}; it stops when the validation loss has not fallen for {patience} of them, and keeps the best weights",
    )


def _describe_batches(data: Data, config: TrainConfig) -> str | None:
    """Return a line on a batch size that nobody asked for and that is not the usual one."""
    size = default_batch_size(data)
    if config.batch_size or size == DEFAULT_BATCH_SIZE:
        return None
    return f"each batch has all {size} training examples, as there are fewer than {DEFAULT_BATCH_SIZE}"


def _can_stop(
    model: nn.Module, objective: Term, data: Data, config: TrainConfig, callbacks: Sequence[Callback]
) -> bool:
    """Whether the validation loss may end the training early."""
    is_validated = data.validation is not None and "validation" in config.watch
    needs_length = any(isinstance(callback, LENGTH_CALLBACKS) for callback in callbacks)
    return is_validated and not needs_length and len(objective.players(model)) == 1
