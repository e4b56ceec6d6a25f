"""Losses of a critic and of what it criticizes, as functions of logits: hinge, non-saturating, least squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from elbowroom import errors


class GANLoss(NamedTuple):
    """The losses of both players, elementwise functions of the critic's logits.

    Attributes:
        real: the critic's for real examples.
        fake: the critic's for made ones.
        generator: of who makes the made ones, and wants them taken for real.
        mirrored: of who makes the real ones, as an encoder makes pairs, and wants them taken for made.
        threshold: logits above it say real.
    """

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    mirrored: Callable[[Tensor], Tensor]
    threshold: float = 0.0


#: The losses by name. Hinge: Lim & Ye 2017, arXiv 1705.02894; non-saturating: Goodfellow et al. 2014, arXiv 1406.2661;
#: least squares, with targets 0 and 1: Mao et al. 2017, arXiv 1611.04076.
GAN_LOSSES: dict[str, GANLoss] = {
    "hinge": GANLoss(
        lambda logit: F.relu(1 - logit), lambda logit: F.relu(1 + logit), lambda logit: -logit, lambda logit: logit
    ),
    "non-saturating": GANLoss(
        lambda logit: F.softplus(-logit), F.softplus, lambda logit: F.softplus(-logit), F.softplus
    ),
    "least-squares": GANLoss(
        lambda logit: (logit - 1).square(),
        lambda logit: logit.square(),
        lambda logit: 0.5 * (logit - 1).square(),
        lambda logit: 0.5 * logit.square(),
        threshold=0.5,
    ),
}


def find_gan_loss(name: str) -> GANLoss:
    """Return the losses of this name.

    Raises:
        ValueError: there are none.
    """
    if name not in GAN_LOSSES:
        raise errors.unknown_name("loss of a critic", name, GAN_LOSSES)
    return GAN_LOSSES[name]
