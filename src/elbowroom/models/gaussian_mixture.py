"""A model whose latent is drawn from one of several normals, which a second latent shapes: GMVAE."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily

from elbowroom.distributions import Normal, mixture
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


class GaussianMixtureModel(GenerativeModel):
    r"""A Gaussian mixture as prior, whose components y depend on a second latent w; clusters are the components.

    .. math:: p(w) = \mathcal N(0, I), \quad p(y) = \tfrac1C, \quad
        p(z \mid w, y) = \mathcal N(\mu_y(w), \sigma_y^2(w)), \quad p(x \mid z), \quad q(z \mid x)\, q(w \mid x)

    Dilokthanakul et al. 2016, arXiv 1611.02648. y is summed over, which gives their bound at the exact
    :math:`p(y \mid z, w)` that they use: :math:`p(z \mid w) = \frac1C \sum_y p(z \mid w, y)`. The KL is that of both
    latents. w is shared by all components, so that each is a cluster of any shape.

    Deviation: their term of y alone, with its lower limit, is left out, since it is part of the same sum. In ``draw``
    the latent that the decoder takes, z, is the last, though w is above it; the density of z alone has no closed form.

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
        if clusters < 1:
            raise ValueError(f"a mixture needs at least 1 cluster, got {clusters}")
        self.encoder, self.context_encoder, self.decoder = encoder, context_encoder, decoder
        self.clusters, self.latent_shape = clusters, encoder.family.shape
        (context,), (latent,) = context_encoder.family.shape, self.latent_shape
        self.context_prior = StandardNormal(context)
        self.components_net: nn.Module = MLP(
            context, size=2 * clusters * latent, hidden=(COMPONENT_WIDTH,), activation="tanh"
        )

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"w": self.context_encoder.family.shape, "z": self.latent_shape}

    @property
    def n_clusters(self) -> int:
        return self.clusters

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        q, q_context = self.encoder(x), self.context_encoder(x)
        z, w = q.rsample((k,)), q_context.rsample((k,))
        context = Latent(w, q_context, self.context_prior())
        return Draw(x, self.decoder(z), context, Latent(z, q, self.mixture_given(w)), c=c)

    def mixture_given(self, w: Tensor) -> MixtureSameFamily:
        """Return p(z|w), with the batch shape of w."""
        loc, log_var = self.components_net(w).unflatten(-1, (2, self.clusters, -1)).unbind(-3)
        components = Normal(loc, LOG_VAR_BOUND * torch.tanh(log_var / LOG_VAR_BOUND))
        return mixture(torch.zeros_like(loc[..., 0]), components)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(z)
        return p

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        w = self.context_prior().sample(torch.Size((n,)))
        z: Tensor = self.mixture_given(w).sample()
        return z

    def cluster(self, x: Any) -> Tensor:
        r"""Return :math:`p(y \mid z, w)` at the posterior means, (B, clusters).

        Args:
            x: examples, as for :meth:`encode`.
        """
        with self._eval_mode():
            x = check_examples(self, as_examples(self, x))
            p = self.mixture_given(self.context_encoder(x).mean)
            scores: Tensor = p.component_distribution.log_prob(self.encoder(x).mean[:, None])
        return scores.softmax(-1)
