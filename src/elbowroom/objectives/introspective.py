"""Introspective terms: encoder and decoder of one model as each other's critics."""

from __future__ import annotations

import math

from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.adversarial import masked_mean
from elbowroom.objectives.term import Term


def _fakes(draw: Draw) -> list[Tensor]:
    """Return a reconstruction and a sample for each example, (B, *shape), as means of p(x|z)."""
    return [masked_mean(draw, p)[0] for p in (draw.p, draw.prior_p)]


class ExponentialELBO(Term):
    r"""The encoder's adversarial loss of the Soft-IntroVAE: fake examples are to have a low ELBO.

    .. math:: \frac D4 \sum_{\tilde x} \exp\left(-\frac2D \left[\beta_\text{rec} \ell(\tilde x)
        + \beta_\text{neg} \mathrm{KL}(q(z \mid \tilde x) \,\|\, p(z))\right]\right)

    per example, over a reconstruction and a sample, to which no gradient goes; D is the number of elements of an
    example, and :math:`\ell` the reconstruction loss of the fake. Daniel & Tamar 2021, arXiv 2012.13253, with alpha = 2
    and the scale of the authors' code, times D as all terms are sums over elements.

    The loss is taken relative to that of the mean, :math:`\ell = \log p(\hat x \mid z) - \log p(\tilde x \mid z)`,
    which leaves constants of the density out: with a gaussian it is half the squared error.

    Args:
        reconstruction: the weight of the reconstruction loss of fakes.
        kl: the weight of their KL.
    """

    name = "exp_elbo"

    def __init__(self, reconstruction: float, kl: float) -> None:
        super().__init__()
        self.reconstruction, self.kl = reconstruction, kl

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        size = math.prod(draw.x.shape[1:])
        values = []
        for x in _fakes(draw):
            fake = draw.redraw(x.detach())
            loss = fake.p.log_prob(masked_mean(draw, fake.p)) - fake.log_px
            values.append((-2 / size * (self.reconstruction * loss[0] + self.kl * fake.kl)).exp().mean())
        return 0.25 * size * (values[0] + values[1])


class FakeKL(Term):
    r"""The decoder's adversarial loss of IntroVAE and Soft-IntroVAE: the encoder is to find fake examples probable.

    .. math:: \frac12 \sum_{\tilde x} \mathrm{KL}(q(z \mid \tilde x) \,\|\, p(z))

    per example, over a reconstruction and a sample, with the gradient through the encoder to what made them. Huang,
    Li, He, Sun & Tan 2018, arXiv 1807.06358, and Daniel & Tamar 2021, arXiv 2012.13253. Deviation from
    the authors' code: both take the decoder's step after the encoder's, where here both see the same weights; the code
    of 2021 adds the reconstruction losses of fakes with a weight of 1e-8.
    """

    name = "fake_kl"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        reconstruction, sample = (draw.redraw(x).kl.mean() for x in _fakes(draw))
        return 0.5 * (reconstruction + sample)


class FakeKLHinge(Term):
    r"""The encoder's adversarial loss of the IntroVAE: the KL of fake examples is to exceed a margin.

    .. math:: \frac12 \sum_{\tilde x} \max\left(0, m - \mathrm{KL}(q(z \mid \tilde x) \,\|\, p(z))\right)

    in nats per example, over a reconstruction and a sample, to which no gradient goes. Huang, Li, He, Sun & Tan 2018,
    arXiv 1807.06358. The decoder's loss against it is :class:`FakeKL`.

    Deviation from the authors' code: the hinge is of each example, where theirs is of the mean KL of a batch, so that
    the loss does not depend on the batch's size.

    Args:
        margin: m, nats: above the KL of examples, since real ones would else be as far from the prior as fakes.

    Raises:
        ValueError: the margin is not above 0.

    >>> import torch
    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2, likelihood="gaussian:1")
    >>> draw = model.draw(torch.rand(5, 1, 8, 8))
    >>> 0 < FakeKLHinge(margin=100.0)(draw, torch.tensor(0)) < 100
    tensor(True)
    """

    name = "fake_kl_hinge"

    def __init__(self, margin: float) -> None:
        super().__init__()
        if not margin > 0:
            raise ValueError(f"the margin of a hinge, in nats, is above 0, got {margin}")
        self.margin = margin

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        reconstruction, sample = ((self.margin - draw.redraw(x.detach()).kl).relu().mean() for x in _fakes(draw))
        return 0.5 * (reconstruction + sample)
