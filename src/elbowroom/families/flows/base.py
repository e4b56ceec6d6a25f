"""What a normalizing flow is: an invertible map of vectors; chains of them, and their registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elbowroom.registry import Registry

#: Steps of bisection before the last one, of Newton: they leave 2⁻²⁶ of the interval.
BISECTION_STEPS = 26


class Flow(nn.Module, ABC):
    """An invertible map of vectors of D numbers, with parameters of its own, from the encoder, or both.

    Attributes:
        size: how many numbers it takes from the encoder for an example.
    """

    size: int = 0

    @abstractmethod
    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., D), given parameters (..., size), to (..., D) and the log-determinant of the Jacobian, (...)."""

    @abstractmethod
    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector that is mapped to this one, (..., D), and the log-determinant of the map there, (...)."""


class FlowChain(Flow):
    """Flows one after the other; log-determinants add."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        super().__init__()
        self.flows = nn.ModuleList(flows)
        self.sizes = [flow.size for flow in flows]
        self.size = sum(self.sizes)

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(())
        for flow, part in zip(self.flows, torch.split(phi, self.sizes, -1), strict=True):
            z, log_det = flow(z, part)
            total = total + log_det
        return z, total

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(())
        for flow, part in reversed([*zip(self.flows, torch.split(phi, self.sizes, -1), strict=True)]):
            assert isinstance(flow, Flow)
            z, log_det = flow.inverse(z, part)
            total = total + log_det
        return z, total


class InverseFlow(Flow):
    """A flow in the other direction: what is the inverse of one is the map of the other."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow, self.size = flow, flow.size

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        z, log_det = self.flow.inverse(z, phi)
        return z, -log_det

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        z, log_det = self.flow(z, phi)
        return z, -log_det


@dataclass(frozen=True)
class FlowKind:
    """A kind of flow by name.

    Attributes:
        make: from the number of latents, the numbers from an encoder that it may be given, and the index of the layer,
            to a layer.
        name: that a posterior and a prior are asked for by.
        help: what it is, in a line.
        layers: how many there are by default.
    """

    make: Callable[[int, int, int], Flow]
    name: str
    help: str
    layers: int


#: The flows by name: a new one is a file beside this one.
FLOWS: Registry[FlowKind] = Registry(
    "flow", ("elbowroom.families.flows.planar", ".radial", ".householder", ".sylvester", ".autoregressive", ".*")
)
register_flow = FLOWS.decorator(FlowKind, help=lambda entry: entry.help)


def make_flow(name: str, latent: int, context: int = 0) -> FlowChain:
    """Make a flow by its name, as "planar:10" of ten layers; without a number there are as many as the kind has.

    Args:
        name: in :data:`FLOWS`.
        latent: how many numbers it maps, D.
        context: how many numbers of the encoder each layer of an autoregressive flow is given.

    Raises:
        ValueError: there is no such flow, or no such number of layers.
    """
    kind, colon, layers = name.partition(":")
    entry = FLOWS.find(kind)
    if colon and not (layers.isdecimal() and int(layers) > 0):
        raise ValueError(f"flow '{name}': write {kind}:K with a number of layers, as {kind}:{entry.layers}")
    return FlowChain([entry.make(latent, context, i) for i in range(int(layers) if colon else entry.layers)])


def solve_tanh(target: Tensor, a: Tensor, k: Tensor, b: Tensor) -> Tensor:
    r"""Solve :math:`y + a \tanh(k y + b) = t` for y, elementwise, where the left side grows with y.

    The root lies within \|a\| of t. It is found by bisection without gradients; a last step of Newton's gives it the
    gradients of all four.

    >>> y = solve_tanh(torch.tensor(1.0), torch.tensor(0.5), torch.tensor(2.0), torch.tensor(0.1))
    >>> round((y + 0.5 * torch.tanh(2 * y + 0.1)).item(), 5)
    1.0
    """
    with torch.no_grad():
        low, high = torch.broadcast_tensors(target - a.abs(), target + a.abs())  # type: ignore[no-untyped-call]
        for _ in range(BISECTION_STEPS):
            middle = (low + high) / 2
            is_above = middle + a * torch.tanh(k * middle + b) > target
            low, high = torch.where(is_above, low, middle), torch.where(is_above, middle, high)
        y = (low + high) / 2
        slope = 1 + a * k * (1 - torch.tanh(k * y + b).square())
    root: Tensor = y - (y + a * torch.tanh(k * y + b) - target) / slope.clamp_min(1e-6)
    return root
