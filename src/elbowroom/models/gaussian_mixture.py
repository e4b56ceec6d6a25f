"""A model whose latent is drawn from one of several normals, which a second latent shapes: GMVAE."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily

from elbowroom.distributions import Normal, UncheckedDistribution, mixture
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import as_examples, check_examples, takes_examples, takes_latents
from elbowroom.models.priors import StandardNormal
from elbowroom.networks import MLP

#: Width of the hidden layer from w to the normals; chosen by us.
COMPONENT_WIDTH = 128
#: Bound on the log-variances of the normals: a component cannot shrink onto a single example.
LOG_VAR_BOUND = 4.0
#: Fixed draws of w by which the density of z alone is estimated.
CONTEXT_PROBES = 128


class ContextMixture(nn.Module):
    r"""A mixture of normals whose means and variances a latent w gives: :math:`p(z) = E_{p(w)}[p(z \mid w)]`.

    .. math:: p(z \mid w) = \frac1C \sum_y \mathcal N(z; \mu_y(w), \sigma_y^2(w)), \quad w \sim \mathcal N(0, I)

    Args:
        context: size of w.
        latent: size of z.
        clusters: C.
    """

    probes: Tensor

    def __init__(self, context: int, latent: int, clusters: int) -> None:
        super().__init__()
        if clusters < 1:
            raise ValueError(f"a mixture needs at least 1 cluster, got {clusters}")
        self.latent, self.clusters, self.context_prior = latent, clusters, StandardNormal(context)
        self.net = MLP(context, size=2 * clusters * latent, hidden=(COMPONENT_WIDTH,), activation="tanh")
        self.numbers_per_latent = CONTEXT_PROBES * clusters * latent
        probes = torch.randn(CONTEXT_PROBES, context, generator=torch.Generator().manual_seed(0))
        self.register_buffer("probes", probes, persistent=False)

    def conditional(self, w: Tensor) -> MixtureSameFamily:
        """Return p(z|w), with the batch shape of w."""
        loc, log_var = self.net(w).unflatten(-1, (2, self.clusters, -1)).unbind(-3)
        components = Normal(loc, LOG_VAR_BOUND * torch.tanh(log_var / LOG_VAR_BOUND))
        return mixture(torch.zeros_like(loc[..., 0]), components)

    def forward(self) -> ContextMixtureDensity:
        return ContextMixtureDensity(self)


class ContextMixtureDensity(UncheckedDistribution):
    """The density of a :class:`ContextMixture`, drawn exactly; ``log_prob`` is estimated, a little low in the mean."""

    def __init__(self, prior: ContextMixture) -> None:
        self.prior = prior
        super().__init__(torch.Size(), torch.Size((prior.latent,)))

    @property
    def mean(self) -> Tensor:
        return self.prior.conditional(self.prior.probes).mean.mean(0)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        z: Tensor = self.prior.conditional(self.prior.context_prior().sample(sample_shape)).sample()  # type: ignore[no-untyped-call]
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        scores: Tensor = self.prior.conditional(self.prior.probes).log_prob(value[..., None, :])  # type: ignore[no-untyped-call]
        return scores.logsumexp(-1) - math.log(CONTEXT_PROBES)


class GaussianMixtureModel(GenerativeModel):
    r"""A Gaussian mixture as prior, whose components y depend on a second latent w; clusters are the components.

    .. math:: p(w) = \mathcal N(0, I), \quad p(y) = \tfrac1C, \quad
        p(z \mid w, y) = \mathcal N(\mu_y(w), \sigma_y^2(w)), \quad p(x \mid z), \quad q(z \mid x)\, q(w \mid x)

    Dilokthanakul et al. 2016, arXiv 1611.02648. y is summed over, which gives their bound at the exact
    :math:`p(y \mid z, w)` that they use: :math:`p(z \mid w) = \frac1C \sum_y p(z \mid w, y)`. The KL is that of both
    latents. w is shared by all components, so that each is a cluster of any shape.

    Deviation: their term of y alone, with its lower limit, is left out, since it is part of the same sum. In ``draw``
    the latent that the decoder takes, z, is the last, though w is above it; the density of z alone is estimated.

    Args:
        encoder: x to q(z|x).
        context_encoder: x to q(w|x).
        decoder: z to p(x|z).
        clusters: C.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.gm_vae((1, 8, 8), latent=3, clusters=4)
    >>> model.cluster(torch.rand(5, 1, 8, 8)).shape, model.sample(2).shape
    (torch.Size([5, 4]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(self, encoder: Conditional, context_encoder: Conditional, decoder: Conditional, clusters: int) -> None:
        super().__init__()
        self.encoder, self.context_encoder, self.decoder = encoder, context_encoder, decoder
        (context,), (latent,) = context_encoder.family.shape, encoder.family.shape
        self.latent_shape, self.prior = (latent,), ContextMixture(context, latent, clusters)

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"w": self.context_encoder.family.shape, "z": self.latent_shape}

    @property
    def n_clusters(self) -> int:
        return self.prior.clusters

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        q, q_context = self.encoder(x), self.context_encoder(x)
        z, w = q.rsample((k,)), q_context.rsample((k,))
        context = Latent(w, q_context, self.prior.context_prior())
        return Draw(x, self.decoder(z), context, Latent(z, q, self.prior.conditional(w)), c=c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(z)
        return p

    def cluster(self, x: Any) -> Tensor:
        r"""Return :math:`p(y \mid z, w)` at the posterior means, (B, clusters).

        Args:
            x: examples, as for :meth:`encode`.
        """
        with self._eval_mode():
            x = check_examples(self, as_examples(self, x))
            p = self.prior.conditional(self.context_encoder(x).mean)
            scores: Tensor = p.component_distribution.log_prob(self.encoder(x).mean[:, None])
        return scores.softmax(-1)
