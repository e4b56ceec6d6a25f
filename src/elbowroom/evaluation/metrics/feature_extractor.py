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
from elbowroom.data.catalog.download import cache

#: How the classifier is trained; part of the name it is kept under.
TRAINING = {"steps": 600, "batch": 128, "rate": 3e-3, "features": 64, "calibration": 40}
#: Longer sides are brought to this by averaging, so that the classifier costs no more than a minute.
SIDE = 32


class Features:
    """A network from pictures to feature vectors, and the words that say which one it is.

    Distances between sets of pictures depend on it, so figures are comparable only where its hash is the same.

    Args:
        network: (B, C, H, W) to (B, D), or to anything that flattens to it; put into evaluation mode.
        about: what it is, for people.

    Raises:
        ValueError: when pictures come out as something else than vectors of finite numbers.

    >>> import torch
    >>> pixels = Features(torch.nn.Flatten(), "pixels")
    >>> pixels([torch.zeros(2, 1, 8, 8), torch.ones(1, 1, 8, 8)]).shape, str(pixels)
    (torch.Size([3, 64]), 'pixels, hash e4a6a0577479b2b4')
    """

    def __init__(self, network: nn.Module, about: str = "") -> None:
        self.network = network.eval()
        self.about = about or type(network).__name__
        self.hash = digest(network)

    @torch.no_grad()
    def __call__(self, batches: Iterable[Tensor]) -> Tensor:
        """The features of all pictures of some batches, (N, D), float64."""
        found = torch.cat([self._of(x) for x in batches])
        if not found.isfinite().all():
            raise ValueError(f"the features of {self.about} are not all finite: give a network without NaN or infinity")
        return found

    def _of(self, x: Tensor) -> Tensor:
        features = self.network.to(x.device)(x)
        if not isinstance(features, Tensor) or len(features) != len(x):
            what = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ValueError(
                f"{self.about} makes {what} of pictures {tuple(x.shape)}: expected one vector each, (B, D)"
            )
        return features.flatten(1).double()

    def __str__(self) -> str:
        return f"{self.about}, hash {self.hash}"


class Network(nn.Module):
    """Three convolutions and a layer of features, each with mean 0 and variance 1 over the pictures it was made for.

    Args:
        channels: of the pictures; their size is free.
        classes: how many the head tells apart.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        size = TRAINING["features"]
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 32, 5, stride=2, padding=2), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, int(size))),
            nn.BatchNorm1d(int(size), affine=False),
        )
        self.head = nn.Linear(int(size), classes)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if max(x.shape[-2:]) > SIDE:
            x = F.adaptive_avg_pool2d(x, (min(x.shape[-2], SIDE), min(x.shape[-1], SIDE)))
        return self.body(x)


def recorded(data: Data, seed: int = 0) -> Features:
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
    place, classes = _place(data, seed), _classes(data.train)
    network, about = Network(data.shape[0], max(classes, 1)), _about(classes)
    if place is not None and place.is_file():
        with contextlib.suppress(ValueError):  # damaged: make it again
            tensors, said = serialization.read(place)
            serialization.fill(network, tensors, place)
            if said.get("hash") == digest(network):
                return Features(network, said.get("about", about))
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(data.shape[0], max(classes, 1))
        if classes > 1:
            _train(network, data.train, seed)
        _calibrate(network, data.train, seed)
    if classes > 1 and (held_out := data.validation or data.test) is not None:
        about += f", {100 * _accuracy(network, held_out):.1f} % right on held-out pictures"
    made = Features(network, about)
    if place is not None:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the figures
            serialization.save(place, serialization.of(network), {"about": about, "hash": made.hash})
    return made


def digest(network: nn.Module) -> str:
    """A short hash of all weights of a network, by name."""
    total = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(serialization.of(network).items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()


def _about(classes: int) -> str:
    size = TRAINING["features"]
    if classes > 1:
        return f"a small classifier of the training labels ({size} numbers)"
    return f"random convolutions ({size} numbers), as there are no labels, or not all: coarse"


def _place(data: Data, seed: int) -> Path | None:
    """Where the network for this data is kept; nowhere for a stream, which has no fingerprint."""
    mark = data.protocol.get("fingerprint")
    if mark is None:
        return None
    key = json.dumps([mark, data.protocol.get("preprocessing"), seed, TRAINING, SIDE], sort_keys=True)
    return cache() / "features" / f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.safetensors"


def _classes(split: Split) -> int:
    """How many classes the labels name; 0 where there are none, or not one for every example."""
    most = 0
    for batch in split.batches(4096):
        if batch.y is None or batch.y.dim() != 1 or batch.y.is_floating_point() or int(batch.y.min()) < 0:
            return 0
        most = max(most, int(batch.y.max()) + 1)
    return most


def _rounds(split: Split, seed: int) -> Iterator[Batch]:
    """Batches without end, every round of them in another order."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in split.batches(int(TRAINING["batch"]), split.shuffled(generator)):
            if len(batch.x) > 1:  # a single example has no variance to be normalised with
                yield batch


def _train(network: Network, split: Split, seed: int) -> None:
    steps = int(TRAINING["steps"])
    optimizer = torch.optim.Adam(network.parameters(), lr=TRAINING["rate"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, TRAINING["rate"], total_steps=steps)
    for batch in islice(_rounds(split, seed), steps):
        assert batch.y is not None
        loss = F.cross_entropy(network.head(network(batch.x)), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def _calibrate(network: Network, split: Split, seed: int) -> None:
    """Set the means and variances by which layers are normalised to those of training pictures."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain average
    for batch in islice(_rounds(split, seed + 1), int(TRAINING["calibration"])):
        network(batch.x)
    network.eval()


@torch.no_grad()
def _accuracy(network: Network, split: Split) -> float:
    right = [network.head(network(b.x)).argmax(1) == b.y for b in split.batches(1000)]
    return torch.cat(right).float().mean().item()
