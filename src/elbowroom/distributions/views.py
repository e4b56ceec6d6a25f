"""Distributions of examples of several views, and mixtures of normals over their latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal


class IndependentViews(UncheckedDistribution):
    r"""Independent views, flattened and in turn, each with its own distribution; a missing one (NaN) adds nothing.

    .. math:: \log p(x) = \sum_{v \text{ observed}} \log p_v(x_v)

    Args:
        views: the distribution of each view, with the same batch shape.
        has_gaps: for each view whether its distribution takes single missing values; of another, one value that is
            missing makes the view missing.

    >>> views = [Normal(torch.zeros(1, 2), torch.zeros(1, 2)), Normal(torch.ones(1, 1), torch.zeros(1, 1))]
    >>> p = IndependentViews(views)
    >>> p.mean, p.log_prob(torch.tensor([[0.0, 0.0, torch.nan]]))
    (tensor([[0., 0., 1.]]), tensor([-1.8379]))
    """

    def __init__(self, views: Sequence[Distribution], has_gaps: Sequence[bool] = ()) -> None:
        self.views, self.has_gaps = views, has_gaps or [False] * len(views)
        self.sizes = [view.event_shape.numel() for view in views]
        super().__init__(views[0].batch_shape, torch.Size((sum(self.sizes),)))

    @property
    def mean(self) -> Tensor:
        return torch.cat([self._flatten(view.mean, view) for view in self.views], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.view_log_probs(value).sum(-1)

    def view_log_probs(self, value: Tensor) -> Tensor:
        """Return log p of each view, (..., V), nats; 0 for a missing one."""
        scores = []
        for view, part, takes_gaps in zip(self.views, torch.split(value, self.sizes, -1), self.has_gaps, strict=True):
            is_missing = part.isnan().all(-1) if takes_gaps else part.isnan().any(-1)
            # Filled before scoring, so that no NaN enters a gradient.
            filled = part.masked_fill(is_missing[..., None], 0)
            score = view.log_prob(filled.reshape(*filled.shape[:-1], *view.event_shape))
            scores.append(score.masked_fill(is_missing, 0))
        return torch.stack(scores, -1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return torch.cat([self._flatten(view.sample(sample_shape), view) for view in self.views], -1)

    @staticmethod
    def _flatten(value: Tensor, view: Distribution) -> Tensor:
        return value.flatten(value.dim() - len(view.event_shape))


class PosteriorMixture(UncheckedDistribution):
    r"""A mixture of normals for each example, with weights that are no parameters: :math:`q(z) = \sum_c w_c\, q_c(z)`.

    The gradient of a draw is that of the component it comes from. In training the K draws of an example are stratified:
    with equal weights and K a multiple of their number each component has as many draws, as in Shi et al. 2019, arXiv
    1911.03393. Its KL is estimated from the draws.

    Args:
        weights: (..., C), which add up to 1.
        components: normals with batch shape (..., C).

    >>> q = PosteriorMixture(torch.tensor([[0.5, 0.5]]), Normal(torch.tensor([[[-9.0], [9.0]]]), torch.zeros(1, 2, 1)))
    >>> q.rsample((4,)).sign().sum(0), q.mean
    (tensor([[0.]]), tensor([[0.]]))
    """

    has_rsample = True

    def __init__(self, weights: Tensor, components: Normal) -> None:
        self.weights, self.components = weights, components
        super().__init__(weights.shape[:-1], components.event_shape)

    @property
    def mean(self) -> Tensor:
        return self._average(self.components.mean)

    @property
    def variance(self) -> Tensor:
        squares = self.components.variance + self.components.mean**2
        return self._average(squares) - self.mean**2

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        if noise.is_zero():
            return self.mean.expand(shape)
        batch = torch.Size(shape[: len(shape) - len(self.event_shape)])
        edges = self.weights.cumsum(-1)[..., :-1]
        index = (noise.stratified_uniform(batch, self.weights)[..., None] > edges).sum(-1)
        loc, log_var = (self._pick(value, index) for value in (self.components.loc, self.components.log_var))
        return Normal(loc, log_var, len(self.event_shape)).rsample()

    def log_prob(self, value: Tensor) -> Tensor:
        scores = self.components.log_prob(value.unsqueeze(-1 - len(self.event_shape)))
        return (scores + self.weights.log()).logsumexp(-1)

    def _average(self, value: Tensor) -> Tensor:
        weights = self.weights[(..., *[None] * len(self.event_shape))]
        return (weights * value).sum(-1 - len(self.event_shape))

    def _pick(self, value: Tensor, index: Tensor) -> Tensor:
        """Return the component of each draw: (..., C, *event) and (K, ...) to (K, ..., *event)."""
        axis = -1 - len(self.event_shape)
        value = value.expand(*index.shape[: index.dim() - value.dim() - axis], *value.shape)
        return value.take_along_dim(index[(..., *[None] * -axis)], axis).squeeze(axis)
