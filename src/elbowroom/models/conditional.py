"""Conditional distributions: a network and the family it parametrizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.families import Family
from elbowroom.families.base import Shape
from elbowroom.networks import MLP, Down, Up


class Conditional(nn.Module):
    """A conditional distribution p(y | context), given by a network and a family: encoder, decoder, conditional prior.

    Args:
        net: (..., context) to (..., family.size).
        family: maps the network's output to a distribution.

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
        """Make a conditional whose network is an :class:`elbowroom.MLP` from inputs of this shape."""
        return cls(MLP(shape, size=family.size, hidden=hidden, activation=activation), family)

    @classmethod
    def down(
        cls,
        shape: Sequence[int],
        family: Family,
        size: str = "m",
        widths: Sequence[int] | None = None,
        network: str = "conv",
    ) -> Conditional:
        """Make a conditional of a latent given an example of this shape, by an :class:`elbowroom.Down`.

        >>> import torch, elbowroom as er
        >>> Conditional.down((3, 64, 48), er.DiagonalNormal(16), "s")(torch.zeros(5, 3, 64, 48)).event_shape
        torch.Size([16])
        """
        return cls(Down(shape, numbers=family.size, size=size, widths=widths, network=network), family)

    @classmethod
    def up(
        cls, shape: Shape, family: Family, size: str = "m", widths: Sequence[int] | None = None, network: str = "conv"
    ) -> Conditional:
        """Make a conditional of an example given a latent of this shape, by an :class:`elbowroom.Up`.

        >>> import torch, elbowroom as er
        >>> Conditional.up(16, er.DiscretizedLogistic((3, 64, 48)), "s")(torch.zeros(5, 16)).event_shape
        torch.Size([3, 64, 48])
        """
        net = Up(shape, shape=family.shape, numbers=family.size, size=size, widths=widths, network=network)
        return cls(net, family)

    @property
    def is_autoregressive(self) -> bool:
        """Whether an element of an example depends on those before it, so that one is made after the other."""
        return False

    @property
    def numbers_per_latent(self) -> int:
        """How many numbers it keeps in memory to score one latent, as a prior."""
        return math.prod(self.family.shape)

    @property
    def output_weight(self) -> nn.Parameter:
        """The weights of the network's last layer: of its matrices and kernels the last in the order it made them."""
        return [parameter for parameter in self.net.parameters() if parameter.dim() > 1][-1]

    def with_shape(self, shape: Sequence[int]) -> Conditional:
        """Return the distribution of events of another size, as a network of convolutions makes them of other maps."""
        return Conditional(self.net, self.family.with_shape(shape))

    def forward(self, *context: Tensor) -> Distribution:
        distribution: Distribution = self.family(self.net(*context))
        return distribution
