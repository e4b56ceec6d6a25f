"""Critics: networks from examples, or latents, to logits that tell real ones from made ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from elbowroom.networks.inputs import Shape, concatenate_inputs, input_layers, normalize_shapes

#: The slope of the activation below zero, as in the networks of Radford et al. 2016 and Isola et al. 2017.
LEAK = 0.2
#: How many times the channels of the first layer the last have at most.
MAX_WIDENING = 8
#: The shortest side that strided layers leave.
MIN_SIDE = 2


class PatchCritic(nn.Module):
    """PatchGAN: a convolutional critic with a logit for each patch of an example, and spectral normalization.

    Isola et al. 2017, arXiv 1611.07004: convolutions of kernel 4 and stride 2, then two of stride 1, with leaky
    rectifiers. A logit sees 54 by 54 pixels with three strided layers. Every weight is divided by its largest singular
    value (Miyato et al. 2018, arXiv 1802.05957), which bounds how steep the critic can be.

    Deviations: spectral in place of batch normalization, so that the logits of an example do not depend on the rest of
    the batch; layers of stride 1 have kernel 3 and keep the size, so that small images have patches too; as many
    strided layers as leave a side of two.

    A vector is one patch: its layers are linear, and its critic a perceptron. Of a table's row, cells that miss count
    nothing.

    Args:
        shape: of an example or a latent: (C, H, W), (C, T), (D,), or a table's.
        *other_shapes: of further vectors, joined to the first; all are vectors then.
        width: channels of the first layer; they double up to eight times as many.
        levels: strided layers at most; of a vector, hidden layers but for one.

    Raises:
        ValueError: a shape with more than two dimensions of space, or a width or levels below 1.

    >>> import torch
    >>> PatchCritic((3, 45, 37), width=8)(torch.zeros(5, 3, 45, 37)).shape
    torch.Size([5, 1, 5, 4])
    """

    def __init__(self, shape: Shape, *other_shapes: Shape, width: int = 64, levels: int = 3) -> None:
        super().__init__()
        if width < 1 or levels < 1:
            raise ValueError(f"a critic's width and levels must be at least 1, got {width} and {levels}")
        self.shapes, self.input_layers = normalize_shapes((shape, *other_shapes)), input_layers((shape, *other_shapes))
        channels, *space = (sum(map(math.prod, self.shapes)),) if other_shapes else self.shapes[0]
        if (dims := len(space)) > 2:
            raise ValueError(f"a critic of examples of shape {self.shapes[0]}: expected (C, H, W), (C, T) or (D,)")
        n_strided = min(levels, _count_halvings(space)) if space else levels
        widths = [width * min(2**level, MAX_WIDENING) for level in range(n_strided + 1)]
        strides = [2] * n_strided + [1]
        self.layers = nn.ModuleList(
            nn.Sequential(_convolution(a, b, dims, stride), nn.LeakyReLU(LEAK))
            for (a, b), stride in zip(pairwise((channels, *widths)), strides, strict=True)
        )
        # Without a bias: within its margin the hinge loss has no gradient for one.
        self.head = _convolution(widths[-1], 1, dims, bias=False)

    def features(self, *inputs: Tensor) -> list[Tensor]:
        """Return the output of each hidden layer for inputs (B, *shape)."""
        encoded = [layer(x) for layer, x in zip(self.input_layers, inputs, strict=True)]
        features = [encoded[0] if len(encoded) == 1 else concatenate_inputs(encoded, self.shapes)]
        for layer in self.layers:
            features.append(layer(features[-1]))
        return features[1:]

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the logits of patches, (B, 1, *patches), for inputs (B, *shape); high for what looks real."""
        logits: Tensor = self.head(self.features(*inputs)[-1])
        return logits


def _count_halvings(space: Sequence[int]) -> int:
    """Return how often every side can be halved until the shortest is at :data:`MIN_SIDE`."""
    return max(0, int(math.log2(min(space) / MIN_SIDE)))


def _convolution(inputs: int, outputs: int, dims: int, stride: int = 1, bias: bool = True) -> nn.Module:
    """Make a convolution with spectral normalization: of kernel 4 that halves, or of kernel 3; or a linear layer."""
    if dims == 0:
        return spectral_norm(nn.Linear(inputs, outputs, bias))
    convolution, kernel = (nn.Conv1d, nn.Conv2d)[dims - 1], 4 if stride == 2 else 3
    return spectral_norm(convolution(inputs, outputs, kernel, stride, padding=1, bias=bias))
