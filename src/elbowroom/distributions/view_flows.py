"""The posterior of a joint encoder and of normalizing flows of single views, whichever views an example has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.flow import FlowDistribution
from elbowroom.distributions.latent import Normal

#: Candidates from the flow of each view, among which a draw given several views is chosen.
N_FLOW_CANDIDATES = 16
#: Candidates from the normal that is the product of the flows' moments, which is narrower than each of them.
N_NORMAL_CANDIDATES = 64
#: Candidates that are in memory at once, where one draw of each example has no more.
MAX_CANDIDATES = 1 << 15


def count_candidates(n_views: int) -> int:
    """Return the number of candidates for a draw.

    >>> count_candidates(3)
    112
    """
    return n_views * N_FLOW_CANDIDATES + N_NORMAL_CANDIDATES


class ViewFlows(UncheckedDistribution):
    r"""A normal where an example has all of its views; else the product of flows, one of each view that it has.

    .. math:: q(z \mid x_S) \propto p_0(z)^{1 - |S|} \prod_{v \in S} q_v(z \mid x_v)

    with the standard normal :math:`p_0`: the flow of a single view, and :math:`p_0` without any. That of several views
    is drawn by sampling importance resampling: of candidates from these flows and from the normal that is the product
    of their moments, one is chosen by its exact weight, the ratio of the product to the mixture that all candidates
    are from. So a draw is from the product as the number of candidates grows, and its density is known up to the
    estimate of the constant; where flows are wider than the prior there is none, and draws stay where candidates are.
    Senellart, Chadebec & Allassonnière 2023, arXiv 2305.11832, draw it by Hamiltonian
    Monte Carlo, which needs gradients where there are none, and a length of the chain to choose.

    Draws of examples that lack views have no gradient: what teaches the flows is :meth:`view_log_probs`.

    Args:
        joint: the normal of examples with all views, with batch shape (...) and event shape (D,).
        views: the flow of each view, likewise.
        observed: 1 for each view that an example has, else 0, (..., V).
        fixed_noise: standard normals, (:func:`count_candidates`, D), of the candidates for mean, variance and constant.

    >>> import elbowroom as er
    >>> normal, flow = Normal(torch.ones(2, 3), torch.zeros(2, 3)), er.FlowPosterior(3, "maf:1")
    >>> views = [flow(torch.zeros(2, flow.size)) for _ in range(2)]
    >>> observed = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    >>> q = ViewFlows(normal, views, observed, torch.zeros(count_candidates(2), 3))
    >>> q.rsample((5,)).shape, q.mean[0], q.view_log_probs(torch.zeros(4, 2, 3)).shape
    (torch.Size([5, 2, 3]), tensor([1., 1., 1.]), torch.Size([4, 2, 2]))
    """

    has_rsample = True

    def __init__(self, joint: Normal, views: Sequence[FlowDistribution], observed: Tensor, fixed_noise: Tensor) -> None:
        self.joint, self.views, self.observed, self.fixed_noise = joint, views, observed, fixed_noise
        n_observed = observed.sum(-1)
        #: Whether an example has all views, (...).
        self.is_complete = n_observed == len(views)
        self._is_several = (n_observed > 1) & ~self.is_complete
        self._prior_power = 1 - n_observed
        self._last_draw: Tensor | None = None
        super().__init__(joint.batch_shape, joint.event_shape)

    @cached_property
    def _is_joint(self) -> bool:
        """Whether no flow is needed, as all examples have all views: those of others cost a pass for each latent."""
        return _holds(self.is_complete.all())

    @cached_property
    def _is_product_free(self) -> bool:
        """Whether no example has several views, but not all."""
        return len(self.views) < 3 or _holds(~self._is_several.any())

    @property
    def mean(self) -> Tensor:
        """The mean; of a single view's flow, what the mean of its normal is mapped to: the draw of no noise."""
        with noise.zero_noise():
            return self._draw(torch.Size())

    @property
    def variance(self) -> Tensor:
        exact = self.joint.variance
        if self._is_joint:
            return exact
        (z, log_w), weighted_mean = self._fixed_candidates, self._weighted_mean
        estimate = (log_w.softmax(0)[..., None] * (z - weighted_mean).square()).sum(0)
        return exact.where(self.is_complete[..., None], estimate)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        self._last_draw = self._draw(torch.Size(sample_shape))
        return self._last_draw

    def view_log_probs(self, value: Tensor) -> Tensor:
        """Return log q_v(z | x_v) of each view, nats: (..., D) to (..., V); of a missing view it has no meaning."""
        return torch.stack([view.log_prob(value) for view in self.views], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log q(z | observed views), nats: (..., D) to (...); of several views with the constant's estimate."""
        exact = self.joint.log_prob(value)
        if self._is_joint:
            return exact
        product = self._score_product(self.view_log_probs(value), value)
        if not self._is_product_free:
            constant = self._fixed_candidates[1].logsumexp(0) - self._n_candidates.log()
            product = torch.where(self._is_several, product - constant, product)
        return exact.where(self.is_complete, product)

    def kl_from(self, prior: Normal) -> Tensor:
        """Return KL(q || prior), nats: exact with all views, (...), else an estimate by each last draw, (K, ...).

        That estimate has no gradient, as its draws have none.
        """
        exact = kl_divergence(self.joint, prior)
        if self._is_joint:
            return exact
        z = self.rsample(torch.Size((1,))) if self._last_draw is None else self._last_draw
        with torch.no_grad():
            estimate = self.log_prob(z) - prior.log_prob(z)
        return exact.where(self.is_complete, estimate)

    def _draw(self, sample_shape: torch.Size) -> Tensor:
        shape = self._extended_shape(sample_shape)
        eps = noise.standard_normal(shape, self.joint.loc)
        z = self.joint.from_noise(eps)
        if self._is_joint:
            return z
        with torch.no_grad():
            others = eps  # without any view
            for view, is_observed in zip(self.views, self.observed.unbind(-1), strict=True):
                others = view.from_noise(eps).where(is_observed[..., None] > 0, others)
            if not self._is_product_free:
                product = self._weighted_mean.expand(shape) if noise.is_zero() else self._resample(shape)
                others = product.where(self._is_several[..., None], others)
        return z.where(self.is_complete[..., None], others)

    def _resample(self, shape: torch.Size) -> Tensor:
        """Choose one of the candidates of each draw by their weights: to (..., D)."""
        *batch, size = shape
        n = len(self.fixed_noise)
        numbers = noise.standard_normal(torch.Size((*batch, n * size + 1)), self.joint.loc)
        uniform = noise.to_uniform(numbers[..., -1])
        eps = torch.unflatten(numbers[..., :-1], -1, (n, size)).movedim(-2, 0)
        # Some draws after the others, since each has about a hundred candidates.
        step = max(1, MAX_CANDIDATES // (n * max(1, self.batch_shape.numel())))
        parts = torch.split(eps.reshape(n, -1, *self.joint.loc.shape), step, 1)
        uniforms = torch.split(uniform.reshape(-1, *self.batch_shape), step)
        return torch.cat([self._choose(*pair) for pair in zip(parts, uniforms, strict=True)]).reshape(shape)

    def _choose(self, eps: Tensor, uniform: Tensor) -> Tensor:
        z, log_w = self._make_candidates(eps)
        index = (uniform > log_w.softmax(0).cumsum(0)[:-1]).sum(0)
        return z.take_along_dim(index[None, ..., None], 0).squeeze(0)

    def _make_candidates(self, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Return candidates and their log weights, whose mean is the product's constant: (N, ..., D) and (N, ...)."""
        n_views, n = len(self.views), N_FLOW_CANDIDATES
        *of_views, of_normal = torch.split(eps, [n] * n_views + [len(eps) - n * n_views])
        drawn = [view.from_noise(part) for view, part in zip(self.views, of_views, strict=True)]
        z = torch.cat([*drawn, self._product_normal.from_noise(of_normal)])
        scores = self.view_log_probs(z)
        unobserved = self.observed == 0
        parts = torch.cat(
            [
                scores.masked_fill(unobserved, -math.inf) + math.log(n),
                self._product_normal.log_prob(z)[..., None] + math.log(N_NORMAL_CANDIDATES),
            ],
            -1,
        )
        log_w = self._score_product(scores, z) - parts.logsumexp(-1) + self._n_candidates.log()
        of_flows, of_rest = log_w[: n * n_views], log_w[n * n_views :]
        lead = [1] * (log_w.dim() - 1 - len(self.batch_shape))
        is_skipped = unobserved.movedim(-1, 0).repeat_interleave(n, 0).reshape(-1, *lead, *self.batch_shape)
        return z, torch.cat([of_flows.masked_fill(is_skipped, -math.inf), of_rest])

    def _score_product(self, scores: Tensor, z: Tensor) -> Tensor:
        """Return the log of the product without its constant, nats: (..., V) and (..., D) to (...)."""
        prior = Normal(torch.zeros_like(self.joint.loc), torch.zeros_like(self.joint.loc))
        return scores.masked_fill(self.observed == 0, 0.0).sum(-1) + self._prior_power * prior.log_prob(z)

    @property
    def _n_candidates(self) -> Tensor:
        """How many candidates an example has: those of the views that it lacks do not count, (...)."""
        return N_FLOW_CANDIDATES * self.observed.sum(-1) + N_NORMAL_CANDIDATES

    @cached_property
    def _product_normal(self) -> Normal:
        """The product of normals with the moments of the flows, over the prior, and no wider than the prior."""
        with torch.no_grad():
            z = torch.stack([view.from_noise(self._fixed_noise) for view in self.views], -2)
            is_observed = self.observed[..., None]
            precision = is_observed / z.var(0).clamp_min(torch.finfo(z.dtype).tiny)
            total = (precision.sum(-2) + self._prior_power[..., None]).clamp_min(1)
            return Normal((precision * z.mean(0)).sum(-2) / total, -total.log())

    @property
    def _fixed_noise(self) -> Tensor:
        lead = [1] * len(self.batch_shape)
        return self.fixed_noise.reshape(-1, *lead, *self.event_shape).expand(-1, *self.joint.loc.shape)

    @cached_property
    def _fixed_candidates(self) -> tuple[Tensor, Tensor]:
        """Candidates of the fixed noise, and their log weights."""
        with torch.no_grad():
            return self._make_candidates(self._fixed_noise)

    @property
    def _weighted_mean(self) -> Tensor:
        z, log_w = self._fixed_candidates
        return (log_w.softmax(0)[..., None] * z).sum(0)


def _holds(condition: Tensor) -> bool:
    """Whether a condition is known to hold: while a CUDA graph is captured or exported, no value can be read."""
    if torch.compiler.is_compiling():
        return False
    return not (condition.is_cuda and torch.cuda.is_current_stream_capturing()) and bool(condition)
