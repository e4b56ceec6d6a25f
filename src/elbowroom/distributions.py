"""The distributions that torch lacks, or has only in a slower or less careful form.

All are :class:`torch.distributions.Distribution`; argument validation is off for these, and only for these.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, kl_divergence, register_kl

from elbowroom import noise

_LOG_2PI = math.log(2 * math.pi)


def independent(distribution: Distribution, event_dim: int) -> Independent:
    """The product of independent scalars as one event: its last ``event_dim`` dimensions."""
    return Independent(distribution, event_dim, validate_args=False)


class _Unvalidated(Distribution):
    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, batch: torch.Size, event: torch.Size = torch.Size()) -> None:
        super().__init__(batch, event, validate_args=False)


class Normal(_Unvalidated):
    r"""A normal with diagonal covariance over an event of any shape.

    .. math:: \log p(x) = -\tfrac12 \sum_i \left[ (x_i-\mu_i)^2 / \sigma_i^2 + \log \sigma_i^2 + \log 2\pi \right]

    Args:
        loc: mean, (..., *event).
        log_var: log of the variance, broadcastable to ``loc``. Kept as it comes, neither clamped nor exponentiated
            twice, since a clamped log-variance silently changes the KL.
        event_dim: how many trailing dimensions make one event.

    >>> q = Normal(torch.zeros(3, 2), torch.zeros(3, 2))
    >>> q.batch_shape, q.event_shape, round(q.log_prob(torch.zeros(3, 2))[0].item(), 4)
    (torch.Size([3]), torch.Size([2]), -1.8379)
    """

    has_rsample = True

    def __init__(self, loc: Tensor, log_var: Tensor, event_dim: int = 1) -> None:
        self.loc, self.log_var, self._dims = loc, log_var, tuple(range(-event_dim, 0))
        split = loc.dim() - event_dim
        super().__init__(loc.shape[:split], loc.shape[split:])

    @property
    def mean(self) -> Tensor:  # noqa: D102
        return self.loc

    @property
    def variance(self) -> Tensor:  # noqa: D102
        return self.log_var.exp().expand_as(self.loc)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (0.5 * self.log_var).exp() * eps

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        squares = (value - self.loc) ** 2 * (-self.log_var).exp()
        return -0.5 * (squares + self.log_var + _LOG_2PI).sum(self._dims)


class Delta(_Unvalidated):
    """All mass on one point: the posterior of an autoencoder. It has no density, so no KL.

    >>> Delta(torch.ones(3, 2)).rsample((4,)).shape
    torch.Size([4, 3, 2])
    """

    has_rsample = True

    def __init__(self, value: Tensor) -> None:
        self.value = value
        super().__init__(value.shape[:-1], value.shape[-1:])

    @property
    def mean(self) -> Tensor:  # noqa: D102
        return self.value

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        return self.value.expand(self._extended_shape(sample_shape))


class Quantised(_Unvalidated):
    """All mass on the code nearest to the encoder's output, position by position.

    A discrete latent: ``log_prob`` is the log of a probability, zero at the chosen codes.

    Args:
        output: what the encoder said, (B, P, D).
        codes: the nearest code of each position, (B, P, D).
        indices: its number, (B, P).
    """

    has_rsample = True

    def __init__(self, output: Tensor, codes: Tensor, indices: Tensor) -> None:
        self.output, self.codes, self.indices = output, codes, indices
        super().__init__(output.shape[:-2], output.shape[-2:])

    @property
    def mean(self) -> Tensor:  # noqa: D102
        return self.codes

    @property
    def commitment(self) -> Tensor:
        """Squared distance of the encoder's output from its codes, (B,); the gradient reaches the encoder only."""
        return ((self.output - self.codes.detach()) ** 2).sum((-2, -1))

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """The codes; their gradient goes straight through to the encoder's output."""
        through = self.output + (self.codes - self.output).detach()
        return through.expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        return value.new_zeros(value.shape[:-2])


