"""A prior whose first latents depend on a label each, in one of two normals."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal

_LOG_2PI = math.log(2 * math.pi)


class CharacteristicPrior(nn.Module):
    r"""A latent for each of L labels, drawn from a normal of its value, and further ones from the standard normal.

    .. math:: p(z \mid y) = \prod_{i \le L} \mathcal N(z_i; \mu_{i, y_i}, \sigma_{i, y_i}^2)
        \prod_{i > L} \mathcal N(z_i; 0, 1), \qquad p(y) = \prod_i p(y_i), \quad y_i \in \{0, 1\}

    Joy et al. 2021, arXiv 2006.10102. The prior of examples is the sum over all labels, which is exact, since they are
    independent: a mixture of two normals for each of the first latents.

    Args:
        latent: size of z.
        labels: L.

    Raises:
        ValueError: there is no label, or the latent is smaller than their number.

    >>> prior = CharacteristicPrior(3, labels=2)
    >>> prior().sample((4,)).shape, prior.conditional(torch.eye(2)).mean
    (torch.Size([4, 3]), tensor([[ 1., -1.,  0.],
            [-1.,  1.,  0.]], grad_fn=<CatBackward0>))
    """

    def __init__(self, latent: int, labels: int) -> None:
        super().__init__()
        if labels < 1:
            raise ValueError(f"labels, which latents are of, must be at least 1, got {labels}")
        if latent < labels:
            raise ValueError(f"each of {labels} labels takes a latent: latent must be at least {labels}, got {latent}")
        self.latent, self.labels = latent, labels
        self.logits = nn.Parameter(torch.zeros(labels))
        self.loc = nn.Parameter(torch.tensor([-1.0, 1.0]).repeat(labels, 1))
        self.log_var = nn.Parameter(torch.zeros(labels, 2))
        self.numbers_per_latent = latent + 2 * labels

    def component_scores(self, z: Tensor) -> Tensor:
        r"""Return :math:`\log p(z_i, y_i)` of both values of each label, nats: (..., D) to (..., L, 2)."""
        squares = (z[..., : self.labels, None] - self.loc).square() * (-self.log_var).exp()
        log_py = torch.stack((F.logsigmoid(-self.logits), F.logsigmoid(self.logits)), -1)
        return log_py - 0.5 * (squares + self.log_var + _LOG_2PI)

    def label_logits(self, z: Tensor) -> Tensor:
        r"""Return the log-odds of each label given latents, :math:`p(y_i \mid z_i)`: (..., D) to (..., L)."""
        scores = self.component_scores(z)
        return scores[..., 1] - scores[..., 0]

    def conditional(self, y: Tensor) -> Normal:
        """Return p(z|y) of labels from 0 to 1, (..., L): those between mix means and log-variances."""
        loc, log_var = (torch.lerp(one[:, 0], one[:, 1], y) for one in (self.loc, self.log_var))
        rest = loc.new_zeros(*y.shape[:-1], self.latent - self.labels)
        return Normal(torch.cat((loc, rest), -1), torch.cat((log_var, rest), -1))

    def forward(self) -> CharacteristicDensity:
        return CharacteristicDensity(self)


class CharacteristicDensity(UncheckedDistribution):
    """The density of a :class:`CharacteristicPrior`, of all labels together."""

    def __init__(self, prior: CharacteristicPrior) -> None:
        self.prior = prior
        super().__init__(torch.Size(), torch.Size((prior.latent,)))

    @property
    def mean(self) -> Tensor:
        share = self.prior.logits.sigmoid()
        return self.prior.conditional(share).mean

    def log_prob(self, value: Tensor) -> Tensor:
        rest = value[..., self.prior.labels :]
        standard = -0.5 * (rest.square() + _LOG_2PI).sum(-1)
        return self.prior.component_scores(value).logsumexp(-1).sum(-1) + standard

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        prior, size = self.prior, self.prior.latent
        eps = noise.standard_normal(torch.Size((*sample_shape, size + prior.labels)), prior.loc)
        y = (noise.to_uniform(eps[..., size:]) < prior.logits.sigmoid()).to(eps.dtype)
        p = prior.conditional(y)
        return p.loc + (0.5 * p.log_var).exp() * eps[..., :size]
