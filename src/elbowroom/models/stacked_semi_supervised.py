"""Stacked semi-supervised model (M1+M2): a semi-supervised model of the latents of a VAE."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.models.base import GenerativeModel, Model
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents
from elbowroom.models.semi_supervised import ClassMarginalDraw, SemiSupervised


class StackedSemiSupervised(GenerativeModel):
    r"""A VAE whose latents have a semi-supervised model: :math:`p(y)\, p(z_2)\, p(z_1 \mid y, z_2)\, p(x \mid z_1)`.

    .. math:: \log p(x) \ge E_{q(z_1|x)} \left[ \log p(x \mid z_1) - \log q(z_1 \mid x) + \mathcal U(z_1) \right]

    with :math:`\mathcal U` the bound of :class:`SemiSupervised`, that of a known class where the label is known. The
    model M1+M2 of Kingma, Rezende, Mohamed & Welling 2014, arXiv 1406.5298. The latents that M2 is trained on are drawn
    anew at every step, as in the authors' code, and pass no gradient to M1.

    Deviation from the paper: M1 is not trained first, but at the same time; see
    :class:`~elbowroom.objectives.StackedELBO`.

    Args:
        features: M1, with q(z_1|x), p(x|z_1) and the prior of z_1 that its own bound has.
        classes: M2, whose examples are the latents of M1.
    """

    is_classifier = True

    def __init__(self, features: Model, classes: SemiSupervised) -> None:
        super().__init__()
        if features.latent_shape != classes.shape:
            raise ValueError(
                f"the latents of M1 are the examples of M2, but have shape {features.latent_shape}, where M2 takes "
                f"{classes.shape}"
            )
        self.features, self.classes = features, classes
        self.decoder, self.latent_shape = features.decoder, classes.latent_shape

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"z1": self.features.latent_shape, "z2": self.latent_shape}

    @property
    def is_conditional(self) -> bool:
        return True

    @property
    def condition_size(self) -> int:
        return self.classes.n_classes

    @property
    def has_standard_prior(self) -> bool:
        return self.classes.has_standard_prior

    def latent_prior(self, c: Tensor | None = None) -> Distribution | None:
        return self.classes.latent_prior()

    def log_qy(self, x: Tensor) -> Tensor:
        return self.classes.log_qy(self.features.encoder(x).mean)

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> StackedDraw:
        features = self.features.draw(x, k=k)
        return StackedDraw(features, self.classes.marginalize(features.z.detach(), c, torch.Size()), c)

    @takes_examples
    def posterior(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        """Return q(z_2|z_1, y) at the mean of q(z_1|x), and y as for :class:`SemiSupervised`."""
        return self.classes.posterior(self.features.encoder(x).mean, c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|z_1) with z_1 drawn given y and z_2; without labels the classes in turn."""
        p: Distribution = self.decoder(self.classes.decode(z, c).rsample())
        return p


class StackedDraw(ClassMarginalDraw):
    """A draw of M1 with that of M2 for its latents; terms of the bound are those of the model as a whole.

    Attributes:
        features: the draw of M1, under its own prior.
        classes: the draw of M2 for the K draws of M1's latents, which pass no gradient.
    """

    def __init__(self, features: Draw, classes: ClassMarginalDraw, c: Tensor | None) -> None:
        (z2,) = classes.latents
        Draw.__init__(self, features.x, features.p, Latent(features.z, features.q, classes.p), z2, c=c)
        self.features, self.classes, self.class_posterior = features, classes, classes.class_posterior

    def weighted_elbo(self, beta: Tensor | float, m1_beta: float = 1.0) -> Tensor:
        """Return the bound of M1 under its own prior and that of M2 for its latents, whose sum is trained, (B,), nats.

        Args:
            beta: the weight of the KL of z_2 within the class; both KLs as a whole have that of the draw.
            m1_beta: the weight of the KL of z_1 and the prior of M1.
        """
        self.classes.kl_weight, self.classes.free_nats = self.kl_weight, self.free_nats
        bound_of_m1 = self.features.log_px.mean(0) - self.kl_weight * m1_beta * self.features.kl
        return bound_of_m1 + self.classes.weighted_elbo(beta)

    @cached_property
    def log_px(self) -> Tensor:
        """log p(x|z_1), (K, B), nats."""
        return self.features.log_px

    @cached_property
    def kl(self) -> Tensor:
        """log q(z_1|x) less the bound of log p(z_1), the mean over the K draws, (B,), nats."""
        return self.features.log_qz.mean(0) - self.classes.elbo

    @cached_property
    def log_w(self) -> Tensor:
        """The log importance weight of z_1 and z_2, summed over the classes, (K, B), nats."""
        return self.features.log_px + self.classes.log_w - self.features.log_qz