class Codes(_Unvalidated):
    """A code at each position, drawn independently with its own probabilities.

    Args:
        logits: (P, C).
        codebook: the vectors of the C codes, (C, D).
    """

    def __init__(self, logits: Tensor, codebook: Tensor) -> None:
        self.logits, self.codebook = logits.log_softmax(-1), codebook
        super().__init__(torch.Size(), torch.Size((logits.shape[0], codebook.shape[1])))

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        chosen = torch.distributions.Categorical(logits=self.logits, validate_args=False).sample(
            torch.Size(sample_shape)
        )
        return self.codebook[chosen]

    def log_mass(self, indices: Tensor) -> Tensor:
        """Log-probability of the codes with these numbers, position by position: (..., P) -> (..., P)."""
        logits = self.logits.expand(*indices.shape, self.logits.shape[-1])
        return logits.gather(-1, indices[..., None]).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        return self.log_mass(nearest(value, self.codebook)).sum(-1)


class ContinuousBernoulli(_Unvalidated):
    r"""The Bernoulli's cross-entropy made a density on [0, 1], from its logit :math:`l`.

    .. math:: \log p(x) = x\,l - \mathrm{softplus}(l) + \log\frac{l}{\tanh(l/2)}

    Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845. The normaliser is written in the logit, so it stays exact where
    the probability rounds to 0 or 1; near :math:`l = 0` its series is used.

    >>> x = torch.linspace(0, 1, 10_001)
    >>> round(torch.trapezoid(ContinuousBernoulli(torch.tensor(3.0)).log_prob(x).exp(), x).item(), 4)
    1.0
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape)

    def _away_from_zero(self) -> tuple[Tensor, Tensor]:
        small = self.logits.abs() < 1e-2
        # A harmless stand-in where the series is used, so that no NaN gradient comes out of the unused branch.
        return small, torch.where(small, torch.ones_like(self.logits), self.logits)

    @property
    def mean(self) -> Tensor:  # noqa: D102
        small, logit = self._away_from_zero()
        return torch.where(small, 0.5 + self.logits / 12, -1 / torch.expm1(-logit) - 1 / logit)

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        small, logit = self._away_from_zero()
        normaliser = torch.where(small, math.log(2) + self.logits**2 / 12, (logit / torch.tanh(logit / 2)).log())
        return value * self.logits - F.softplus(self.logits) + normaliser

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
        small, logit = self._away_from_zero()
        # The inverse distribution function, log(1 + u (e^l - 1)) / l, without the overflow of e^l.
        inverse = 1 + torch.logaddexp(u.log(), torch.log1p(-u) - logit) / logit
        return torch.where(small, u, inverse).clamp(0, 1)


class _Levels(_Unvalidated):
    """A distribution over the 256 values of a pixel, given in [0, 1]."""

    @staticmethod
    def _grid(like: Tensor) -> Tensor:
        return torch.arange(256, dtype=like.dtype, device=like.device)


class Levels(_Levels):
    """A free probability for each of a pixel's 256 values.

    Args:
        logits: (..., 256).

    >>> grid = torch.arange(256) / 255
    >>> round(Levels(torch.randn(1, 256)).log_prob(grid[:, None]).exp().sum().item(), 4)
    1.0
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape[:-1])

    @property
    def mean(self) -> Tensor:  # noqa: D102
        return (self.logits.softmax(-1) * self._grid(self.logits)).sum(-1) / 255

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        shape = torch.broadcast_shapes(value.shape, self.logits.shape[:-1])
        level = (value * 255).round().long().expand(shape)
        return self.logits.log_softmax(-1).expand(*shape, 256).gather(-1, level[..., None]).squeeze(-1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        drawn = torch.distributions.Categorical(logits=self.logits, validate_args=False).sample(
            torch.Size(sample_shape)
        )
        return drawn / 255


class DiscretisedLogistic(_Levels):
    r"""A logistic integrated over each of a pixel's 256 bins, the two outer bins open.

    .. math:: P(x) = \sigma\left(\frac{x + h - \mu}{s}\right) - \sigma\left(\frac{x - h - \mu}{s}\right),\ h = 1/510

    Kingma et al. 2016, arXiv 1606.04934; Salimans et al. 2017, arXiv 1701.05517. The difference is taken in logs by
    :math:`\sigma(b) - \sigma(a) = \sigma(b)\,\sigma(-a)\,(1 - e^{a-b})`, which holds its digits in both tails, so no
    case distinction is needed.

    >>> grid = torch.arange(256) / 255
    >>> pixel = DiscretisedLogistic(torch.tensor(0.3), torch.tensor(-2.0))
    >>> round(pixel.log_prob(grid).exp().sum().item(), 4)
    1.0
    """

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.loc, self.log_scale = torch.broadcast_tensors(loc, log_scale)
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        """The mean of the 256 levels, from the probability of reaching each of them."""
        inverse_scale = (-self.log_scale).exp()
        total = torch.zeros_like(self.loc)
        for level in range(1, 256):
            total += ((self.loc - (level - 0.5) / 255) * inverse_scale).sigmoid()
        return total / 255

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        inverse_scale = (-self.log_scale).exp()
        centre = (value - self.loc) * inverse_scale
        half_bin = inverse_scale / 510
        below_top = F.logsigmoid(centre + half_bin)
        above_bottom = F.logsigmoid(half_bin - centre)
        inside = below_top + above_bottom + (-torch.expm1(-2 * half_bin)).clamp_min(1e-30).log()
        level = (value * 255).round()
        return torch.where(level <= 0, below_top, torch.where(level >= 255, above_bottom, inside))

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        drawn = self.loc + self.log_scale.exp() * torch.logit(u, eps=1e-6)
        return (drawn.clamp(0, 1) * 255).round() / 255


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """The number of the code nearest to each vector: (..., D) and (C, D) to (...)."""
    # By |c|² − 2 e·c: one product for all, and no |e|², which changes nothing.
    return (codebook.square().sum(-1) - 2 * vectors @ codebook.T).argmin(-1)


def kl_elements(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) element by element of the latent, in nats, where both factorise over it; else ``None``.

    >>> kl_elements(Normal(torch.ones(1, 3), torch.zeros(1, 3)), Normal(torch.zeros(3), torch.zeros(3)))
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    if isinstance(q, Normal) and isinstance(p, Normal):
        difference = q.log_var - p.log_var
        return 0.5 * (difference.exp() + (q.loc - p.loc) ** 2 * (-p.log_var).exp() - 1 - difference)
    if isinstance(q, Quantised) and isinstance(p, Codes):
        return -p.log_mass(q.indices)
    return None


@register_kl(Normal, Normal)
def _kl_normal(q: Normal, p: Normal) -> Tensor:
    elements = kl_elements(q, p)
    assert elements is not None
    return elements.sum(tuple(range(-len(q.event_shape), 0)))


@register_kl(Quantised, Codes)
def _kl_codes(q: Quantised, p: Codes) -> Tensor:
    return -p.log_mass(q.indices).sum(-1)


def mixture(logits: Tensor, components: Distribution) -> MixtureSameFamily:
    """A mixture of the last batch dimension of ``components`` with these weights."""
    weights = torch.distributions.Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, components, validate_args=False)


def has_density(q: Distribution) -> bool:
    """Whether ``log_prob`` is defined; it is not for a single point in a continuous space."""
    return not isinstance(q, Delta)


__all__ = [
    "Codes",
    "ContinuousBernoulli",
    "Delta",
    "DiscretisedLogistic",
    "Levels",
    "Normal",
    "Quantised",
    "has_density",
    "independent",
    "kl_divergence",
    "kl_elements",
    "mixture",
    "nearest",
]
