"""Masked perceptron: the parameters of each element of a row given those before it, as a decoder of tables has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.networks.causal import CausalNetwork, Emitter
from elbowroom.networks.inputs import CellEncoder
from elbowroom.table_shape import TableShape


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are zero.

    Args:
        mask: which outputs see which inputs, (outputs, inputs).
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float(), persistent=False)
        # An output that sees few inputs starts as wide as one that sees all.
        scale = mask.shape[1] / self.mask.sum(1, keepdim=True).clamp_min(1)
        self.weight.data *= scale.sqrt()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)

    def outputs(self, x: Tensor, which: Tensor) -> Tensor:
        """Return some of the outputs alone, by a mask of them, (outputs,)."""
        return F.linear(x, self.weight[which] * self.mask[which], self.bias[which])


class MaskedMLP(CausalNetwork):
    r"""A residual perceptron over a row whose weights are masked, so that each element depends on those before it.

    Each hidden unit has a degree m and sees the elements before the m-th; the parameters of element d see units of
    degree d at most (MADE, Germain et al. 2015, arXiv 1502.03509). Deviations: two hidden layers with a residual,
    parameters that also see the elements by an affine map, degrees in equal numbers, and a context that every unit
    sees.

    Args:
        shape: of an example, of D elements; a table's knows its columns.
        sizes: numbers of parameters of each element.
        context: numbers of the context.
        width: of both hidden layers.
        interleaved: whether the parameters are those of all elements together, (n, D), as those of elements of one
            kind are, and not one element's after the other's.

    >>> network = MaskedMLP(TableShape((1, 3)), sizes=(2, 3), context=4, width=8)
    >>> projected = network.project(torch.zeros(5, 4))
    >>> network(torch.zeros(5, 2), projected).shape
    torch.Size([5, 5])
    """

    def __init__(
        self, shape: Sequence[int], sizes: Sequence[int], context: int, width: int = 256, interleaved: bool = False
    ) -> None:
        super().__init__()
        self.length, self.sizes = math.prod(shape), tuple(sizes)
        self.element_shape = (1,) * len(shape)
        self.cells = CellEncoder(shape) if isinstance(shape, TableShape) else nn.Identity()
        inputs = self.cells.owner if isinstance(self.cells, CellEncoder) else torch.arange(self.length)
        outputs = torch.arange(self.length).repeat_interleave(torch.tensor(self.sizes))
        outputs = outputs.reshape(self.length, -1).T.flatten() if interleaved else outputs
        degrees = torch.arange(width) * self.length // width
        self.first = MaskedLinear(inputs < degrees[:, None])
        self.second = MaskedLinear(degrees <= degrees[:, None])
        self.last = MaskedLinear(degrees <= outputs[:, None])
        self.skip = MaskedLinear(inputs < outputs[:, None])
        self.context = nn.Linear(context, width, bias=False)
        self.register_buffer("owner", outputs, persistent=False)
        nn.init.zeros_(self.skip.weight)

    def project(self, context: Tensor) -> Tensor:
        projected: Tensor = self.context(context)
        return projected

    def forward(self, x: Tensor, projected: Tensor) -> Tensor:
        cells, h = self._embed(x, projected)
        parameters: Tensor = self.last(h) + self.skip(cells)
        return parameters

    def _embed(self, x: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cells of rows as numbers, and the second hidden layer."""
        cells = self.cells(x.flatten(1)).nan_to_num(0.0)
        h = F.relu(self.first(cells) + projected)
        return cells, h + F.relu(self.second(h))

    def roll_out(self, projected: Tensor, emit: Emitter) -> Tensor:
        x = projected.new_zeros(len(projected), self.length)
        for position in range(self.length):
            cells, h = self._embed(x, projected)
            own = self.get_buffer("owner") == position
            x[:, position] = emit(self.last.outputs(h, own) + self.skip.outputs(cells, own))[:, 0]
        return x
