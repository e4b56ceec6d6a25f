"""Adversarial terms, with a critic that trains as a second player."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Player, Term


def permute_dims(z: Tensor) -> Tensor:
    """Shuffle each dimension of (B, D) over the batch on its own: a sample of the product of the marginals.

    >>> z = torch.arange(6.0).reshape(3, 2)
    >>> sorted(permute_dims(z)[:, 0].tolist())
    [0.0, 2.0, 4.0]
    """
    order = torch.rand_like(z).argsort(0)
    return z.gather(0, order)


class DensityRatio(Term):
    r"""Density-ratio estimate of E[log q(z) / r(z)] by a critic that classifies latents z against a reference r.

    The critic D's logit is the log-ratio. With :func:`permute_dims` as reference this is the total correlation of
    Kim & Mnih 2018, arXiv 1802.05983. The critic is a separate player: it minimizes its classification loss on the same
    draw, with Adam at learning rate 1e-4 and betas 0.5 and 0.9, as in the paper.

    Deviation from the paper: the reference is made from the same batch, not from a second one, and not clipped.

    Args:
        critic: (B, D) to one logit each, (B, 1).
        reference: (B, D) latents to (B, D) samples of r.
    """

    name = "density_ratio"

    def __init__(self, critic: nn.Module, reference: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.critic, self.reference = critic, reference

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        log_ratio: Tensor = self.critic(draw.z[0])
        return log_ratio.mean()

    def adversaries(self) -> list[Player]:
        settings = {"lr": 1e-4, "betas": (0.5, 0.9)}
        return [Player("critic", _CriticLoss(self), list(self.critic.parameters()), settings)]


class _CriticLoss(Term):
    """The critic's loss: cross-entropy of latents against reference, nats per example."""

    name = "critic"

    def __init__(self, ratio: DensityRatio) -> None:
        super().__init__()
        self.ratio = (ratio,)  # in a tuple, so that the critic is a submodule of the ratio alone

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        (ratio,) = self.ratio
        z = draw.z[0].detach()
        own, reference = ratio.critic(z), ratio.critic(ratio.reference(z))
        return 0.5 * (F.softplus(-own) + F.softplus(reference)).mean()
