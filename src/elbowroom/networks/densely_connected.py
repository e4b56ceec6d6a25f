"""A perceptron whose hidden layers see all hidden layers before them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.networks.inputs import input_layers, normalize_shapes

#: What is added to the variance of a layer before it is normalized, as in the authors' code.
NORM_EPSILON = 0.1


class DenselyConnected(nn.Module):
    r"""A perceptron with dense connections, swish and layer normalization: the encoder of RecVAE.

    .. math:: h_i = \mathrm{LayerNorm}\bigl(\mathrm{swish}(W_i h_{i-1} + b_i + \textstyle\sum_{j<i} h_j)\bigr)

    Shenbin et al. 2020, arXiv 1912.11160.

    Args:
        shape: of an example, which is flattened; a table's row goes through a :class:`CellEncoder`.
        size: the number of outputs.
        width: of each hidden layer.
        depth: the number of hidden layers.

    >>> import torch
    >>> DenselyConnected((50,), 4, width=16)(torch.zeros(5, 50)).shape
    torch.Size([5, 4])
    """

    def __init__(self, shape: Sequence[int], size: int, width: int = 600, depth: int = 5) -> None:
        super().__init__()
        (numbers,), self.input_layers = normalize_shapes((shape,)), input_layers((shape,))
        inputs = [math.prod(numbers)] + [width] * (depth - 1)
        self.layers = nn.ModuleList(nn.Linear(count, width) for count in inputs)
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=NORM_EPSILON) for _ in inputs)
        self.output = nn.Linear(width, size)

    def forward(self, x: Tensor) -> Tensor:
        h, earlier = self.input_layers[0](x).flatten(1), 0.0
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = norm(F.silu(layer(h) + earlier))
            earlier = earlier + h
        return cast(Tensor, self.output(h))
