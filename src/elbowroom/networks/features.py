"""Feature extractors: frozen networks from examples to features, identified by a hash of their weights."""

from __future__ import annotations

import hashlib
import importlib
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom import errors, serialization
from elbowroom.networks.feature_layers import FeatureLayers, FeatureNetwork, StageOutputs

#: Channels of the random convolutions, depth by depth; each but the first halves the sides.
RANDOM_CHANNELS = (32, 64, 128)
#: Values on each side of zero that a weight of theirs may have.
UNIFORM_STEPS = 2**20
#: The files of torch's hub that hold the backbones of the package lpips, by the name it has for them.
LPIPS_BACKBONES = {"alex": "alexnet-*.pth", "vgg": "vgg16-*.pth", "squeeze": "squeezenet1_1-*.pth"}
FEATURES_ADVICE = (
    ": give random, a file that 'elbowroom fit-features' wrote, or lpips where that package and its weights are"
)


class Features:
    """A network from images to feature vectors, with its description and hash.

    Distances between sets of images depend on the network: they are comparable only if its hash is the same.

    Args:
        network: (B, C, H, W) to (B, D), or to anything that flattens to it; put into evaluation mode.
        description: for people; the name of the network's class if empty.

    Raises:
        ValueError: when called, if the network returns anything but vectors of finite numbers.

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
        """Return the features of all images in the batches, (N, D), float64."""
        features = torch.cat([self._extract(x) for x in batches])
        if not features.isfinite().all():
            raise ValueError(
                f"the features of {self.description} are not all finite: give a network without NaN or infinity"
            )
        return features

    def _extract(self, x: Tensor) -> Tensor:
        features = self.network.to(x.device)(x)
        if not isinstance(features, Tensor) or len(features) != len(x):
            what = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ValueError(
                f"{self.description} returns {what} for images {tuple(x.shape)}: expected one vector each, (B, D)"
            )
        return features.flatten(1).double()

    @property
    def layers(self) -> Features:
        """Those of several depths, whose squared distance is perceptual, of a :class:`FeatureNetwork`; else itself."""
        if not isinstance(self.network, FeatureNetwork):
            return self
        return Features(self.network.layers(), f"{len(self.network.stages)} depths of {self.description}")

    def save(self, path: str | Path) -> Path:
        """Write the features to a file of safetensors, for :func:`find_features`.

        Raises:
            ValueError: the network is no :class:`FeatureNetwork`, which a file can be read into.
        """
        if not isinstance(self.network, FeatureNetwork):
            raise ValueError(
                f"{self.description} cannot be kept in a file, only the features of default_features(data): in "
                "Python, give the module itself"
            )
        metadata = {"about": self.description, "hash": self.hash}
        serialization.save(Path(path), serialization.named_tensors(self.network), metadata)
        return Path(path)

    def __str__(self) -> str:
        return f"{self.description}, hash {self.hash}"


class MissingFeatures(nn.Module):
    """In place of features that cannot be read: a finished run samples without them, a training is refused.

    Args:
        reason: why they are missing, and what to do.
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(self.reason)


