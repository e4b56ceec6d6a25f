"""Preparation of a network's input: logarithm of counts, unit norm, dropout."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class LogCounts(nn.Module):
    """The log of one plus counts, which a network takes better than counts of several orders of magnitude.

    >>> import torch
    >>> LogCounts()(torch.tensor([0.0, 99.0]))
    tensor([0.0000, 4.6052])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp_min(0).log1p()


class UnitNorm(nn.Module):
    """Examples (B, ...) divided by their Euclidean norm, missing values (NaN) left out; one of zeros stays so.

    >>> import torch
    >>> UnitNorm()(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """

    def forward(self, x: Tensor) -> Tensor:
        norm = x.nan_to_num().flatten(1).norm(dim=1).clamp_min(1e-12)
        scaled: Tensor = x / norm.reshape(-1, *[1] * (x.dim() - 1))
        return scaled


class PreparedInput(nn.Module):
    """A network whose first input passes some layers before it; the others are left as they are.

    Args:
        net: the network, from the example, and further inputs.
        *layers: that the example passes.

    >>> import torch
    >>> PreparedInput(nn.Identity(), LogCounts(), nn.Dropout(0.5)).eval()(torch.tensor([[0.0, 99.0]]))
    tensor([[0.0000, 4.6052]])
    """

    def __init__(self, net: nn.Module, *layers: nn.Module) -> None:
        super().__init__()
        self.layers, self.net = nn.Sequential(*layers), net

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        return cast(Tensor, self.net(self.layers(x), *context))
