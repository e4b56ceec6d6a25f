"""A network whose forward returns a distribution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.families import Family
from elbowroom.networks import MLP, Down, Up

Shape = int | Sequence[int]


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
    def mlp(cls, shape: Shape, family: Family, hidden: Sequence[int] = (400,), activation: str = "relu") -> Conditional:
        """The conditional whose network is an :class:`elbowroom.MLP` from inputs of this shape."""
        return cls(MLP(shape, size=family.size, hidden=hidden, activation=activation), family)

    @classmethod
    def down(
        cls,
        shape: Sequence[int],
        family: Family,
        size: str = "m",
        widths: Sequence[int] | None = None,
        network: str = "plain",
    ) -> Conditional:
        """The conditional of a code given an example of this shape, by an :class:`elbowroom.Down`.

        >>> import torch, elbowroom as er
        >>> Conditional.down((3, 64, 48), er.DiagonalNormal(16), "s")(torch.zeros(5, 3, 64, 48)).event_shape
        torch.Size([16])
        """
        return cls(Down(shape, numbers=family.size, size=size, widths=widths, network=network), family)

    @classmethod
    def up(
        cls, shape: Shape, family: Family, size: str = "m", widths: Sequence[int] | None = None, network: str = "plain"
    ) -> Conditional:
        """The conditional of an example given a code of this shape, by an :class:`elbowroom.Up`.

        >>> import torch, elbowroom as er
        >>> Conditional.up(16, er.DiscretisedLogistic((3, 64, 48)), "s")(torch.zeros(5, 16)).event_shape
        torch.Size([3, 64, 48])
        """
        net = Up(shape, shape=family.shape, numbers=family.size, size=size, widths=widths, network=network)
        return cls(net, family)

    def forward(self, *context: Tensor) -> Distribution:
        return self.family(self.net(*context))
