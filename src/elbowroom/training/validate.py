"""Checks that model, data and settings fit together, before anything is written."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from elbowroom import distributed
from elbowroom.data import Data, LoaderSplit, Split
from elbowroom.data.class_subset import labels_of
from elbowroom.data.pairs import pair_training_examples
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.evaluation import check_compatible, warn_of_scale
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives.term import LabelSummary, Term
from elbowroom.runs.settings import DEFAULT_BATCH_SIZE, TrainConfig


def default_batch_size(data: Data, size: int = DEFAULT_BATCH_SIZE) -> int:
    """Return the examples per step where they are not given: 128 or what a recipe has, or all of a smaller set."""
    return size if isinstance(data.train, LoaderSplit) else min(size, len(data.train))


def training_split(model: nn.Module, data: Data) -> Split:
    """Return the examples to train on: in pairs, where the model learns from such.

    Raises:
        ValueError: the data cannot be paired.
    """
    is_paired = isinstance(model, GenerativeModel) and model.learns_from_pairs
    return pair_training_examples(data) if is_paired else data.train


def check_length(config: TrainConfig) -> None:
    """Raise ValueError if the length of a training is given twice."""
    if config.epochs and config.steps:
        raise ValueError(f"both epochs ({config.epochs}) and steps ({config.steps}) were given: give one of them")


def check_settings(model: nn.Module, objective: Term, data: Data, config: TrainConfig, out: str | Path | None) -> None:
    """Check that a training can work.

    Raises:
        ValueError: it cannot; says in one line what is wrong, where, and what to do.
    """
    batch_size = config.batch_size or default_batch_size(data)
    check_length(config)
    if not isinstance(data.train, LoaderSplit) and batch_size > len(data.train):
        raise ValueError(
            f"batch size {batch_size} is larger than the {len(data.train)} training examples: "
            f"use --batch-size {len(data.train)} or less"
        )
    if batch_size < distributed.world_size():
        raise ValueError(
            f"batch size {batch_size} for {distributed.world_size()} processes leaves some without an example: "
            "give a larger one"
        )
    if out is None and distributed.can_restart():
        raise ValueError("torchrun may start this training again, which then must find its run: give --out DIR")
    if config.final_weights == "best" and (data.validation is None or "validation" not in config.watch):
        raise ValueError("there are no best weights without a watched validation split: leave --final-weights best out")
    training_split(model, data)
    find_labels = functools.cache(lambda: _find_labels(data))
    if isinstance(model, GenerativeModel):
        check_compatible(model, data)
        if model.is_classifier or model.requires_labels:
            _check_labels(model, find_labels())
        warn_of_scale(model, data)
    objective.check_labels(find_labels)


def _find_labels(data: Data) -> LabelSummary:
    """Return what labels the training examples have."""
    train = data.train
    is_whole = isinstance(train, InMemorySplit | BufferedSplit)
    y = labels_of(train) if isinstance(train, InMemorySplit | BufferedSplit) else train.first(1).y
    if y is None:
        return LabelSummary(data.name, "none")
    if y.dim() == 1 and not y.is_floating_point():
        named = len(data.classes or ())
        return LabelSummary(data.name, "classes", max(named, int(y.max()) + 1 if is_whole else 0) or None)
    return LabelSummary(data.name, "values", y[0].numel())


def _check_labels(model: GenerativeModel, labels: LabelSummary) -> None:
    """Raise ValueError if a model that takes labels, or learns to tell them, finds none, or others than it takes."""
    data, kind, found = labels
    n = _count_labels(model)
    if kind == "none":
        if model.requires_labels:
            model.encode_condition(None)  # raises what the model says without them
        raise ValueError(
            f"the model learns classes from labels, and {data} has none: give data with labels, or train vae"
        )
    if kind == "values" and model.is_classifier and not model.learns_attributes:
        raise ValueError(
            f"the model takes one class of each example, and the labels of {data} are {found} values of each: give "
            "data with classes as labels, or train ccvae for attributes, vae without labels"
        )
    if n is not None and found is not None and (found > n or (kind == "values" and found != n)):
        have = f"{found} classes" if kind == "classes" else f"labels of {found} values"
        raise ValueError(
            f"{data} has {have}, and the model was made for {n}: make it for as many, as with --labels {found}"
        )


def _count_labels(model: GenerativeModel) -> int | None:
    """Return how many classes or values a model takes; ``None`` for a condition that is a module of the user's own."""
    try:
        return model.n_labels
    except ValueError:
        return None


def describe_held_out_bound(model: nn.Module, data: Data, watch: Sequence[str]) -> str | None:
    """Return in words how the losses of training and of held-out examples differ; None where they are of one bound.

    A model that has the class as a latent bounds log p(x, y) of examples whose label is known, and log p(x) of others:
    where only training hides labels, the one loss says nothing about the other.
    """
    if not (isinstance(model, GenerativeModel) and model.is_classifier):
        return None
    hidden = _unknown_share(data.train)
    if hidden is None:
        return None
    shares = {name: _unknown_share(getattr(data, name)) for name in watch}
    others = [name for name, share in shares.items() if share is not None and share < hidden]
    if not others:
        return None
    return (
        f"the loss of {' and '.join(others)} bounds log p(x, y), as labels are known there, and that of training "
        f"log p(x) of the {hidden:.1%} of its examples whose label is hidden: compare each with itself alone"
    )


def _unknown_share(split: Split | None) -> float | None:
    """Return the share of examples whose label is not known; ``None`` where that cannot be told."""
    y = labels_of(split) if isinstance(split, InMemorySplit | BufferedSplit) else None
    if y is None:
        return None
    is_unknown = y.isnan().reshape(len(y), -1).any(1) if y.is_floating_point() else y.reshape(len(y), -1).lt(0).any(1)
    return float(is_unknown.double().mean())
