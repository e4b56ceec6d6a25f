"""A learned mixture of normals as prior."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal, mixture
from elbowroom.families.base import Shape
from elbowroom.models.priors.registry import PriorContext, parse_count, register_prior


class Mixture(nn.Module):
    """A learned mixture of diagonal normals; its KL is estimated from the draw.

    Args:
        latent: size or shape of z.
        components: the number of normals.

    >>> Mixture(2, components=5)().sample((3,)).shape
    torch.Size([3, 2])
    """

    def __init__(self, latent: Shape, components: int = 10) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"a mixture needs at least 1 component, got {components}")
        shape = (latent,) if isinstance(latent, int) else tuple(latent)
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, *shape))
        self.log_var = nn.Parameter(torch.zeros(components, *shape))
        self.numbers_per_latent = self.loc.numel()

    def forward(self) -> Distribution:
        return mixture(self.logits, self._components())

    def _components(self) -> Normal:
        return Normal(self.loc, self.log_var, self.loc.dim() - 1)

    def responsibilities(self, z: Tensor) -> Tensor:
        r"""Return :math:`p(c \mid z)`, each component's share of the density of latents: (B, *latent) to (B, C)."""
        scores: Tensor = self._components().log_prob(z[:, None])
        return (scores + self.logits.log_softmax(-1)).softmax(-1)

    @torch.no_grad()
    def fit(self, z: Tensor, variance: Tensor, generator: torch.Generator) -> None:
        """Set the components by expectation maximization on latents (N, *latent), N > C, from a start by k-means.

        Args:
            z: posterior means.
            variance: the mean variance of the posteriors, (*latent,), which is added to that of the means: a component
                is then the density of its posteriors together, and no posterior is wider than the prior.
            generator: of the start.
        """
        from sklearn.mixture import GaussianMixture

        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        estimator = GaussianMixture(len(self.logits), covariance_type="diag", random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a start need not have converged
            estimator.fit(z.flatten(1).double().cpu().numpy())
        self.loc.copy_(torch.as_tensor(estimator.means_).reshape(self.loc.shape))
        covariances = torch.as_tensor(estimator.covariances_).reshape(self.loc.shape)
        self.log_var.copy_((covariances + variance.cpu()).log())
        self.logits.copy_(torch.as_tensor(estimator.weights_).log())


@register_prior("mixture", "A learned mixture of normals.", "COMPONENTS", parse_count)
def mixture_prior(context: PriorContext, components: int = 10) -> Mixture:
    """Return a mixture of so many normals."""
    return Mixture(context.latent, components)
