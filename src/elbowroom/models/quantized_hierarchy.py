"""VQ-VAE-2: two quantized latents, a coarse one and a fine one given it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.distributions import CodeCategorical
from elbowroom.families import Family, Quantizer
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents
from elbowroom.models.priors import CodePrior
from elbowroom.networks.lift import LiftPositions

#: Channels of the networks between the two maps, at least.
MIN_WIDTH = 32


class QuantizedHierarchy(GenerativeModel):
    r"""Two quantized maps, the fine one :math:`z_1` given the coarse one :math:`z_2`: VQ-VAE-2.

    .. math:: p(x, z) = p(x \mid z_1, z_2)\, p(z_1 \mid z_2)\, p(z_2), \quad
        z_2 = Q_2(e_2(x)), \quad z_1 = Q_1(e_1(x) + u(z_2))

    with e the encoders, and u convolutions from the coarse to the fine map. Razavi, van den Oord & Vinyals 2019, arXiv
    1906.00446.

    Deviations: each map has an encoder of its own, where the paper's coarse one goes on from the fine one's features;
    the priors are trained with the model, by its ELBO: independent at the coarse positions, and at the fine ones given
    the coarse codes by two convolutions, where the paper fits autoregressive ones afterwards. The prior's gradient does
    not reach the coarse codes.

    Args:
        coarse: x to q(z_2|x), with a quantizer on a map.
        fine: x to q(z_1|x), without what z_2 adds; its quantizer is on a map of larger sides.
        decoder: the map of z_1 with what is made of z_2 beside it, (..., 2 D, *space), to p(x|z).

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vq_vae_2((1, 16, 12), size="s")
    >>> [tuple(latent.z.shape) for latent in model.draw(torch.rand(5, 1, 16, 12), k=2).latents]
    [(2, 5, 12, 64), (2, 5, 4, 64)]
    """

    def __init__(self, coarse: Conditional, fine: Conditional, decoder: Conditional) -> None:
        super().__init__()
        self.encoder, self.fine_encoder, self.decoder = coarse, fine, decoder
        (top, top_space), (bottom, self.fine_space) = map(_require_map, (coarse.family, fine.family))
        self.latent_shape = top.shape
        sizes = (bottom.shape[1], bottom.shape[1], sum(bottom.index_sizes))
        self.posterior_lift, self.decoder_lift, self.prior_lift = (
            LiftPositions(top_space, self.fine_space, top.shape[1], numbers, width=max(top.shape[1], MIN_WIDTH))
            for numbers in sizes
        )
        self.prior = CodePrior(top)

    @property
    def quantizer(self) -> Quantizer:
        return _require_map(self.encoder.family)[0]

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"z1": self.fine_encoder.family.shape, "z2": self.latent_shape}

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        top = self.encoder(x)
        z_top = top.rsample((k,))
        output = self.fine_encoder.net(x) + self.posterior_lift(z_top).flatten(-2)
        bottom = self.fine_encoder.family(output)
        z = bottom.rsample()
        latents = Latent(z, bottom, self.fine_prior(z_top)), Latent(z_top, top, self.prior())
        return Draw(x, self._decode(z, z_top), *latents, c=c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        return self._decode(self.fine_prior(z).sample_from_noise(), z)

    def fine_prior(self, z: Tensor) -> CodeCategorical:
        """Return p(z_1|z_2), with the batch of coarse latents (..., P_2, D)."""
        return CodeCategorical(self.prior_lift(z.detach()), _require_map(self.fine_encoder.family)[0])

    def _decode(self, z: Tensor, z_top: Tensor) -> Distribution:
        beside = torch.cat((z, self.decoder_lift(z_top)), -1)
        p: Distribution = self.decoder(torch.unflatten(beside.mT, -1, self.fine_space))
        return p


def _require_map(family: Family) -> tuple[Quantizer, tuple[int, ...]]:
    """Return a quantizer with the sides of its map."""
    if not isinstance(family, Quantizer) or family.space is None:
        raise ValueError("both latents are codes on a map: give encoders whose families are quantizers of (h, w)")
    return family, family.space
