"""Networks that give features: a small classifier, and the features of several depths as one vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Length of the feature vector of a :class:`FeatureNetwork`.
FEATURES = 64
#: Longer sides are averaged down to this, so that the classifier trains in a minute at most.
MAX_SIDE_PX = 32


class FeatureLayers(nn.Module):
    r"""Features of several depths of a network as one vector, normalized so that its squared distance is perceptual.

    .. math:: f(x) = \Big( \sqrt{w_l / P_l}\; \phi_{l,p}(x) / \|\phi_{l,p}(x)\| \Big)_{l,p}

    where :math:`\phi_{l,p}(x)` are the channels at position p of depth l, which has :math:`P_l` positions. So
    :math:`\| f(x) - f(y) \|^2` is the distance of Zhang et al. 2018, arXiv 1801.03924, equation 1: LPIPS with their
    backbones and learned weights; by default the mean over depths, from 0 to at most 2 where features are positive.

    Args:
        network: from examples to a sequence of maps (B, C_l, ...), the finest first.
        weights: of the channels of each depth, (C_l,) each; one over the number of depths if not given.

    >>> layers = FeatureLayers(StageOutputs(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3)))
    >>> layers(torch.rand(5, 1, 8, 8)).shape
    torch.Size([5, 272])
    """

    def __init__(self, network: Callable[[Tensor], Sequence[Tensor]], weights: Sequence[Tensor] | None = None) -> None:
        super().__init__()
        self.network = network
        self.weights = nn.ParameterList(weights or []).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        maps = [F.normalize(phi, dim=1).flatten(2) for phi in self.network(x)]
        scaled = [phi / phi.shape[-1] ** 0.5 for phi in maps]
        if not len(self.weights):
            return torch.cat([phi.flatten(1) for phi in scaled], 1) / math.sqrt(len(scaled))
        weighted = [phi * w.clamp_min(0).sqrt()[:, None] for phi, w in zip(scaled, self.weights, strict=True)]
        return torch.cat([phi.flatten(1) for phi in weighted], 1)


class StageOutputs(nn.Sequential):
    """Stages one after the other, of which every one's output is returned."""

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = [x]
        for stage in self:
            outputs.append(stage(outputs[-1]))
        return outputs[1:]


class FeatureNetwork(nn.Module):
    """A small convolutional classifier whose features have mean 0 and variance 1 over the training images.

    Three convolutions and a linear layer of 64 features; the head is used in training only.

    Args:
        channels: of the images, which may have any size.
        classes: number of classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.channels = channels
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 32, 5, stride=2, padding=2), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, FEATURES)),
            nn.BatchNorm1d(FEATURES, affine=False),
        )
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        if max(x.shape[-2:]) > MAX_SIDE_PX:
            x = F.adaptive_avg_pool2d(x, (min(x.shape[-2], MAX_SIDE_PX), min(x.shape[-1], MAX_SIDE_PX)))
        features: Tensor = self.body(x)
        return features

    @property
    def stages(self) -> list[nn.Module]:
        """Each convolution with its normalization and activation."""
        return [self.body[i : i + 3] for i in (0, 3, 6)]

    def layers(self) -> FeatureLayers:
        """Return the features of the convolutions, which read images at their full size: fine detail counts."""
        return FeatureLayers(StageOutputs(*self.stages))
