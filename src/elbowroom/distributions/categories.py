"""Categorical latents as one-hot vectors, and their relaxation: Gumbel-softmax, or Concrete."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import register_kl

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.quantized import gumbel_noise
from elbowroom.manifolds import Simplices
from elbowroom.manifolds.orthant import MIN_POSITIVE


class OneHot(UncheckedDistribution):
    r"""Independent categories, each as a one-hot vector: a discrete latent.

    .. math:: \log p(z) = \sum_p \sum_c z_{pc} \log \pi_{pc}

    The mean is the probabilities; without noise a draw is the mean.

    Args:
        logits: (..., P·C), or (..., C, *space) of a map.
        layout: which of them are the C classes of a position.

    >>> q = OneHot(torch.tensor([[0.0, 0.0, 1.0, 0.0]]), Simplices(2))
    >>> q.log_prob(torch.tensor([1.0, 0.0, 1.0, 0.0])), q.mean
    (tensor([-1.0064]), tensor([[0.5000, 0.5000, 0.7311, 0.2689]]))
    """

    has_rsample = True

    def __init__(self, logits: Tensor, layout: Simplices) -> None:
        event_dim = 1 + len(layout.space)
        self.layout, self.log_probs = layout, layout.split(logits).log_softmax(-1)
        super().__init__(logits.shape[: logits.dim() - event_dim], logits.shape[logits.dim() - event_dim :])

    @property
    def mean(self) -> Tensor:
        return self.layout.join(self.log_probs.exp())

    @property
    def variance(self) -> Tensor:
        """That of the one-hot vectors, element by element."""
        return self.mean * (1 - self.mean)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Return one-hot draws, without a gradient."""
        if noise.is_zero():
            return self.mean.expand(self._extended_shape(sample_shape))
        return self.layout.join(one_hot(self.noisy_log_probs(sample_shape)))

    def noisy_log_probs(self, sample_shape: Any) -> Tensor:
        """Return log-probabilities with Gumbel noise, whose largest is a draw: (*sample, ..., P, C)."""
        shape = torch.Size((*sample_shape, *self.log_probs.shape))
        return self.log_probs + gumbel_noise(shape, self.log_probs)

    def log_prob(self, value: Tensor) -> Tensor:
        # The log-probability of a class that no float holds is finite, and nothing times it is nothing.
        return (self.layout.split(value) * self.log_probs).sum((-2, -1))


class RelaxedOneHot(OneHot):
    r"""Relaxed categories, points inside of simplexes: a density, with a gradient for the probabilities.

    .. math:: z_p = \operatorname{softmax}\left( (\log \pi_p + g_p) / \tau \right), \quad
        g_{pc} \sim \operatorname{Gumbel}

    Jang, Gu & Poole 2017, arXiv 1611.01144 (Gumbel-softmax), and Maddison, Mnih & Teh 2017, arXiv 1611.00712
    (Concrete), whose density over the simplex is

    .. math:: \log p(z) = \sum_p \log (C-1)!\, + (C-1) \log \tau
        + \sum_c \left[ \log \pi_{pc} - (\tau + 1) \log z_{pc} \right]
        - C \log \sum_c \pi_{pc} z_{pc}^{-\tau}

    As the temperature τ falls to zero draws become one-hot, and their gradient varies more.

    Args:
        logits: (..., P·C), or (..., C, *space) of a map.
        layout: which of them are the C classes of a position.
        temperature: τ, above zero.
        is_hard: draws are one-hot, with the gradient of the relaxed ones (straight-through); they have no density.

    >>> q = RelaxedOneHot(torch.zeros(1, 2), Simplices(2), torch.tensor(1.0))
    >>> q.log_prob(torch.tensor([0.3, 0.7]))
    tensor([0.])
    """

    def __init__(self, logits: Tensor, layout: Simplices, temperature: Tensor, is_hard: bool = False) -> None:
        super().__init__(logits, layout)
        self.temperature, self.is_hard = temperature, is_hard

    @property
    def variance(self) -> Tensor:
        """That of hard draws; of relaxed ones it has no closed form."""
        if self.is_hard:
            return super().variance
        raise NotImplementedError("the variance of relaxed categories has no closed form")

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        if noise.is_zero():
            return self.mean.expand(self._extended_shape(sample_shape))
        relaxed = (self.noisy_log_probs(sample_shape) / self.temperature).softmax(-1)
        if self.is_hard:
            return self.layout.join(one_hot(relaxed) + (relaxed - relaxed.detach()))
        return self.layout.join(relaxed.clamp_min(MIN_POSITIVE))

    def log_prob(self, value: Tensor) -> Tensor:
        if self.is_hard:
            return super().log_prob(value)
        log_z = self.layout.split(value).clamp_min(MIN_POSITIVE).log()
        classes, temperature = self.layout.classes, torch.as_tensor(self.temperature)
        constant = math.lgamma(classes) + (classes - 1) * temperature.log()
        elements = (self.log_probs - (temperature + 1) * log_z).sum(-1)
        return (constant + elements - classes * (self.log_probs - temperature * log_z).logsumexp(-1)).sum(-1)


def one_hot(scores: Tensor) -> Tensor:
    """Return the one-hot vectors of the largest scores, (..., C)."""
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)


def kl_of_categories(q: OneHot, p: OneHot) -> Tensor:
    """Return the KL of the categories of each position, whatever relaxes them: (..., P), nats."""
    return (q.log_probs.exp() * (q.log_probs - p.log_probs)).sum(-1)


@register_kl(OneHot, OneHot)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_one_hot(q: OneHot, p: OneHot) -> Tensor:
    return kl_of_categories(q, p).sum(-1)


@register_kl(RelaxedOneHot, RelaxedOneHot)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_relaxed(q: RelaxedOneHot, p: RelaxedOneHot) -> Tensor:
    raise NotImplementedError("the KL of relaxed categories has no closed form")
