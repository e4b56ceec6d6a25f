"""The family of a joint posterior and of normalizing flows of single views."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.quasirandom import SobolEngine

from elbowroom.distributions.latent import Normal
from elbowroom.distributions.view_flows import ViewFlows, count_candidates
from elbowroom.families.flow_posterior import FlowPosterior
from elbowroom.families.views import ViewPosterior


class FlowExperts(ViewPosterior):
    r"""A normal of its own where all views are observed, else the product of flows, one of each view that is.

    .. math:: q(z \mid x_S) \propto p_0(z)^{1 - |S|} \prod_{v \in S} q_v(z \mid x_v)

    JNF, Senellart, Chadebec & Allassonnière 2023, arXiv 2305.11832. The flows learn from
    :class:`elbowroom.ViewCrossEntropy` alone. The parameters are mean and log-variance of the joint normal, those of
    each view's :class:`FlowPosterior` in turn, and V numbers that are 1 where the view is observed. Deviations: a flow
    is given numbers of the encoder, where the paper's follows on its normal alone; the prior over which the product is
    taken is the standard normal; its draws are resampled (:class:`~elbowroom.distributions.view_flows.ViewFlows`).

    Args:
        latent: size of z.
        n_views: the number of views.
        flow: a name in :data:`elbowroom.families.flows.FLOWS`; "maf" scores at once, as training wants it.

    Raises:
        ValueError: there is no such flow, or no such number of layers.

    >>> family = FlowExperts(3, 2)
    >>> family.expert_size, family(torch.zeros(5, family.size)).mean.shape
    (70, torch.Size([5, 3]))
    """

    has_joint = True
    fixed_noise: Tensor

    def __init__(self, latent: int, n_views: int, flow: str = "maf:2") -> None:
        super().__init__(latent, n_views)
        experts = [FlowPosterior(latent, flow) for _ in range(n_views)]
        self.experts, self.expert_size = nn.ModuleList(experts), experts[0].size
        self.size = 2 * latent + (self.expert_size + 1) * n_views
        uniform = SobolEngine(latent, scramble=True, seed=0).draw(count_candidates(n_views))  # type: ignore[no-untyped-call]
        eps = 2**0.5 * torch.erfinv(2 * uniform.clamp(1e-6, 1 - 1e-6) - 1)
        self.register_buffer("fixed_noise", eps, persistent=False)

    def forward(self, phi: Tensor) -> ViewFlows:
        sizes = [2 * self.shape[0], *[self.expert_size] * self.n_views, self.n_views]
        joint, *experts, observed = torch.split(phi, sizes, -1)
        loc, log_var = self.split_parameters(joint)
        flows = [expert(part) for expert, part in zip(self.experts, experts, strict=True)]
        return ViewFlows(Normal(loc, log_var), flows, observed, self.fixed_noise)
