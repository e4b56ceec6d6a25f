"""Corruption of a network's input in training: masking and gaussian noise."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class CorruptedInput(nn.Module):
    r"""A network whose first input is corrupted in training, and left as it is in evaluation.

    Masking sets each number to 0 with probability p (Vincent et al. 2008, doi 10.1145/1390156.1390294); gaussian noise
    adds :math:`\mathcal N(0, \sigma^2)` to it.

    Args:
        net: the network, from the example, and further inputs.
        masking: p, the probability of a number to be masked, in [0, 1).
        noise: σ, in the units of the data.

    >>> net = CorruptedInput(nn.Identity(), masking=0.5)
    >>> net(torch.ones(1000)).mean() < 0.6, net.eval()(torch.ones(3))
    (tensor(True), tensor([1., 1., 1.]))
    """

    def __init__(self, net: nn.Module, masking: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        if not 0 <= masking < 1:
            raise ValueError(
                f"masking is the share of numbers that are set to 0: give one from 0 to below 1, not {masking}"
            )
        if noise < 0:
            raise ValueError(f"noise is a standard deviation, at least 0, got {noise}")
        self.net, self.masking, self.noise = net, masking, noise

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        return cast(Tensor, self.net(self._corrupt(x) if self.training else x, *context))

    def _corrupt(self, x: Tensor) -> Tensor:
        if self.noise:
            x = x + self.noise * torch.randn_like(x)
        return x.masked_fill(torch.rand_like(x) < self.masking, 0.0) if self.masking else x

    def extra_repr(self) -> str:
        settings: dict[str, Any] = {"masking": self.masking, "noise": self.noise}
        return ", ".join(f"{name}={value:g}" for name, value in settings.items())
