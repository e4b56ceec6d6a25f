"""Categories as latents, relaxed in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from elbowroom.distributions.categories import OneHot, RelaxedOneHot
from elbowroom.families.base import Family
from elbowroom.manifolds import Simplices


class Categories(Family):
    r"""Categories as a latent: probabilities from the network; draws are relaxed in training, and one-hot after it.

    .. math:: \tau_t = \max(\tau_{\min}, \tau_0\, e^{-r t})

    is the temperature of the t-th step of training (:class:`~elbowroom.distributions.RelaxedOneHot`), as in Jang, Gu &
    Poole 2017, arXiv 1611.01144; its defaults are theirs. Each draw in training counts as a step, so that batches
    which are accumulated count one by one.

    Args:
        classes: C, of each category.
        positions: P, the number of categories: the latent is a vector of P·C numbers.
        space: of a map, in place of positions: the latent is (C, *space).
        temperature: τ at the first step.
        final_temperature: the smallest.
        decay: r, per step.
        is_hard: draws are one-hot in training too, with the gradient of the relaxed ones (straight-through).

    Raises:
        ValueError: fewer than 2 classes, a temperature that is not above zero, or that grows.

    >>> Categories(10, positions=3), Categories(64, space=(7, 7)).shape
    (Categories(30, 10 classes), (64, 7, 7))
    """

    manifold: Simplices
    steps: Tensor

    def __init__(
        self,
        classes: int,
        positions: int = 1,
        space: Sequence[int] = (),
        temperature: float = 1.0,
        final_temperature: float = 0.5,
        decay: float = 3e-5,
        is_hard: bool = False,
    ) -> None:
        if classes < 2:
            raise ValueError(f"a category has 2 classes or more: classes must be at least 2, got {classes}")
        if not 0 < final_temperature <= temperature < math.inf or decay < 0:
            raise ValueError(
                "the temperature falls to a final one above 0, at a decay of at least 0, got "
                f"{temperature:g}, {final_temperature:g} and {decay:g}"
            )
        super().__init__((classes, *space) if space else positions * classes)
        self.manifold = Simplices(classes, space)
        self.start, self.end, self.decay, self.is_hard = temperature, final_temperature, decay, is_hard
        self.register_buffer("steps", torch.zeros(()))

    @property
    def temperature(self) -> Tensor:
        """The temperature of the current step."""
        return (self.start * (-self.decay * self.steps).exp()).clamp_min(self.end)

    def forward(self, phi: Tensor) -> OneHot:
        logits = self.split_parameters(phi)[0]
        if not self.training:
            return OneHot(logits, self.manifold)
        temperature = self.temperature
        self.steps.add_(1)
        return RelaxedOneHot(logits, self.manifold, temperature, self.is_hard)

    def with_shape(self, shape: Sequence[int]) -> Self:
        family = super().with_shape(shape)
        family.manifold = Simplices(self.manifold.classes, shape[1:])
        return family

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.manifold.classes} classes"
