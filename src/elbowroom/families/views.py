"""Families for examples of several views: their likelihood, and posteriors fused from an expert of each view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from itertools import product

import torch
import torch.distributions as td
from torch import Tensor, nn

from elbowroom import distributions, errors
from elbowroom.distributions.latent import MAX_LOG_PRECISION, Normal
from elbowroom.distributions.views import IndependentViews, PosteriorMixture
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import likelihood, register_likelihood
from elbowroom.view_shape import VIEWS_LIKELIHOOD, ViewShape, resolve_view_shape

#: Most views of which every subset is a component.
MAX_SUBSET_VIEWS = 6


class Views(Family):
    r"""Views of an example side by side, independent given z; a missing one is NaN and adds nothing.

    .. math:: \log p(x \mid z) = \sum_{v \text{ observed}} \log p_v(x_v \mid z)

    Args:
        shape: of the examples, which has the likelihood of each view.

    >>> from elbowroom.view_shape import View
    >>> family = Views(ViewShape([View("image", (1, 2, 2), "bernoulli"), View("digit", (1,), "columns:10")]))
    >>> family.size, family(torch.zeros(3, family.size)).log_prob(torch.zeros(3, 5))
    (14, tensor([-5.0752, -5.0752, -5.0752]))
    """

    missing = True

    def __init__(self, shape: ViewShape) -> None:
        super().__init__(shape)
        self.views = shape
        self.families = nn.ModuleList(likelihood(view.likelihood, view.shape) for view in shape.views)
        parts = self.parts
        self.sizes = [family.size for family in parts]
        self.size = sum(self.sizes)
        self.support = (min(family.support[0] for family in parts), max(family.support[1] for family in parts))
        self.levels = parts[0].levels if len({family.levels for family in parts}) == 1 else None

    @property
    def parts(self) -> list[Family]:
        """The family of each view."""
        return [family for family in self.families.children() if isinstance(family, Family)]

    @property
    def is_mass(self) -> bool:
        return all(family.is_mass for family in self.parts)

    def forward(self, phi: Tensor) -> td.Distribution:
        parts, numbers = self.parts, torch.split(phi, self.sizes, -1)
        has_gaps = [family.missing for family in parts]
        return IndependentViews([family(part) for family, part in zip(parts, numbers, strict=True)], has_gaps)


@register_likelihood(VIEWS_LIKELIHOOD, "for examples of several views, the likelihood of each", "VIEWS")
def view_likelihoods(shape: Shape, views: str = "") -> Views:
    """Return the likelihood of examples whose views the shape knows or ``views`` spells out, as ``a=gaussian@2``."""
    plain = shape if isinstance(shape, ViewShape) else (shape,) if isinstance(shape, int) else tuple(shape)
    return Views(resolve_view_shape(f"{VIEWS_LIKELIHOOD}:{views}", plain))


def all_views(n: int) -> list[tuple[bool, ...]]:
    """Return the subset of all n views."""
    return [(True,) * n]


def single_views(n: int) -> list[tuple[bool, ...]]:
    """Return the n subsets of one view."""
    return [tuple(i == j for j in range(n)) for i in range(n)]


def every_subset(n: int) -> list[tuple[bool, ...]]:
    """Return the subsets of n views that are not empty, 2^n - 1.

    >>> every_subset(2)
    [(False, True), (True, False), (True, True)]
    """
    if n > MAX_SUBSET_VIEWS:
        raise ValueError(
            f"{n} views have {2**n - 1:,} subsets, and {MAX_SUBSET_VIEWS} views are the most: train mvae or mmvae"
        )
    return [subset for subset in product((False, True), repeat=n) if any(subset)]


#: The subsets of views whose products are mixed, by the name of the rule.
FUSIONS: dict[str, Callable[[int], list[tuple[bool, ...]]]] = {
    "product": all_views,
    "mixture": single_views,
    "mixture-of-products": every_subset,
}


class ViewPosterior(Family):
    """A posterior from one normal expert of each view, of which some are missing: the output of :class:`ViewEncoder`.

    The parameters are mean and log-variance of each of the V experts in turn, and V numbers that are 1 where the view
    is observed and 0 where it is missing.

    Args:
        latent: size of z.
        n_views: the number of views.
        private: how many of the latents each view has for itself: the last ones of z, those of the first view first.

    Attributes:
        has_joint: whether parameters of the posterior of all views come first, from all views together.
        expert_size: how many parameters the expert of a view has.

    Raises:
        ValueError: none of the latents is left to be shared.
    """

    has_joint = False

    def __init__(self, latent: int, n_views: int, private: int = 0) -> None:
        if private < 0 or latent <= private * n_views:
            raise ValueError(f"{private} latents of each of {n_views} views leave none of {latent} to be shared")
        super().__init__(latent)
        self.n_views, self.expert_size = n_views, 2 * self.shape[0]
        self.size = (self.expert_size + 1) * n_views
        self.private, self.shared = private, latent - private * n_views

    def dimensions_of(self, view: int) -> list[int]:
        """Return the indices of the latents that a view is decoded from: the shared ones, and its own."""
        start = self.shared + view * self.private
        return [*range(self.shared), *range(start, start + self.private)]

    @abstractmethod
    def forward(self, phi: Tensor) -> td.Distribution:
        """Map ``phi``, (..., size), to q(z | observed views)."""

    def split_experts(self, phi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Split the parameters: means and log-variances (..., V, *latent), and which are observed, (..., V)."""
        experts, observed = phi[..., : -self.n_views], phi[..., -self.n_views :]
        loc, log_var = experts.reshape(*experts.shape[:-1], self.n_views, 2, *self.shape).unbind(-2)
        return loc, log_var, observed


