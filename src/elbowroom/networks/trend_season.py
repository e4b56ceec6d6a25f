"""Decoder of series as a sum of parts: level, trend, seasons, and a residual."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.networks.mlp import MLP
from elbowroom.networks.steps import StepLayout


class TrendSeason(nn.Module):
    r"""A polynomial and periodic parts of each channel of a series, whose coefficients are functions of z.

    .. math:: x_{ct} = \sum_{p=0}^{P} \theta_{cp}(z)\, (t / T)^p + \sum_s \phi^s_{c,\, t \bmod m_s}(z) + r_{ct}(z)

    The parts of TimeVAE: Desai et al. 2021, arXiv 2111.08095. Deviation: a season has one coefficient for each of its
    steps, where the paper lets one last several.

    Args:
        shape: of an example, as :class:`~elbowroom.networks.steps.StepLayout` takes it apart.
        latent: numbers of z.
        numbers: of outputs, the same for each step.
        residual: the network of r, from z to all outputs.
        degree: P of the trend; 0 is a level alone.
        seasons: the number of steps m of each period.
        width: of the hidden layer of trend and seasons.

    >>> net = TrendSeason((2, 12), 3, 24, MLP(3, size=24), degree=2, seasons=(4,))
    >>> net(torch.zeros(5, 3)).shape
    torch.Size([5, 24])
    """

    basis: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        latent: int,
        numbers: int,
        residual: nn.Module,
        degree: int = 2,
        seasons: Sequence[int] = (),
        width: int = 64,
    ) -> None:
        super().__init__()
        self.layout, self.residual = StepLayout(shape), residual
        if degree < 0 or not all(2 <= period <= self.layout.steps for period in seasons):
            raise ValueError(
                f"a trend of degree {degree} and seasons of {tuple(seasons)} steps: expected a degree of at least 0, "
                f"and periods of at least 2 and at most the {self.layout.steps} steps of a series"
            )
        self.n_trend = degree + 1
        self.register_buffer("basis", _make_basis(self.layout.steps, degree, seasons), persistent=False)
        self.channels = numbers // self.layout.steps
        self.coefficients = MLP(latent, size=self.channels * len(self.basis), hidden=(width,))

    def forward(self, z: Tensor) -> Tensor:
        total: Tensor = sum(self.parts(z))  # type: ignore[assignment]
        return total

    def parts(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return trend with level, seasons, and residual, (..., numbers) each."""
        coefficients = self.coefficients(z).unflatten(-1, (self.channels, -1))
        split = torch.split(coefficients, [self.n_trend, len(self.basis) - self.n_trend], -1)
        bases = torch.split(self.basis, [self.n_trend, len(self.basis) - self.n_trend])
        trend, season = (self.layout.join((part @ basis).mT) for part, basis in zip(split, bases, strict=True))
        return trend, season, self.residual(z)


def _make_basis(steps: int, degree: int, seasons: Sequence[int]) -> Tensor:
    """Return powers of time, and for each step of each season when it is, (coefficients, T)."""
    t = torch.arange(steps)
    powers = [(t / steps) ** p for p in range(degree + 1)]
    indicators = [(t % period == step).float() for period in seasons for step in range(period)]
    return torch.stack([*powers, *indicators])
