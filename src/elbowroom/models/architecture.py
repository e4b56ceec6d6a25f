"""Architecture of a recipe's model: encoder and decoder of one kind of network, from the shape of the data."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from elbowroom.families import Family
from elbowroom.models.conditional import Conditional
from elbowroom.networks.inputs import Shape
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

    Raises:
        ValueError: there is no such network, or a setting was given that has no meaning for it.

    >>> import torch, elbowroom as er
    >>> architecture = Architecture((3, 32, 24), "residual", size="s")
    >>> encoder = architecture.encoder(er.DiagonalNormal(2))
    >>> decoder = architecture.decoder(2, er.Gaussian((3, 32, 24)))
    >>> decoder(encoder(torch.zeros(5, 3, 32, 24)).mean).event_shape
    torch.Size([3, 32, 24])
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
    ) -> None:
        self.shape = shape
        name = _choose_network(shape) if network == AUTO else network
        settings, defaults = NetworkSettings(hidden, activation, size, widths), NetworkSettings(default_hidden)
        self.network = NETWORKS.find(name)(settings)
        if useless := [setting for setting in settings.differences(defaults) if setting not in self.network.uses]:
            used = f"it takes {' and '.join(self.network.uses)}" if self.network.uses else "it has sizes of its own"
            raise ValueError(f"{useless[0]} has no meaning for the network '{name}': leave it out; {used}")

    def encoder(self, family: Family, *conditions: Shape) -> Conditional:
        """Make the distribution of a latent given an example, and further inputs of these shapes."""
        return Conditional(self.make_classifier(family.size, *conditions), family)

    def decoder(self, latent: Shape, family: Family, *conditions: Shape) -> Conditional:
        """Make the distribution of an example given a latent of this shape, and further inputs of these shapes."""
        net = self.network.decoder(latent, *conditions, example=family.shape, numbers=family.size)
        return Conditional(net, family)

    def make_classifier(self, numbers: int, *conditions: Shape) -> nn.Module:
        """Make the network from an example, and further inputs of these shapes, to numbers: the logits of classes."""
        return self.network.encoder(self.shape, *conditions, numbers=numbers)


def _choose_network(shape: Sequence[int]) -> str:
    return "mlp" if isinstance(shape, TableShape) or len(shape) == 1 else "conv"
