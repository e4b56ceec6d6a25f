"""The standard normal resampled by a learned acceptance: LARS."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal
from elbowroom.families.base import Shape
from elbowroom.models.priors.registry import PriorContext, parse_count, register_prior
from elbowroom.networks import MLP

#: Draws of the standard normal by which Z is estimated in a training step, as in the paper.
TRAINING_PROBES = 1024
#: Fixed draws by which it is estimated otherwise.
EVALUATION_PROBES = 1 << 14
#: Proposals, of which the last is accepted whatever its acceptance, T in the paper.
PROPOSALS = 100
#: Widths of the hidden layers of the acceptance network, as in the paper.
ACCEPTANCE_WIDTHS = (100, 100)


class ResampledPrior(nn.Module):
    r"""The standard normal, thinned by a learned acceptance probability: learned accept/reject sampling (LARS).

    .. math:: p(z) = \left( (1 - (1 - Z)^{T-1}) \frac{a(z)}{Z} + (1 - Z)^{T-1} \right) \pi(z),
        \quad Z = E_{\pi}[a(z)]

    Bauer & Mnih 2019, arXiv 1810.11428. A draw proposes from :math:`\pi = \mathcal N(0, I)` until a proposal is
    accepted, with probability a(z), and takes the T-th as it is. Z is a mean over draws of :math:`\pi`: fresh ones in a
    training step, whose gradient trains a too, and otherwise fixed ones, many more, so that a figure of an example is
    the same in any company.

    Honesty: the estimate of Z is unbiased, and that of log p(z) is high by half its relative variance, about
    :math:`(1/Z - 1) / 2n` nats of every example alike at n = 16,384; :attr:`log_z_error` has its standard error.

    Deviation: in training the mean is over the fresh draws alone, and not smoothed over steps.

    Args:
        latent: size or shape of z.
        proposals: T.

    >>> prior = ResampledPrior(2).eval()
    >>> prior().sample((3,)).shape, prior.log_z_error.item() < 0.01
    (torch.Size([3, 2]), True)
    """

    probes: Tensor

    def __init__(self, latent: Shape, proposals: int = PROPOSALS) -> None:
        super().__init__()
        if proposals < 2:
            raise ValueError(f"a resampled prior needs at least 2 proposals, got {proposals}")
        shape = (latent,) if isinstance(latent, int) else tuple(latent)
        self.accept = MLP(shape, size=1, hidden=ACCEPTANCE_WIDTHS, activation="tanh")
        self.proposals, self.numbers_per_latent = proposals, sum(ACCEPTANCE_WIDTHS) + math.prod(shape)
        self._known: tuple[list[tuple[int, int]], Tensor] | None = None
        probes = torch.randn(EVALUATION_PROBES, *shape, generator=torch.Generator().manual_seed(0))
        self.register_buffer("probes", probes, persistent=False)

    def log_acceptance(self, z: Tensor) -> Tensor:
        """Return log a(z), (..., *latent) to (...)."""
        return F.logsigmoid(self.accept(z)[..., 0])

    def forward(self) -> ResampledNormal:
        if self.training or torch.is_grad_enabled():
            probes = self._draw_probes() if self.training else self.probes
            return ResampledNormal(self, self._estimate_log_z(probes))
        # Weights change in place, which their version counts.
        versions = [(id(p), p._version) for p in self.parameters()]
        if self._known is None or self._known[0] != versions:
            self._known = versions, self._estimate_log_z(self.probes)
        return ResampledNormal(self, self._known[1])

    def _draw_probes(self) -> Tensor:
        shape, like = (TRAINING_PROBES, *self.probes.shape[1:]), self.probes
        return torch.randn(shape, dtype=like.dtype, device=like.device)

    def _estimate_log_z(self, probes: Tensor) -> Tensor:
        return self.log_acceptance(probes).logsumexp(0) - math.log(len(probes))

    @property
    def log_z_error(self) -> Tensor:
        """The standard error of log Z as it is estimated outside training, nats."""
        with torch.no_grad():
            acceptance = self.log_acceptance(self.probes).exp()
        return acceptance.std() / acceptance.mean() / math.sqrt(len(acceptance))


class ResampledNormal(UncheckedDistribution):
    """The density of a :class:`ResampledPrior`.

    Args:
        prior: that it is of.
        log_z: the logarithm of its acceptance rate.
    """

    def __init__(self, prior: ResampledPrior, log_z: Tensor) -> None:
        self.prior, self.log_z = prior, log_z
        like = prior.probes
        zero = torch.zeros(like.shape[1:], dtype=like.dtype, device=like.device)
        self.base = Normal(zero, zero, zero.dim())
        super().__init__(torch.Size(), zero.shape)

    @property
    def mean(self) -> Tensor:
        """The mean of the normal weighted by the acceptance, estimated."""
        weights = self.prior.log_acceptance(self.prior.probes).softmax(0)
        mean: Tensor = torch.tensordot(weights, self.prior.probes, 1)
        return mean

    def log_prob(self, value: Tensor) -> Tensor:
        # The rest, that no proposal but the last was accepted, has the probability (1 - Z)^(T - 1).
        log_rest = (self.prior.proposals - 1) * torch.log1p(-self.log_z.exp().clamp(max=1 - 1e-6))
        log_accepted = torch.log(-torch.expm1(log_rest).clamp(max=-1e-12))
        accepted = log_accepted + self.prior.log_acceptance(value) - self.log_z
        return self.base.log_prob(value) + torch.logaddexp(accepted, log_rest.expand_as(accepted))

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw T proposals of each, and take the first that is accepted, or the last."""
        size = math.prod(self.event_shape)
        eps = noise.standard_normal(torch.Size((*sample_shape, self.prior.proposals, size + 1)), self.log_z)
        proposals = torch.unflatten(eps[..., 1:], -1, self.event_shape)
        is_accepted = noise.to_uniform(eps[..., 0]).log() <= self.prior.log_acceptance(proposals)
        is_accepted = torch.cat((is_accepted[..., :-1], torch.ones_like(is_accepted[..., -1:])), -1)
        first = is_accepted.float().argmax(-1)
        index = first.reshape(*first.shape, 1, *[1] * len(self.event_shape))
        z: Tensor = proposals.take_along_dim(index, first.dim()).squeeze(first.dim())
        return z


@register_prior(
    "resampled",
    "The standard normal with a learned acceptance (Bauer & Mnih 2019, arXiv 1810.11428).",
    "PROPOSALS",
    parse_count,
)
def make_resampled(context: PriorContext, proposals: int = PROPOSALS) -> ResampledPrior:
    """Return a resampled normal of so many proposals."""
    return ResampledPrior(context.latent, proposals)
