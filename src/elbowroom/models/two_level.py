"""A model with two latents, whose lower one depends on the upper in posterior and prior: HVAE."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents


class TwoLevel(GenerativeModel):
    r"""Two latents, both of which the decoder is given.

    .. math:: p(x, z_1, z_2) = p(x \mid z_1, z_2)\, p(z_1 \mid z_2)\, p(z_2), \quad
        q(z_1, z_2 \mid x) = q(z_2 \mid x)\, q(z_1 \mid x, z_2)

    The hierarchical model of Tomczak & Welling 2018, arXiv 1705.07120, whose prior of the upper latent may be a
    VampPrior of its posterior. The lower one cannot be left out by the generative model, as in a plain chain.

    Args:
        encoder: x to q(z_2|x).
        lower_encoder: x and z_2 to q(z_1|x, z_2).
        lower_prior: z_2 to p(z_1|z_2).
        decoder: z_1 and z_2 to p(x|z_1, z_2).
        prior: () to p(z_2).

    >>> import torch, elbowroom as er
    >>> model, _ = er.recipes.hvamp_vae((1, 8, 8), latent=3, prior="vamp:5")
    >>> draw = model.draw(torch.rand(4, 1, 8, 8), k=2)
    >>> [tuple(latent.z.shape) for latent in draw.latents], draw.kl.shape
    ([(2, 4, 3), (2, 4, 3)], torch.Size([4]))
    """

    def __init__(
        self,
        encoder: Conditional,
        lower_encoder: Conditional,
        lower_prior: Conditional,
        decoder: Conditional,
        prior: nn.Module,
    ) -> None:
        super().__init__()
        self.encoder, self.lower_encoder, self.lower_prior = encoder, lower_encoder, lower_prior
        self.decoder, self.prior = decoder, prior
        self.latent_shape = encoder.family.shape

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"z1": self.lower_prior.family.shape, "z2": self.latent_shape}

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        q2 = self.encoder(x)
        z2 = q2.rsample((k,))
        q1, p1 = self.lower_encoder(x.expand(k, *x.shape), z2), self.lower_prior(z2)
        z1 = q1.rsample()
        return Draw(x, self.decoder(z1, z2), Latent(z1, q1, p1), Latent(z2, q2, self.scoring_prior(x)), c=c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(self.lower_prior(z).rsample(), z)
        return p
