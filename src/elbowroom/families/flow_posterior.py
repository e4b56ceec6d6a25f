"""Posteriors that are normalizing flows, and posteriors by name."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.distributions.flow import FlowDistribution
from elbowroom.distributions.latent import Normal
from elbowroom.families.base import Family, Shape
from elbowroom.families.flows.base import FLOWS, make_flow
from elbowroom.families.posteriors import DiagonalNormal

#: The name of the posterior without a flow.
NORMAL = "normal"
#: Numbers of the encoder that each layer of an autoregressive flow is given; chosen by us.
CONTEXT_SIZE = 32


class FlowPosterior(Family):
    """A diagonal normal from the network, and a normalizing flow that is applied to it.

    Its KL has no closed form, and is estimated from the draw.

    Args:
        shape: of a latent, a vector; as a prior it may have any shape.
        flow: a name in :data:`elbowroom.families.flows.FLOWS`, as "iaf:2".
        context: how many numbers of the network each layer of an autoregressive flow is given.

    Raises:
        ValueError: there is no such flow.

    >>> FlowPosterior(20, "planar:10").size, FlowPosterior(20, "iaf:2").size
    (450, 104)
    """

    def __init__(self, shape: Shape, flow: str = "iaf", context: int = CONTEXT_SIZE) -> None:
        super().__init__(shape, per_element=2)
        self.base_size, self.name = self.size, flow
        self.flow = make_flow(flow, self.base_size // 2, context)
        self.size += self.flow.size

    @property
    def map_shape(self) -> tuple[int, ...] | None:
        return None

    def forward(self, phi: Tensor) -> FlowDistribution:
        moments, rest = torch.split(phi, [self.base_size, self.flow.size], -1)
        loc, log_var = self.split_parameters(moments)
        return FlowDistribution(Normal(loc, log_var, len(self.shape)), self.flow, rest)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.name}"


def posterior(name: str, latent: Shape) -> Family:
    """Make the posterior q(z|x) of this name for a latent of this size: normal, or a flow, as "iaf:2".

    Raises:
        ValueError: there is no such posterior, or no such number of layers, or a setting of one that has none.

    >>> posterior("normal", 2), posterior("householder:4", 2).size
    (DiagonalNormal(2), 12)
    """
    kind, colon, _ = name.partition(":")
    if kind == NORMAL and colon:
        raise ValueError(f"posterior '{name}': write {NORMAL} alone, it takes no setting")
    if kind == NORMAL:
        return DiagonalNormal(latent)
    if kind not in FLOWS:
        raise errors.unknown_name("posterior", kind, [NORMAL, *FLOWS])
    return FlowPosterior(latent, name)
