"""Checks that model, data and settings fit together, before anything is written."""

from __future__ import annotations

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


def check_settings(model: nn.Module, data: Data, config: TrainConfig, out: str | Path | None) -> None:
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
    if isinstance(model, GenerativeModel):
        check_compatible(model, data)
        if model.is_classifier:
            _check_classes(model, data)
        warn_of_scale(model, data)


def _check_classes(model: GenerativeModel, data: Data) -> None:
    """Raise ValueError if a model that learns a classifier finds no labels in the data, or such as it does not take."""
    train = data.train
    is_whole = isinstance(train, InMemorySplit | BufferedSplit)
    y = labels_of(train) if isinstance(train, InMemorySplit | BufferedSplit) else train.first(1).y
    n = model.n_labels
    if y is None:
        raise ValueError(
            f"the model learns classes from labels, and {data.name} has none: give data with labels, or train vae"
        )
    if y.dim() == 1 and not y.is_floating_point():
        found = int(y.max()) + 1 if is_whole else len(data.classes or ())
        if found > n:
            raise ValueError(
                f"{data.name} has {found} classes, and the model was made for {n}: make it for as many, as with "
                f"--labels {found}"
            )
    elif not model.learns_attributes:
        raise ValueError(
            f"the model takes one class of each example, and the labels of {data.name} are {y[0].numel()} values of "
            "each: give data with classes as labels, or train ccvae for attributes, vae without labels"
        )


def describe_held_out_bound(model: nn.Module, data: Data, watch: Sequence[str]) -> str | None:
    """Return in words how the losses of training and of held-out examples differ; None where they are of one bound.

    A model that has the class as a latent bounds log p(x, y) of examples whose label is known, and log p(x) of others:
    where only training hides labels, the one loss says nothing about the other.
    """
    if not (isinstance(model, GenerativeModel) and model.is_classifier):
        return None
    hidden = _unknown_share(data.train)
    others = [name for name in watch if _unknown_share(getattr(data, name)) < hidden]
    if not others:
        return None
    return (
        f"the loss of {' and '.join(others)} bounds log p(x, y), as labels are known there, and that of training "
        f"log p(x) of the {hidden:.1%} of its examples whose label is hidden: compare each with itself alone"
    )


def _unknown_share(split: Split | None) -> float:
    """Return the share of examples whose label is not known; 1 where that cannot be told."""
    y = labels_of(split) if isinstance(split, InMemorySplit | BufferedSplit) else None
    if y is None:
        return 1.0
    is_unknown = y.isnan().reshape(len(y), -1).any(1) if y.is_floating_point() else y.reshape(len(y), -1).lt(0).any(1)
    return float(is_unknown.double().mean())
