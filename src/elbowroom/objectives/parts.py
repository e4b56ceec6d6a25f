"""The KL of a part of the latent."""

from __future__ import annotations

from torch import Tensor

from elbowroom.distributions import IndependentParts
from elbowroom.models.draw import Draw, Latent
from elbowroom.objectives.term import Term


class PartKL(Term):
    """KL divergence of one part of a latent of :class:`elbowroom.Parts` from its prior, nats per example.

    In closed form or else estimated, as :class:`KL`, which is the sum over all parts.

    Args:
        index: of the part, from 0.

    Raises:
        ValueError: in training, the latent has no parts, or not as many.

    >>> PartKL(1)
    kl_part_1
    """

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index, self.name = index, f"kl_part_{index}"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return draw.kl_weight * self._part(draw).kl.mean()

    def _part(self, draw: Draw) -> Latent:
        q, prior, index = draw.q, draw.prior, self.index
        if not isinstance(q, IndependentParts) or not isinstance(prior, IndependentParts):
            raise ValueError("PartKL() is for a latent of several parts, and this one has a single one: use KL()")
        if not 0 <= index < len(q.parts):
            raise ValueError(f"PartKL({index}): the latent has {len(q.parts)} parts, from 0 to {len(q.parts) - 1}")
        if draw.free_nats:
            raise ValueError("free bits change a KL as a whole, and PartKL() is that of a part: leave them out")
        return Latent(q.split(draw.z)[index], q.parts[index], prior.parts[index])