def hash_weights(network: nn.Module) -> str:
    """Return a hash of the names and values of all weights, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(serialization.named_tensors(network).items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def find_features(name: str, shape: Sequence[int]) -> Features:
    """Return frozen features of several depths for a perceptual distance, by name or from a file.

    Args:
        name: ``"random"``, convolutions drawn from a fixed seed; a file that ``elbowroom fit-features`` or
            :meth:`Features.save` wrote; or ``"lpips"``, ``"lpips:alex"``, ``"lpips:squeeze"``, those of Zhang et al.
            2018 (arXiv 1801.03924) where the package lpips and the weights of its backbone are installed, as nothing is
            downloaded.
        shape: of an example: an image (C, H, W), or for ``"random"`` also a series (C, T).

    Returns:
        The features; if they cannot be read, :class:`MissingFeatures` with the reason, so that a finished run is loaded
        without them.

    Raises:
        ValueError: examples of another kind.

    >>> features = find_features("random", (3, 16, 16))
    >>> features([torch.rand(2, 3, 16, 16)]).shape, features.description
    (torch.Size([2, 14336]), '3 depths of random convolutions')
    """
    if len(shape) not in (2, 3):
        raise ValueError(f"features are of images (C, H, W) or series (C, T), not of {'x'.join(map(str, shape))}")
    try:
        return _make_features(name, tuple(shape))
    except ValueError as error:
        return Features(MissingFeatures(str(error)), f"{name}, which is missing")


def _make_features(name: str, shape: tuple[int, ...]) -> Features:
    kind, _, setting = name.partition(":")
    if name == "random":
        return random_features(shape)
    if kind == "lpips":
        return _lpips_features(setting or "vgg")
    features = read_features(name)
    channels = features.network.channels
    if len(shape) != 3 or channels != shape[0]:
        raise ValueError(f"the features in {name} are of images of {channels} channels, these are {shape}")
    return features.layers


def random_features(shape: Sequence[int], channels: Sequence[int] = RANDOM_CHANNELS, seed: int = 0) -> Features:
    """Return features of random convolutions, the same for a seed and a number of channels: they see local structure.

    Weights are uniform, with the variance that keeps that of values through the layers (He et al. 2015,
    arXiv 1502.01852), as multiples of one number: bit for bit the same on every machine.

    Args:
        shape: of an example, (C, H, W) or (C, T), with values about 0 to 1.
        channels: of each depth.
        seed: of the weights.
    """
    conv: Callable[..., nn.Module] = {2: nn.Conv1d, 3: nn.Conv2d}[len(shape)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages = [
            nn.Sequential(conv(before, after, 3, stride=1 if i == 0 else 2, padding=1), nn.ReLU())
            for i, (before, after) in enumerate(zip([shape[0], *channels], channels, strict=False))
        ]
        for parameter in nn.ModuleList(stages).parameters():
            parameter.data = draw_uniform(parameter.shape)
    return Features(FeatureLayers(StageOutputs(*stages)), f"{len(channels)} depths of random convolutions")


def draw_uniform(shape: torch.Size) -> Tensor:
    """Draw a kernel (O, I, ...) that keeps the variance of values through a ReLU; zeros for a bias, (O,).

    As multiples of one number they do not depend on how a machine rounds, as those of ``torch.nn.init`` may.
    """
    fan_in = math.prod(shape[1:])
    step = math.sqrt(6 / fan_in) / UNIFORM_STEPS if len(shape) > 1 else 0.0
    return torch.randint(-UNIFORM_STEPS, UNIFORM_STEPS + 1, shape) * step


def read_features(path: str | Path) -> Features:
    """Read the features of :meth:`Features.save`.

    Raises:
        ValueError: there is no such file, it holds something else, or its weights do not have the hash on record.
    """
    if not Path(path).is_file():
        raise ValueError(f"there are no features '{path}'{FEATURES_ADVICE}")
    tensors, metadata = serialization.read(Path(path))
    if not {"body.0.weight", "head.weight"} <= tensors.keys():
        raise ValueError(f"{path} holds no features: write them by 'elbowroom fit-features --out {path}'")
    with torch.random.fork_rng(devices=[]):
        network = FeatureNetwork(tensors["body.0.weight"].shape[1], len(tensors["head.weight"]))
    serialization.load_into(network, tensors, Path(path))
    features = Features(network, metadata.get("about", ""))
    if features.hash != metadata.get("hash"):
        raise ValueError(f"{path} is damaged: its weights have not the hash that it names; write it again")
    return features


def _lpips_features(backbone: str) -> Features:
    if backbone not in LPIPS_BACKBONES:
        raise errors.unknown_name("backbone of lpips", backbone, LPIPS_BACKBONES)
    try:
        package: Any = importlib.import_module("lpips")
    except ImportError:
        raise ValueError("features lpips need a package: pip install lpips, or give other features") from None
    folder = Path(torch.hub.get_dir(), "checkpoints")
    if not any(folder.glob(LPIPS_BACKBONES[backbone])):
        raise ValueError(
            f"features lpips:{backbone} need {LPIPS_BACKBONES[backbone]} in {folder}, and nothing is downloaded here: "
            f"download it once, as by python -c \"import lpips; lpips.LPIPS(net='{backbone}')\""
        )
    model = package.LPIPS(net=backbone, verbose=False)
    weights = [lin.model[-1].weight.detach().flatten() for lin in model.lins]
    return Features(FeatureLayers(_ScaledBackbone(model.scaling_layer, model.net), weights), f"lpips:{backbone}")


class _ScaledBackbone(nn.Module):
    """The backbone of LPIPS with its scaling, from images in [0, 1]."""

    def __init__(self, scaling: nn.Module, net: nn.Module) -> None:
        super().__init__()
        self.scaling, self.net = scaling, net

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        outputs: Sequence[Tensor] = self.net(self.scaling(2 * x - 1))
        return outputs