class FusedExperts(ViewPosterior):
    r"""The experts of subsets of the views multiplied, and the products mixed: one rule for MVAE, MMVAE and MoPoE.

    .. math:: q(z \mid x) = \frac1{|\mathcal S|} \sum_{S \in \mathcal S} q_S(z), \qquad
        q_S(z) \propto p_0(z)^{a} \prod_{v \in S \cap O} q_v(z \mid x_v)

    where O are the observed views. The subsets are all views together (``product``: MVAE, Wu & Goodman 2018, arXiv
    1802.05335), each alone (``mixture``: MMVAE, Shi et al. 2019, arXiv 1911.03393), or every one
    (``mixture-of-products``: MoPoE, Sutter, Daunhawer & Vogt 2021, arXiv 2105.02470); those of which no view is
    observed are left out, so that missing views leave the uniform mixture over the subsets of the others. With no view
    at all it is the standard normal :math:`p_0`.

    Latents that a view has for itself are those of its expert alone, in the subsets with this view, and standard normal
    in the others: with all views together DMVAE, Lee & Pavlovic 2021, arXiv 2012.13024, and with each alone MMVAE+,
    Palumbo, Daunhawer & Vogt 2023, openreview sdQGxouELX.

    Args:
        latent: size of z.
        n_views: the number of views.
        fusion: a name in :data:`FUSIONS`.
        prior_expert: a, whether the standard normal is one of the experts of every product.
        private: how many of the latents each view has for itself.

    The experts of these parameters have the means 1 and 4, and the variances 1; the product's mean is between them:

    >>> phi = torch.tensor([1.0, 0.0, 4.0, 0.0, 1.0, 1.0])
    >>> FusedExperts(1, 2)(phi).mean, FusedExperts(1, 2, prior_expert=True)(phi).mean
    (tensor([2.5000]), tensor([1.6667]))
    >>> FusedExperts(1, 2, "mixture")(phi).log_prob(torch.tensor([1.0]))
    tensor(-1.6010)
    """

    subsets: Tensor
    is_expert: Tensor
    prior_precision: Tensor

    def __init__(
        self, latent: int, n_views: int, fusion: str = "product", prior_expert: bool = False, private: int = 0
    ) -> None:
        super().__init__(latent, n_views, private)
        if fusion not in FUSIONS:
            raise errors.unknown_name("fusion", fusion, FUSIONS)
        self.fusion, self.prior_expert = fusion, prior_expert
        self.register_buffer("subsets", torch.tensor(FUSIONS[fusion](n_views)).float(), persistent=False)
        is_expert = torch.zeros(n_views, latent)
        for view in range(n_views):
            is_expert[view, self.dimensions_of(view)] = 1
        self.register_buffer("is_expert", is_expert, persistent=False)
        is_shared = (torch.arange(latent) < self.shared).float()
        self.register_buffer("prior_precision", is_shared * prior_expert, persistent=False)

    def forward(self, phi: Tensor) -> td.Distribution:
        loc, log_var, observed = self.split_experts(phi)
        is_expert = observed[..., None] * self.is_expert
        precision = (-log_var).clamp(max=MAX_LOG_PRECISION).exp() * is_expert
        # Where a subset has no expert of a latent it is the standard normal.
        prior_precision = torch.maximum(1 - self.subsets @ is_expert, self.prior_precision).clamp_min(0)
        total = self.subsets @ precision + prior_precision
        is_empty = (observed @ self.subsets.T == 0).to(phi.dtype)
        products = Normal(self.subsets @ (precision * loc) / total, -total.log())
        if len(self.subsets) == 1:
            return Normal(products.loc.squeeze(-2), products.log_var.squeeze(-2))
        # With no view at all, each product is the standard normal.
        weights = 1 - is_empty * (observed.sum(-1, keepdim=True) > 0).to(phi.dtype)
        return PosteriorMixture(weights / weights.sum(-1, keepdim=True), products)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.n_views} views, {self.fusion}"


class JointExpert(ViewPosterior):
    r"""A posterior of its own where all views are observed, else the product of the experts of those that are.

    JMVAE, Suzuki, Nakayama & Matsuo 2016, arXiv 1611.01891, which has two views, so that what is left is one expert;
    products of those of more are as in Senellart et al. 2023, arXiv 2305.11832. The parameters are mean and
    log-variance of the joint one, then those of :class:`ViewPosterior`.

    >>> phi = torch.tensor([7.0, 0.0, 1.0, 0.0, 4.0, 0.0])
    >>> q = JointExpert(1, 2)
    >>> [q(torch.cat([phi, torch.tensor(observed)])).mean.item() for observed in ([1.0, 1.0], [1.0, 0.0])]
    [7.0, 1.0]
    """

    has_joint = True

    def __init__(self, latent: int, n_views: int) -> None:
        super().__init__(latent, n_views)
        self.product = FusedExperts(latent, n_views)
        self.size = 2 * self.shape[0] + self.product.size

    def forward(self, phi: Tensor) -> Normal:
        joint, experts = phi[..., : 2 * self.shape[0]], phi[..., 2 * self.shape[0] :]
        is_complete = experts[..., -self.n_views :].all(-1, keepdim=True)
        loc, log_var = joint.reshape(*joint.shape[:-1], 2, *self.shape).unbind(-2)
        product = self.product(experts)
        assert isinstance(product, distributions.Normal)
        return Normal(loc.where(is_complete, product.loc), log_var.where(is_complete, product.log_var))
