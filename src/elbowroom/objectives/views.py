"""Terms for examples of several views: bounds of some of them, and the distance of each view's posterior."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions import Normal, ViewFlows, kl_divergence
from elbowroom.families import ViewPosterior
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term
from elbowroom.view_shape import ViewShape


class SubsetELBO(Term):
    r"""The negated ELBOs of each view alone, and of random subsets of the views: sub-sampled training.

    .. math:: -\sum_{v} \mathrm{ELBO}(x_v) - \sum_{j=1}^{J} \mathrm{ELBO}(x_{S_j}), \quad
        \mathrm{ELBO}(x_S) = E_{q(z \mid x_S)}[\log p(x_S \mid z)] - \beta\, \mathrm{KL}(q(z \mid x_S) \,\|\, p(z))

    in nats per example: the views S are encoded and decoded alone. Beside the ELBO of all views they make
    the objective of the MVAE, Wu & Goodman 2018, arXiv 1802.05335, and of TELBO, Vedantam et al. 2018, arXiv
    1705.10762, where they teach the encoders alone: what p(x|z) is, the ELBO of all views says. Views that are missing
    add nothing; where an example is one view, the term is 0.

    Args:
        subsets: J, how many random subsets, each of some of the views, drawn anew at every step.
        beta: :math:`\beta`, the weight of their KLs.
        trains_decoders: whether the gradient reaches the decoders' parameters too.

    Raises:
        ValueError: the number of subsets is below 0; in training, the encoder of the draw is not known.
    """

    name = "subset_elbo"

    def __init__(self, subsets: int = 0, beta: float = 1.0, trains_decoders: bool = True) -> None:
        super().__init__()
        if subsets < 0:
            raise ValueError(f"subsets, how many random ones, must be at least 0, got {subsets}")
        self.subsets, self.beta, self.trains_decoders = subsets, beta, trains_decoders

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        views = draw.decoder.module.family.views
        if views is None or len(views.views) < 2:
            return draw.x.new_zeros(())
        n, masks = len(views.views), torch.eye(len(views.views), device=draw.x.device)
        if self.subsets:
            masks = torch.cat([masks, _random_subsets(self.subsets, n, draw.x.device)])
        draws = [draw.redraw(mask_views(draw.x, views, mask), self.trains_decoders) for mask in masks]
        weight = self.beta * draw.kl_weight
        return torch.stack([(weight * one.kl - one.log_px.mean(0)).mean() for one in draws]).sum()


def _random_subsets(count: int, n: int, device: torch.device) -> Tensor:
    """Return rows (count, n) of random subsets, neither empty nor of all n >= 2 views."""
    with noise.global_rng():
        order = torch.rand(count, n, device=device).argsort(-1)
        size = torch.randint(1, n, (count, 1), device=device)
    return (order < size).float()


def mask_views(x: Tensor, views: ViewShape, mask: Tensor) -> Tensor:
    """Return examples (..., D) whose views are missing where a mask (V,) is 0.

    >>> from elbowroom.view_shape import View
    >>> views = ViewShape([View("a", (2,), "gaussian"), View("b", (1,), "gaussian")])
    >>> mask_views(torch.ones(1, 3), views, torch.tensor([0.0, 1.0]))
    tensor([[nan, nan, 1.]])
    """
    sizes = torch.tensor([view.size for view in views.views], device=x.device)
    return x.masked_fill(mask.repeat_interleave(sizes, output_size=views[0]) == 0, torch.nan)


class CrossELBO(Term):
    r"""The negated ELBOs with the shared latents of one view and the own latents of each, summed over the views.

    .. math:: -\sum_j \left( E\left[ \sum_v \log p(x_v \mid s, w_v) \right]
        - \beta\, \mathrm{KL}(q(s \mid x_j) \,\|\, p(s))
        - \beta \sum_v \mathrm{KL}(q(w_v \mid x_v) \,\|\, p(w_v)) \right),
        \quad s \sim q(s \mid x_j), \quad w_v \sim q(w_v \mid x_v)

    in nats per example. Lee & Pavlovic 2021, arXiv 2012.13024: what one view says of the shared latents must do for
    all. Views that are missing add nothing; where an example is one view, the term is 0.

    Args:
        beta: :math:`\beta`, the weight of the KLs.

    Raises:
        ValueError: in training, the encoder of the draw is not known, or its posterior is a mixture.
    """

    name = "cross_elbo"

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        views, family = draw.decoder.module.family.views, draw.encoder.module.family
        if views is None or not isinstance(family, ViewPosterior):
            return draw.x.new_zeros(())
        masks = torch.eye(len(views.views), device=draw.x.device)
        x = torch.stack([mask_views(draw.x, views, mask) for mask in masks])
        single, joint = draw.encoder(x), draw.q
        if not (isinstance(single, Normal) and isinstance(joint, Normal)) or draw.prior is None:
            raise ValueError("CrossELBO() is for posteriors that are one normal: take the fusion 'product'")
        is_shared = torch.arange(single.loc.shape[-1], device=x.device) < family.shared
        q = Normal(single.loc.where(is_shared, joint.loc), single.log_var.where(is_shared, joint.log_var))
        z = q.rsample()
        kl = kl_divergence(q, draw.prior) if isinstance(draw.prior, Normal) else q.log_prob(z) - draw.prior.log_prob(z)
        elbo = draw.decoder(z).log_prob(draw.x) - self.beta * draw.kl_weight * kl
        return -(elbo * ~x.isnan().all(-1)).sum(0).mean()


class ViewKL(Term):
    r"""The KL of the posterior of all views from that of each alone, :math:`\sum_v \mathrm{KL}(q(z|x)\,\|\,q(z|x_v))`.

    In nats per example, over the views that are observed. In JMVAE, Suzuki, Nakayama & Matsuo 2016, arXiv 1611.01891,
    it teaches the encoders of single views; in MVTCAE, Hwang et al. 2021 (NeurIPS 34), it is part of a bound on the
    total correlation of views and latent. A warm-up weighs it as it does the KL. Where an example is one view, it is 0.

    Raises:
        ValueError: the encoder of the draw is not known.
    """

    name = "view_kl"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        views = draw.decoder.module.family.views
        if views is None:
            return draw.x.new_zeros(())
        masks = torch.eye(len(views.views), device=draw.x.device)
        x = torch.stack([mask_views(draw.x, views, mask) for mask in masks])
        is_observed = ~x.isnan().all(-1)
        try:
            kl = kl_divergence(draw.q, draw.encoder(x))
        except NotImplementedError:
            raise ValueError(
                "ViewKL() is for posteriors that are one normal, and this one is a mixture: take the fusion 'product'"
            ) from None
        return draw.kl_weight * (kl * is_observed).sum(0).mean()


class ViewCrossEntropy(Term):
    r"""The cross-entropy of the posterior of all views and that of each alone: what teaches the flows of JNF.

    .. math:: -E_{q(z \mid x)} \sum_v \log q_v(z \mid x_v)
        = \sum_v \mathrm{KL}(q(z \mid x) \,\|\, q_v(z \mid x_v)) + V\, H(q(z \mid x))

    in nats per example, of examples with all views, from the draw. The draw is a constant to it: its gradient reaches
    the posteriors of single views alone. Senellart, Chadebec & Allassonnière 2023, arXiv 2305.11832, whose joint
    posterior and decoders are trained first and frozen then; beside the ELBO they learn as they do there, and these
    posteriors follow them. Where an example is one view, the term is 0.

    Raises:
        ValueError: the views' posteriors are not known from that of all.
    """

    name = "view_cross_entropy"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if draw.decoder.module.family.views is None:
            return draw.x.new_zeros(())
        q = draw.q
        if not isinstance(q, ViewFlows):
            raise ValueError(
                f"ViewCrossEntropy() is for posteriors with a flow of each view, and this is a {type(q).__name__}: "
                "take er.FlowExperts(latent, n_views), or ViewKL()"
            )
        scores = q.view_log_probs(draw.z.detach()).sum(-1)
        return -scores.where(q.is_complete, 0.0).mean()
