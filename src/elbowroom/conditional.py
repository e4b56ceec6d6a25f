"""A network whose forward returns a distribution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.families import Family
from elbowroom.networks import MLP


class Conditional(nn.Module):
    """p(y | context): a network and the family it feeds. Encoder, decoder and conditional prior are all this.

    Args:
        net: (..., context) to (..., family.size).
        family: makes those numbers a distribution.

    >>> import torch, elbowroom as er
    >>> encoder = Conditional.mlp((1, 8, 8), er.DiagonalNormal(2))
    >>> encoder(torch.zeros(5, 1, 8, 8)).event_shape
    torch.Size([2])
    """

    def __init__(self, net: nn.Module, family: Family) -> None:
        super().__init__()
        self.net, self.family = net, family

    @classmethod
    def mlp(
        cls, shape: int | Sequence[int], family: Family, hidden: Sequence[int] = (400,), activation: str = "relu"
    ) -> Conditional:
        """The conditional whose network is an :class:`elbowroom.MLP` from inputs of this shape."""
        return cls(MLP(shape, size=family.size, hidden=hidden, activation=activation), family)

    def forward(self, *context: Tensor) -> Distribution:  # noqa: D102
        return self.family(self.net(*context))
