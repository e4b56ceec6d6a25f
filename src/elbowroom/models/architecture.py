"""Architecture of a recipe's model: encoder and decoder of one kind of network, from the shape of the data."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from elbowroom.families import Family
from elbowroom.models.conditional import Conditional
from elbowroom.networks.inputs import Shape
from elbowroom.networks.maps import MapToPositions, PositionsToMap
from elbowroom.networks.registry import NETWORKS, NetworkSettings
from elbowroom.table_shape import TableShape

#: The name that chooses a network from the shape of the data.
AUTO = "auto"


class Architecture:
    """Encoders and decoders for examples of one shape, whose networks are of one kind.

    Args:
        shape: of an example.
        network: a name in :data:`elbowroom.networks.NETWORKS`; "auto" for convolutions where examples have space,
            (C, H, W) or (C, T), and perceptrons for vectors and tables.
        hidden: widths of the encoder's hidden layers, of mlp; the decoder mirrors them.
        activation: of the hidden layers, of mlp.
        size: of networks of convolutions: s, m, l.
        widths: channels of their levels instead, the finest first.
        default_hidden: the hidden widths that a recipe has by default, with which any network may be chosen.
        levels: how often sides halve from an example to a latent that is a map.
        layers: residual blocks at each size, of kl.
        groups: in which kl normalises channels; by default up to 32, of at least four channels.
        attention: whether kl has self-attention at the coarsest size.
        quant_conv: whether kl has convolutions of kernel 1 next to a map.

    Raises:
        ValueError: there is no such network, or a setting was given that has no meaning for it.

    >>> import torch, elbowroom as er
    >>> architecture = Architecture((3, 32, 24), "residual", size="s")
    >>> encoder = architecture.encoder(er.DiagonalNormal(2))
    >>> decoder = architecture.decoder(2, er.Gaussian((3, 32, 24)))
    >>> decoder(encoder(torch.zeros(5, 3, 32, 24)).mean).event_shape
    torch.Size([3, 32, 24])

    A latent with as many dimensions as an example is a map, (C, h, w) of (C, H, W) and (C, t) of (C, T), and the
    network has convolutions next to it, no dense layer:

    >>> latent = er.DiagonalNormal(architecture.map_shape(4))
    >>> encoder, decoder = architecture.encoder(latent), architecture.decoder(latent, er.Gaussian((3, 32, 24)))
    >>> q = encoder(torch.zeros(5, 3, 32, 24))
    >>> q.event_shape, decoder(q.mean).event_shape
    (torch.Size([4, 8, 6]), torch.Size([3, 32, 24]))
    """

    def __init__(
        self,
        shape: Sequence[int],
        network: str = "mlp",
        hidden: Sequence[int] = (400,),
        activation: str = "relu",
        size: str = "m",
        widths: Sequence[int] | None = None,
        default_hidden: Sequence[int] = (400,),
        levels: int = 2,
        layers: int = 2,
        groups: int | None = None,
        attention: bool = True,
        quant_conv: bool = True,
    ) -> None:
        self.shape = shape
        self.name = name = _choose_network(shape) if network == AUTO else network
        settings, defaults = (
            NetworkSettings(hidden, activation, size, widths, levels, layers, groups, attention, quant_conv),
            NetworkSettings(default_hidden),
        )
        self.network = NETWORKS.find(name)(settings)
        useful = {*self.network.uses, *self.network.further_uses}
        if useless := [setting for setting in settings.differences(defaults) if setting not in useful]:
            used = f"it takes {' and '.join(self.network.uses)}" if self.network.uses else "it has sizes of its own"
            # A recipe may have set it, as faces sets the size: then it cannot be left out.
            default = getattr(defaults, useless[0])
            way_out = f"leave it at {default}, or take another network" if isinstance(default, str) else "leave it out"
            raise ValueError(f"{useless[0]} has no meaning for the network '{name}': {way_out}; {used}")

    @property
    def has_maps(self) -> bool:
        """Whether a latent may be a map."""
        return self.network.makes_maps and not isinstance(self.shape, TableShape) and len(self.shape) > 1

    def map_shape(self, channels: int) -> tuple[int, ...]:
        """Return the shape (channels, *space) of a latent that is a map: its sides are those of the coarsest level.

        Raises:
            ValueError: the network makes no maps of such examples.
        """
        if not self.has_maps:
            raise ValueError(
                f"the network '{self.name}' makes no maps of examples of {_format(self.shape)}: take a network of "
                "convolutions (conv, residual, deep, kl) for images (C, H, W) and series (C, T), or a vector as latent"
            )
        return (channels, *self.network.map_space(self.shape))

    def encoder(self, family: Family, *conditions: Shape) -> Conditional:
        """Make the distribution of a latent given an example, and further inputs of these shapes.

        Raises:
            ValueError: the latent is a map of other sides than the network makes.
        """
        latent = self._find_map(family)
        if latent is None:
            return Conditional(self.make_classifier(family.size, *conditions), family)
        net = self.network.map_encoder(self.shape, *conditions, numbers=family.size)
        return Conditional(net if family.shape == latent else MapToPositions(net, latent[1:]), family)

    def decoder(self, latent: Shape | Family, family: Family, *conditions: Shape) -> Conditional:
        """Make the distribution of an example given a latent, and further inputs of these shapes.

        Args:
            latent: its family, or its shape, which is that of a map if the network has such maps.
            family: p(x|z).
            *conditions: shapes of the further inputs.

        Raises:
            ValueError: the latent is a map of other sides than the network takes.
        """
        map_shape = self._find_map(latent)
        if map_shape is None:
            shape = latent.shape if isinstance(latent, Family) else latent
            net = self.network.decoder(shape, *conditions, example=family.shape, numbers=family.size)
            return Conditional(net, family)
        net = self.network.map_decoder(map_shape[0], *conditions, example=family.shape, numbers=family.size)
        has_positions = isinstance(latent, Family) and latent.shape != map_shape
        return Conditional(PositionsToMap(net, map_shape[1:]) if has_positions else net, family)

    def make_classifier(self, numbers: int, *conditions: Shape) -> nn.Module:
        """Make the network from an example, and further inputs of these shapes, to numbers: the logits of classes."""
        return self.network.encoder(self.shape, *conditions, numbers=numbers)

    def _find_map(self, latent: Shape | Family) -> tuple[int, ...] | None:
        """Return the shape of a latent that is a map of examples, (C, *space); ``None`` for any other."""
        if isinstance(latent, Family):
            return self._check_map(latent.map_shape)
        if isinstance(latent, int) or len(latent) != len(self.shape) or not self.has_maps:
            return None
        # The shape alone may be that of a quantizer, (P, D), beside series, (C, T).
        expected = self.map_shape(latent[0])
        return expected if tuple(latent) == expected else None

    def _check_map(self, shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Return this shape, if it has the dimensions of a map of examples, else ``None``; other sides are an error."""
        if shape is None or len(shape) != len(self.shape) or len(shape) < 2:
            return None
        if shape != (expected := self.map_shape(shape[0])):
            raise ValueError(
                f"a latent of {_format(shape)} for examples of {_format(self.shape)}: with these levels the network "
                f"'{self.name}' has maps of {_format(expected)}; Architecture.map_shape({shape[0]}) is their shape"
            )
        return expected


def _format(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _choose_network(shape: Sequence[int]) -> str:
    return "mlp" if isinstance(shape, TableShape) or len(shape) == 1 else "conv"
