"""Semi-supervised model (M2): a discrete class and a continuous latent, only some classes known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.distributions import Normal, kl_divergence
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.conditioning import LabelEncoder, one_hot
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents


class SemiSupervised(GenerativeModel):
    r"""A model with the class y as a second latent, observed for some examples: :math:`p(y)\, p(z)\, p(x \mid y, z)`.

    .. math:: \mathcal L(x, y) = E_{q(z|x,y)}[\log p(x \mid y, z)] + \log p(y) - \mathrm{KL}(q(z \mid x, y) \| p(z))
    .. math:: \mathcal U(x) = \sum_y q(y \mid x)\, \mathcal L(x, y) + \mathcal H(q(y \mid x))

    The bound of an example is the first where its label is known, and the second where it is not: label −1, or no
    labels at all. Classes are equally probable a priori, and summed over exactly. The model M2 of Kingma, Rezende,
    Mohamed & Welling 2014, arXiv 1406.5298.

    Args:
        classifier: x to the logits of q(y|x), one for each class.
        encoder: x and a one-hot y to q(z|x, y).
        decoder: z and a one-hot y to p(x|y, z).
        prior: () to p(z).
        classes: the number of classes.
    """

    is_classifier = True

    def __init__(
        self, classifier: nn.Module, encoder: Conditional, decoder: Conditional, prior: nn.Module, classes: int
    ) -> None:
        super().__init__()
        self.classifier, self.encoder, self.decoder, self.prior = classifier, encoder, decoder, prior
        self.label_encoder, self.n_classes = LabelEncoder(classes), classes
        self.latent_shape = encoder.family.shape

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"y": (), "z": self.latent_shape}

    @property
    def is_conditional(self) -> bool:
        return True

    @property
    def condition_size(self) -> int:
        return self.n_classes

    def log_qy(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(x)
        return logits.log_softmax(-1)

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> ClassMarginalDraw:
        return self.marginalize(x, c, torch.Size((k,)))

    def marginalize(self, x: Tensor, c: Tensor | None, sample_shape: torch.Size) -> ClassMarginalDraw:
        """Return a draw with the class summed out, of K draws of each example, (K, B, *shape), or of (B, *shape).

        Args:
            x: the examples.
            c: their labels, (B,), if any.
            sample_shape: none for K draws of examples, (K,) for examples.

        Raises:
            ValueError: the labels are several values of each example, and no classes.
        """
        if c is not None and (c.dim() != 1 or c.is_floating_point()):
            raise ValueError(
                f"the model takes one class of each example, and these labels are {c[:1].numel()} values of each: give "
                "data with classes as labels"
            )
        log_qy = self.log_qy(x)
        label = torch.full(x.shape[-len(self.shape) - 1 :][:1], -1, device=x.device) if c is None else c
        classes = torch.eye(self.n_classes, device=x.device)
        every_class = x.unsqueeze(-len(self.shape) - 1)
        q = self.encoder(every_class, classes)
        z = _draw_with_shared_noise(q, sample_shape) if self.training else q.rsample(sample_shape)
        log_px = self.decoder(z, classes).log_prob(every_class)
        class_posterior = ClassPosterior(log_qy, label, log_px, Latent(z, q, self.prior()))
        y = class_posterior.most_probable
        index = y.expand(z.shape[:2])[(..., *[None] * (1 + len(self.latent_shape)))]
        z_y = z.take_along_dim(index, 2)[:, :, 0]
        condition = self._encode_class(y)
        latent = Latent(z_y, self.encoder(x, condition), self.prior())
        return ClassMarginalDraw(x, self.decoder(z_y, condition), latent, class_posterior, c)

    def _encode_class(self, y: Tensor) -> Tensor:
        """Return the one-hot rows of classes of any shape."""
        return one_hot(y.flatten(), self.n_classes).reshape(*y.shape, self.n_classes)

    @takes_examples
    def posterior(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        """Return q(z|x, y) at given rows (B, classes) of class probabilities, else at the label or most probable y."""
        if c is None or not c.is_floating_point():
            return super().posterior(x, c)
        q: Distribution = self.encoder(x, c)
        return q

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|y, z); without labels, or for unknown ones, the classes in turn, so that samples show them all."""
        if c is None:
            c = torch.full((len(z),), -1, device=z.device)
        if not c.is_floating_point():
            c = torch.where(c < 0, torch.arange(len(c), device=c.device) % self.n_classes, c)
        p: Distribution = self.decoder(z, self.label_encoder(c))
        return p


