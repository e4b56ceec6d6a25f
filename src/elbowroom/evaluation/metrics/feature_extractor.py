"""What pictures are compared in: the outputs of a network that is on record."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import serialization
from elbowroom.data import Batch, Data, Split
from elbowroom.data.cache import cache_dir

#: How the classifier is trained; part of the name it is kept under.
CLASSIFIER_SETTINGS = {"steps": 600, "batch": 128, "rate": 3e-3, "features": 64, "calibration": 40}
#: Longer sides are brought to this by averaging, so that the classifier costs no more than a minute.
MAX_SIDE_PX = 32


class Features:
    """A network from pictures to feature vectors, and the words that say which one it is.

    Distances between sets of pictures depend on it, so figures are comparable only where its hash is the same.

    Args:
        network: (B, C, H, W) to (B, D), or to anything that flattens to it; put into evaluation mode.
        description: what it is, for people.

    Raises:
        ValueError: when pictures come out as something else than vectors of finite numbers.

    >>> import torch
    >>> pixels = Features(torch.nn.Flatten(), "pixels")
    >>> pixels([torch.zeros(2, 1, 8, 8), torch.ones(1, 1, 8, 8)]).shape, str(pixels)
    (torch.Size([3, 64]), 'pixels, hash e4a6a0577479b2b4')
    """

    def __init__(self, network: nn.Module, description: str = "") -> None:
        self.network = network.eval()
        self.description = description or type(network).__name__
        self.hash = hash_weights(network)

    @torch.no_grad()
    def __call__(self, batches: Iterable[Tensor]) -> Tensor:
        """The features of all pictures of some batches, (N, D), float64."""
        found = torch.cat([self._extract(x) for x in batches])
        if not found.isfinite().all():
            raise ValueError(
                f"the features of {self.description} are not all finite: give a network without NaN or infinity"
            )
        return found

    def _extract(self, x: Tensor) -> Tensor:
        features = self.network.to(x.device)(x)
        if not isinstance(features, Tensor) or len(features) != len(x):
            what = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ValueError(
                f"{self.description} makes {what} of pictures {tuple(x.shape)}: expected one vector each, (B, D)"
            )
        return features.flatten(1).double()

    def __str__(self) -> str:
        return f"{self.description}, hash {self.hash}"


class FeatureNetwork(nn.Module):
    """Three convolutions and a layer of features, each with mean 0 and variance 1 over the pictures it was made for.

    Args:
        channels: of the pictures; their size is free.
        classes: how many the head tells apart.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        size = CLASSIFIER_SETTINGS["features"]
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 32, 5, stride=2, padding=2), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, int(size))),
            nn.BatchNorm1d(int(size), affine=False),
        )
        self.head = nn.Linear(int(size), classes)

    def forward(self, x: Tensor) -> Tensor:
        if max(x.shape[-2:]) > MAX_SIDE_PX:
            x = F.adaptive_avg_pool2d(x, (min(x.shape[-2], MAX_SIDE_PX), min(x.shape[-1], MAX_SIDE_PX)))
        return self.body(x)


def default_features(data: Data, seed: int = 0) -> Features:
    """The features in which pictures of this data are compared: those of a classifier of its labels, if it has some.

    It is trained on the training split for 600 steps, deterministic from its seed, and kept in the user's cache under
    the fingerprint of the data. Without labels the convolutions stay random, from the same seed: they see texture and
    place of strokes, not what these mean, so distances in them show coarse faults and rank fine ones badly.

    Raises:
        ValueError: examples that are not pictures.
    """
    if len(data.shape) != 3:
        shape = "x".join(map(str, data.shape))
        raise ValueError(f"the data's examples are {shape}, not pictures (C, H, W): give features= of your own")
    place, classes = _cache_path(data, seed), _count_classes(data.train)
    network, about = FeatureNetwork(data.shape[0], max(classes, 1)), _describe_features(classes)
    if place is not None and place.is_file():
        with contextlib.suppress(ValueError):  # damaged: make it again
            tensors, said = serialization.read(place)
            serialization.load_into(network, tensors, place)
            if said.get("hash") == hash_weights(network):
                return Features(network, said.get("about", about))
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FeatureNetwork(data.shape[0], max(classes, 1))
        if classes > 1:
            _train_classifier(network, data.train, seed)
        _calibrate_batch_norm(network, data.train, seed)
    if classes > 1 and (held_out := data.validation or data.test) is not None:
        about += f", {100 * _accuracy(network, held_out):.1f} % right on held-out pictures"
    made = Features(network, about)
    if place is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the figures
            serialization.save(place, serialization.named_tensors(network), {"about": about, "hash": made.hash})
    return made


def hash_weights(network: nn.Module) -> str:
    """A short hash of all weights of a network, by name."""
    total = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(serialization.named_tensors(network).items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()


def _describe_features(classes: int) -> str:
    size = CLASSIFIER_SETTINGS["features"]
    if classes > 1:
        return f"a small classifier of the training labels ({size} numbers)"
    return f"random convolutions ({size} numbers), as there are no labels, or not all: coarse"


def _cache_path(data: Data, seed: int) -> Path | None:
    """Where the network for this data is kept; nowhere for a stream, which has no fingerprint."""
    mark = data.protocol.get("fingerprint")
    if mark is None:
        return None
    key = json.dumps([mark, data.protocol.get("preprocessing"), seed, CLASSIFIER_SETTINGS, MAX_SIDE_PX], sort_keys=True)
    return cache_dir() / "features" / f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.safetensors"


def _count_classes(split: Split) -> int:
    """How many classes the labels name; 0 where there are none, or not one for every example."""
    most = 0
    for batch in split.batches(4096):
        if batch.y is None or batch.y.dim() != 1 or batch.y.is_floating_point() or int(batch.y.min()) < 0:
            return 0
        most = max(most, int(batch.y.max()) + 1)
    return most


def _cycle_batches(split: Split, seed: int) -> Iterator[Batch]:
    """Batches without end, every round of them in another order."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in split.batches(int(CLASSIFIER_SETTINGS["batch"]), split.random_order(generator)):
            if len(batch.x) > 1:  # a single example has no variance to be normalised with
                yield batch


def _train_classifier(network: FeatureNetwork, split: Split, seed: int) -> None:
    steps = int(CLASSIFIER_SETTINGS["steps"])
    optimizer = torch.optim.Adam(network.parameters(), lr=CLASSIFIER_SETTINGS["rate"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, CLASSIFIER_SETTINGS["rate"], total_steps=steps)
    for batch in islice(_cycle_batches(split, seed), steps):
        assert batch.y is not None
        loss = F.cross_entropy(network.head(network(batch.x)), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def _calibrate_batch_norm(network: FeatureNetwork, split: Split, seed: int) -> None:
    """Set the means and variances by which layers are normalised to those of training pictures."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain average
    for batch in islice(_cycle_batches(split, seed + 1), int(CLASSIFIER_SETTINGS["calibration"])):
        network(batch.x)
    network.eval()


@torch.no_grad()
def _accuracy(network: FeatureNetwork, split: Split) -> float:
    right = [network.head(network(b.x)).argmax(1) == b.y for b in split.batches(1000)]
    return torch.cat(right).float().mean().item()
