"""The default features of image metrics: those of a small classifier of the data's labels."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.data import Batch, Data, Split
from elbowroom.data.cache import cache_dir
from elbowroom.networks.feature_layers import FEATURES, MAX_SIDE_PX, FeatureNetwork
from elbowroom.networks.features import Features, read_features

#: How the default classifier is trained; part of its cache key.
CLASSIFIER_SETTINGS = {"steps": 600, "batch": 128, "rate": 3e-3, "features": FEATURES, "calibration": 40}


def default_features(data: Data, seed: int = 0) -> Features:
    """Return the default features for images of this data: those of a classifier of its labels, if it has labels.

    The classifier, of the class or of every attribute, is trained on the training split for 600 steps, deterministic
    from its seed, and cached under the fingerprint of the data. Without labels the convolutions stay random, from the
    same seed: they respond to texture and the position of strokes, not to content, so distances show coarse faults and
    rank good models badly.

    Raises:
        ValueError: the examples are not images.
    """
    if len(data.shape) != 3:
        shape = "x".join(map(str, data.shape))
        raise ValueError(f"the data's examples are {shape}, not images (C, H, W): give features= of your own")
    path, task = _cache_path(data, seed), _label_task(data.train)
    # Made with or without a cached file: it advances torch's generator, from which samples are drawn afterwards.
    FeatureNetwork(data.shape[0], max(task.outputs, 1))
    if path is not None and path.is_file():
        with contextlib.suppress(ValueError):  # damaged: train it again
            return read_features(path)
    features = _make_features(data, task, seed)
    if path is not None:
        with contextlib.suppress(OSError):  # without a cache it is trained again next time
            path.parent.mkdir(parents=True, exist_ok=True)
            features.save(path)
    return features


def _make_features(data: Data, task: LabelTask, seed: int) -> Features:
    description = _describe_features(task)
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FeatureNetwork(data.shape[0], max(task.outputs, 1))
        if task.outputs > 1:
            _train_classifier(network, data.train, task, seed)
        _calibrate_batch_norm(network, data.train, seed)
    if task.outputs > 1 and (held_out := data.validation or data.test) is not None:
        description += f", {100 * _accuracy(network, held_out, task):.1f} % right on held-out images"
    return Features(network, description)


def _describe_features(task: LabelTask) -> str:
    size = CLASSIFIER_SETTINGS["features"]
    if task.outputs > 1:
        labels = f"{task.outputs} attributes of the training images" if task.are_attributes else "the training labels"
        return f"a small classifier of {labels} ({size} numbers)"
    return f"random convolutions ({size} numbers), as there are no labels, or not all: coarse"


def _cache_path(data: Data, seed: int) -> Path | None:
    """Return the file that the network for this data is cached in; ``None`` for a stream, which has no fingerprint."""
    fingerprint = data.protocol.get("fingerprint")
    if fingerprint is None:
        return None
    key = json.dumps(
        [fingerprint, data.protocol.get("preprocessing"), seed, CLASSIFIER_SETTINGS, MAX_SIDE_PX], sort_keys=True
    )
    return cache_dir() / "features" / f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.safetensors"


class LabelTask(NamedTuple):
    """What the default classifier learns: ``outputs`` classes, of which an example has one, or as many attributes."""

    outputs: int
    are_attributes: bool = False

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return the cross-entropy of labels, the mean over examples and attributes."""
        if self.are_attributes:
            return F.binary_cross_entropy_with_logits(logits, y.float())
        return F.cross_entropy(logits, y)

    def is_correct(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return for each example, or each of its attributes, whether the likeliest label is the right one."""
        return (logits > 0) == (y > 0.5) if self.are_attributes else logits.argmax(1) == y


def _label_task(split: Split) -> LabelTask:
    """Return what a classifier can learn; no outputs unless every example has one class, or attributes of 0 and 1."""
    count = 0
    for batch in split.batches(4096):
        y = batch.y
        if y is not None and y.dim() == 2 and bool(((y == 0) | (y == 1)).all()):
            count = y.shape[1]
        elif y is None or y.dim() != 1 or y.is_floating_point() or int(y.min()) < 0:
            return LabelTask(0)
        else:
            count = max(count, int(y.max()) + 1)
    return LabelTask(count, y is not None and y.dim() == 2)


def _cycle_batches(split: Split, seed: int) -> Iterator[Batch]:
    """Yield batches without end, each epoch in another order."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in split.batches(int(CLASSIFIER_SETTINGS["batch"]), split.random_order(generator)):
            if len(batch.x) > 1:  # batch normalisation needs two examples
                yield batch


def _train_classifier(network: FeatureNetwork, split: Split, task: LabelTask, seed: int) -> None:
    steps = int(CLASSIFIER_SETTINGS["steps"])
    optimizer = torch.optim.Adam(network.parameters(), lr=CLASSIFIER_SETTINGS["rate"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, CLASSIFIER_SETTINGS["rate"], total_steps=steps)
    for batch in islice(_cycle_batches(split, seed), steps):
        assert batch.y is not None
        loss = task.loss(network.head(network(batch.x)), batch.y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


@torch.no_grad()
def _calibrate_batch_norm(network: FeatureNetwork, split: Split, seed: int) -> None:
    """Set the running statistics of batch normalisation to averages over training images."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative average
    for batch in islice(_cycle_batches(split, seed + 1), int(CLASSIFIER_SETTINGS["calibration"])):
        network(batch.x)
    network.eval()


@torch.no_grad()
def _accuracy(network: FeatureNetwork, split: Split, task: LabelTask) -> float:
    correct: list[Tensor] = []
    for batch in split.batches(1000):
        assert batch.y is not None
        correct.append(task.is_correct(network.head(network(batch.x)), batch.y))
    return torch.cat(correct).float().mean().item()
