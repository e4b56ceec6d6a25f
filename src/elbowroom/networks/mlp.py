"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from elbowroom import errors
from elbowroom.networks.inputs import concatenate_inputs, input_layers, normalize_shapes


class GatedLinear(nn.Sequential):
    """A linear layer times a sigmoid gate: the hidden layer of Tomczak & Welling 2018, arXiv 1705.07120."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Linear(inputs, 2 * outputs), nn.GLU())


def _layer_factory(activation: Callable[[], nn.Module]) -> Callable[[int, int], nn.Module]:
    return lambda inputs, outputs: nn.Sequential(nn.Linear(inputs, outputs), activation())


#: Hidden layers, by the name of their activation.
ACTIVATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "relu": _layer_factory(nn.ReLU),
    "leaky-relu": _layer_factory(nn.LeakyReLU),
    "tanh": _layer_factory(nn.Tanh),
    "sigmoid": _layer_factory(nn.Sigmoid),
    "softplus": _layer_factory(nn.Softplus),
    "elu": _layer_factory(nn.ELU),
    "gelu": _layer_factory(nn.GELU),
    "silu": _layer_factory(nn.SiLU),
    "gated": GatedLinear,
}


class MLP(nn.Module):
    """A multilayer perceptron from one or several inputs of any shape to ``size`` outputs.

    Args:
        *shapes: the shape of each input, without batch; several are flattened and concatenated. A table's row goes
            through a :class:`CellEncoder`.
        size: the number of outputs.
        hidden: widths of the hidden layers; none makes the map affine.
        activation: a name in :data:`ACTIVATIONS`.

    Raises:
        ValueError: an unknown activation, or a width below 1.

    >>> import torch
    >>> MLP((1, 8, 8), 10, size=4)(torch.zeros(5, 1, 8, 8), torch.zeros(5, 10)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, *shapes: int | Sequence[int], size: int, hidden: Sequence[int] = (400,), activation: str = "relu"
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise errors.unknown_name("activation", activation, ACTIVATIONS)
        if any(width < 1 for width in hidden):
            raise ValueError(f"hidden widths must be at least 1, got {tuple(hidden)}")
        self.shapes, self.input_layers = normalize_shapes(shapes), input_layers(shapes)
        widths = [sum(map(math.prod, self.shapes)), *hidden]
        layers = [ACTIVATIONS[activation](a, b) for a, b in pairwise(widths)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], size))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Map (..., *shape) of each input to (..., size); leading dimensions broadcast."""
        inputs = tuple(layer(x) for layer, x in zip(self.input_layers, inputs, strict=True))
        leads = [x.shape[: -len(s)] for x, s in zip(inputs, self.shapes, strict=True)]
        if all(lead == leads[0] for lead in leads):
            output: Tensor = self.layers(concatenate_inputs(inputs, self.shapes))
            return output
        return self._forward_broadcast(inputs)

    def _forward_broadcast(self, inputs: Sequence[Tensor]) -> Tensor:
        """Multiply each input by its own columns of the first weights before broadcasting: fewer products."""
        first, *later_layers = self.layers.children()
        linear, *activation = first.children() if isinstance(first, nn.Sequential) else (first,)
        assert isinstance(linear, nn.Linear)
        weights = torch.split(linear.weight, [math.prod(s) for s in self.shapes], 1)
        products = (x.flatten(-len(s)) @ w.T for x, s, w in zip(inputs, self.shapes, weights, strict=True))
        h = sum(products, linear.bias)
        for layer in (*activation, *later_layers):
            h = layer(h)
        return h
