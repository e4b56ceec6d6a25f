"""A prior whose numbers correlate, which no diagonal posterior can reach: δ-VAE."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from elbowroom.distributions.autocorrelated import AutocorrelatedNormal, committed_rate
from elbowroom.models.priors.registry import PriorContext, register_prior

#: The largest correlation of neighbors that is searched: nearer to one the density overflows single precision.
MAX_CORRELATION = 1 - 1e-6


class AutocorrelatedPrior(nn.Module):
    r"""An autoregressive normal with a committed rate: the KL of a diagonal normal posterior is never below δ nats.

    .. math:: z_i = \alpha z_{i-1} + \sqrt{1 - \alpha^2}\, \epsilon_i, \quad
        \mathrm{KL}(q \| p) \ge \delta = \tfrac12 \left( (n - 2) \log(1 + \alpha^2) - \log(1 - \alpha^2) \right)

    Razavi et al. 2019, arXiv 1901.03416: a posterior of independent numbers cannot become a prior of correlated ones,
    and so cannot collapse. α follows from δ. Deviation: the latent is a single series of n numbers, where the paper has
    one along the positions of a sequence for each of its channels, with an α each.

    Args:
        latent: n, the size of z, at least 2.
        delta: δ, the committed rate in nats per example, above 0.

    Raises:
        ValueError: the latent is no vector of at least two numbers, or δ is not above 0 or out of reach.

    >>> prior = AutocorrelatedPrior(20, delta=2.0)
    >>> round(prior.alpha.item(), 3), round(committed_rate(prior.alpha.item(), 20), 3)
    (0.48, 2.0)
    """

    alpha: Tensor

    def __init__(self, latent: int, delta: float = 1.0) -> None:
        super().__init__()
        if latent < 2:
            raise ValueError(f"a committed rate needs a latent of at least 2 numbers that correlate, got {latent}")
        if not 0 < delta <= committed_rate(MAX_CORRELATION, latent):
            most = committed_rate(MAX_CORRELATION, latent)
            raise ValueError(
                f"delta, the committed rate in nats, is above 0 and at most {most:.1f} here, got {delta:g}"
            )
        self.delta, self.latent, self.numbers_per_latent = delta, latent, latent
        self.register_buffer("alpha", torch.tensor(_find_correlation(delta, latent)), persistent=False)

    def forward(self) -> AutocorrelatedNormal:
        return AutocorrelatedNormal(self.alpha, self.latent)

    def extra_repr(self) -> str:
        return f"{self.latent}, delta={self.delta:g}"


def _find_correlation(delta: float, latent: int) -> float:
    low, high = 0.0, MAX_CORRELATION
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if committed_rate(middle, latent) < delta else (low, middle)
    return high


def _parse_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if math.isfinite(rate):
        return rate
    raise ValueError("the committed rate is a number of nats, as 2")


@register_prior(
    "autocorrelated",
    "Correlated numbers, from which a posterior keeps at least DELTA nats (Razavi et al. 2019, arXiv 1901.03416).",
    "DELTA",
    _parse_rate,
)
def make_autocorrelated(context: PriorContext, delta: float = 1.0) -> AutocorrelatedPrior:
    """Return a prior with this committed rate."""
    if len(context.latent) > 1:
        raise ValueError("a committed rate is of a latent that is a vector: give a vector as latent, or another prior")
    return AutocorrelatedPrior(context.latent[0], delta)
