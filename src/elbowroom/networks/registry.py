"""Registry of networks: pairs of an encoder's and a decoder's network, by the name that recipes take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, TypeVar

from torch import nn

from elbowroom.networks.blocks import BLOCKS
from elbowroom.networks.conv import Down, Pyramid, Up
from elbowroom.networks.inputs import Shape, as_shape
from elbowroom.networks.maps import DownToMap, UpFromMap
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
        levels: how often sides halve from an example to a map.
        layers: residual blocks at each size.
        groups: in which channels are normalised; by default what suits the widths.
        attention: whether there is self-attention at the coarsest size.
        quant_conv: whether convolutions of kernel 1 are next to a latent that is a map.
    """

    hidden: Sequence[int] = (400,)
    activation: str = "relu"
    size: str = "m"
    widths: Sequence[int] | None = None
    levels: int = 2
    layers: int = 2
    groups: int | None = None
    attention: bool = True
    quant_conv: bool = True

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"levels is how often sides halve, at least once, got {self.levels}")

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

    A latent may also be a map (C, *space), of examples that have space, if the network ``makes_maps``: it then has
    :meth:`map_space`, :meth:`map_encoder` and :meth:`map_decoder`.

    Attributes:
        uses: the names of the settings that have a meaning for it.
        further_uses: of those that only some recipes take, as those of maps.
        makes_maps: whether latents may be maps.

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
    further_uses: ClassVar[tuple[str, ...]] = ()
    makes_maps: ClassVar[bool] = False

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

    def map_space(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the sides of the map that it makes of examples of this shape, (C, H, W) or (C, T)."""
        raise NotImplementedError

    def map_encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        """Make the network from examples of the first shape, and further inputs, to (..., numbers), maps flattened."""
        raise NotImplementedError

    def map_decoder(self, channels: int, *others: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        """Make the network from maps (..., channels, *space), and further inputs, as :meth:`decoder` does."""
        raise NotImplementedError


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
    """A pyramid of convolutions to a vector or a map and up again, with a block of :data:`BLOCKS` at each level."""

    uses = ("size", "widths")
    further_uses = ("levels",)
    makes_maps = True

    def __init__(self, settings: NetworkSettings, block: str) -> None:
        super().__init__(settings)
        self.block = block

    def encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        first, *others = shapes
        return Down(as_shape(first), *others, numbers=numbers, network=self.block, **self._sizes)

    def decoder(self, *shapes: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        return Up(*shapes, shape=example, numbers=numbers, network=self.block, **self._sizes)

    def map_space(self, shape: Sequence[int]) -> tuple[int, ...]:
        return Pyramid(shape, levels=self.settings.levels, **self._sizes).sizes[-1]

    def map_encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        first, *others = shapes
        sizes = self._sizes | {"levels": self.settings.levels, "network": self.block}
        return DownToMap(as_shape(first), *others, numbers=numbers, **sizes)

    def map_decoder(self, channels: int, *others: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        sizes = self._sizes | {"levels": self.settings.levels, "network": self.block}
        return UpFromMap(channels, *others, shape=example, numbers=numbers, **sizes)

    @property
    def _sizes(self) -> dict[str, Any]:
        return {"size": self.settings.size, "widths": self.settings.widths}


for _name in BLOCKS:
    NETWORKS.add(_name, partial(ConvolutionalNetwork, block=_name), BLOCKS.help(_name))
