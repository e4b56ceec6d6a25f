"""Registry of networks: pairs of an encoder's and a decoder's network, by the name that recipes take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, TypeVar

from torch import nn

from elbowroom.networks.blocks import BLOCKS
from elbowroom.networks.conv import Down, Up
from elbowroom.networks.inputs import Shape
from elbowroom.networks.mlp import MLP
from elbowroom.registry import Registry

NetworkT = TypeVar("NetworkT", bound="type[Network]")


@dataclass(frozen=True)
class NetworkSettings:
    """What recipes say about the size of a network.

    Attributes:
        hidden: widths of the encoder's hidden layers; the decoder mirrors them.
        activation: of the hidden layers.
        size: s, m or l.
        widths: channels of the levels instead of a size, the finest first.
    """

    hidden: Sequence[int] = (400,)
    activation: str = "relu"
    size: str = "m"
    widths: Sequence[int] | None = None

    def differences(self, other: NetworkSettings) -> list[str]:
        """Return the names of the settings that differ from others."""
        return [one.name for one in fields(self) if getattr(self, one.name) != getattr(other, one.name)]


class Network(ABC):
    """A pair of networks: from examples to numbers, the parameters of a posterior, and from latents to an example's.

    A subclass says how both are made. Each takes one input or several, with leading dimensions (..., *shape); the
    second and later ones, as the labels of a conditional model, may have fewer or more leading dimensions, which
    broadcast.

    Args:
        settings: sizes, as the recipe's arguments say.

    Attributes:
        uses: the names of the settings that have a meaning for it.

    >>> import torch, elbowroom as er
    >>> @er.network("affine")
    ... class Affine(er.Network):
    ...     "Affine maps."
    ...     def encoder(self, *shapes, numbers):
    ...         return er.MLP(*shapes, size=numbers, hidden=())
    ...     def decoder(self, *shapes, example, numbers):
    ...         return er.MLP(*shapes, size=numbers, hidden=())
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2, network="affine")
    >>> model.sample(3).shape
    torch.Size([3, 1, 8, 8])
    >>> del er.networks.NETWORKS["affine"]
    """

    uses: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: NetworkSettings) -> None:
        self.settings = settings

    @abstractmethod
    def encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        """Make the network from examples of the first shape, and further inputs, to (..., numbers)."""

    @abstractmethod
    def decoder(self, *shapes: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        """Make the network from latents of the first shape, and further inputs, to (..., numbers).

        Args:
            *shapes: of the inputs.
            example: the shape of the examples that the numbers parametrize.
            numbers: the number of outputs, in the order of the example's elements: (..., *example) flattened, once
                for each parameter.
        """


#: The networks by name.
NETWORKS: Registry[Callable[[NetworkSettings], Network]] = Registry(
    "network",
    renamed={"plain": "conv"},
    advice="; your own: register it with er.network in the file that ELBOWROOM_RECIPES names",
)


def network(name: str) -> Callable[[NetworkT], NetworkT]:
    """Register a subclass of :class:`Network` under the name that recipes take as ``network``; a decorator."""

    def register(kind: NetworkT) -> NetworkT:
        NETWORKS.add(name, kind)
        return kind

    return register


@network("mlp")
class PerceptronNetwork(Network):
    """Multilayer perceptrons; for examples of any shape, tables too."""

    uses = ("hidden", "activation")

    def encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        return MLP(*shapes, size=numbers, hidden=self.settings.hidden, activation=self.settings.activation)

    def decoder(self, *shapes: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        return MLP(*shapes, size=numbers, hidden=self.settings.hidden[::-1], activation=self.settings.activation)


class ConvolutionalNetwork(Network):
    """A pyramid of convolutions down to a vector and up again, with a block of :data:`BLOCKS` at each level."""

    uses = ("size", "widths")

    def __init__(self, settings: NetworkSettings, block: str) -> None:
        super().__init__(settings)
        self.block = block

    def encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        first, *others = shapes
        shape = (first,) if isinstance(first, int) else first
        return Down(shape, *others, numbers=numbers, network=self.block, **self._sizes)

    def decoder(self, *shapes: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        return Up(*shapes, shape=example, numbers=numbers, network=self.block, **self._sizes)

    @property
    def _sizes(self) -> dict[str, Any]:
        return {"size": self.settings.size, "widths": self.settings.widths}


for _name in BLOCKS:
    NETWORKS.add(_name, partial(ConvolutionalNetwork, block=_name), BLOCKS.help(_name))