def _draw_with_shared_noise(q: Distribution, sample_shape: torch.Size) -> Tensor:
    """Draw latents given each class, (*sample_shape, ..., Y, *latent), where q is normal from the same noise.

    Each class's bound has the same expectation as with noise of its own, and the differences between classes, which
    teach the classifier, have less variance. An evaluation has no need of it, and keeps the figures it has always had.
    """
    if not isinstance(q, Normal):
        z: Tensor = q.rsample(sample_shape)
        return z
    shape = torch.Size((*sample_shape, *q.batch_shape[:-1], 1, *q.event_shape))
    return q.from_noise(noise.standard_normal(shape, q.loc))


@dataclass
class ClassPosterior:
    """The terms of the bound for every class of every example.

    Attributes:
        log_qy: log q(y|x), (B, Y); of K draws of each example (K, B, Y), as of all that follows from it.
        label: the class where it is known, else −1, (B,).
        log_px: log p(x|y, z), (K, B, Y).
        latent: z given each class, q(z|x, y) with batch (B, Y) or (K, B, Y), and its prior.
    """

    log_qy: Tensor
    label: Tensor
    log_px: Tensor
    latent: Latent

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x, y) || p(z)) of every class, (B, Y), nats."""
        assert self.latent.prior is not None
        try:
            return kl_divergence(self.latent.q, self.latent.prior)
        except NotImplementedError:
            kl = self.latent.log_qz - self.latent.log_pz
            return kl if self.log_qy.dim() > 2 else kl.mean(0)

    @property
    def is_known(self) -> Tensor:
        """Whether each label is known, (B,)."""
        return self.label >= 0

    @property
    def most_probable(self) -> Tensor:
        """The label where it is known, else the most probable class of q(y|x), (B,)."""
        return torch.where(self.is_known, self.label, self.log_qy.argmax(-1))

    @property
    def class_weights(self) -> Tensor:
        """q(y|x), or one-hot where the label is known, (B, Y)."""
        known = one_hot(self.label, self.log_qy.shape[-1])
        return torch.where(self.is_known[:, None], known, self.log_qy.exp())


class ClassMarginalDraw(Draw):
    """A draw with the class marginalized; its ``latents`` and ``p`` are those of the most probable class."""

    def __init__(
        self, x: Tensor, p: Distribution, latent: Latent, class_posterior: ClassPosterior, c: Tensor | None = None
    ) -> None:
        super().__init__(x, p, latent, c=c)
        self.class_posterior = class_posterior

    @cached_property
    def log_px(self) -> Tensor:
        """E over q(y|x) of log p(x|y, z), (K, B), nats."""
        return (self.class_posterior.class_weights * self.class_posterior.log_px).sum(-1)

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(y, z|x) || p(y) p(z)), (B,), nats; where the class is known, that of z alone, and −log p(y)."""
        return self.kl_within_class + self.class_kl

    @cached_property
    def kl_within_class(self) -> Tensor:
        """E over q(y|x) of KL(q(z|x, y) || p(z)), (B,), nats."""
        return self._expect_class(self.class_posterior.kl)

    @cached_property
    def class_kl(self) -> Tensor:
        """KL(q(y|x) || p(y)), (B,), nats; −log p(y) where the class is known."""
        log_qy = torch.where(self.class_posterior.is_known[:, None], 0.0, self.class_posterior.log_qy)
        return self._expect_class(log_qy + math.log(log_qy.shape[-1]))

    def _expect_class(self, values: Tensor) -> Tensor:
        """Return the mean over q(y|x) of a value for each class, (B, Y) or (K, B, Y) to (B,)."""
        mean = (self.class_posterior.class_weights * values).sum(-1)
        return mean.mean(0) if mean.dim() > 1 else mean

    def weighted_elbo(self, beta: Tensor | float) -> Tensor:
        """Return the bound that is trained, (B,), nats.

        Args:
            beta: the weight of the KL of z within the class; the KL as a whole has that of the draw.
        """
        self._refuse_free_bits()
        return self.log_px.mean(0) - self.kl_weight * (beta * self.kl_within_class + self.class_kl)

    @property
    def weighted_kl(self) -> Tensor:
        self._refuse_free_bits()
        return self.kl_weight * self.kl.mean()

    def _refuse_free_bits(self) -> None:
        if self.free_nats:
            raise ValueError("free bits are for continuous latents, and the class is a discrete one: leave them out")

    @cached_property
    def log_w(self) -> Tensor:
        """The log importance weight, summed over the classes: log Σ_y p(x, y, z_y) / q(z_y|x, y), (K, B), nats."""
        latent, label = self.class_posterior.latent, self.class_posterior.label[:, None]
        joint = (
            self.class_posterior.log_px
            + latent.log_pz
            - latent.log_qz
            - math.log(self.class_posterior.log_qy.shape[-1])
        )
        classes = torch.arange(joint.shape[-1], device=joint.device)
        return joint.where((label < 0) | (label == classes), -math.inf).logsumexp(-1)
