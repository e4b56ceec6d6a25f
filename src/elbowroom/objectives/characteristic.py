"""The bound of a model whose first latents carry a label each, with and without labels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.models.priors.characteristic import CharacteristicDensity
from elbowroom.objectives.factors import label_values
from elbowroom.objectives.term import Term

#: Draws of the posterior by which q(y|x) is estimated, as in the paper.
LABEL_DRAWS = 100


class CharacteristicELBO(Term):
    r"""The negated bound of a :class:`~elbowroom.models.characteristic.CharacteristicModel`, nats per example.

    .. math:: -E_{q(z \mid x)}\left[ \frac{q(y \mid z)}{q(y \mid x)} \log \frac{p(x \mid z)\, p(z)}{q(z \mid x)} \right]
        - w \log q(y \mid x), \qquad q(y \mid x) = E_{q(z \mid x)}[q(y \mid z)]

    where the label is known, and the negated ELBO where it is not. Joy et al. 2021, arXiv 2006.10102, equation 4, with
    :math:`q(y \mid z) = p(y \mid z)`, of which :math:`p(z \mid y)\, p(y) / q(y \mid z)` is p(z). Labels are attributes
    from 0 to 1, (B, L), or classes, each of which is a label; unknown are −1 and NaN, of attributes one by one.

    The ratio is a constant to the gradient: its mean is 1 whatever the weights are, and its gradient has the noise of a
    whole log-likelihood. (The authors' code stops it on its way to the encoder.)

    Args:
        k: samples per example.
        weight: w, of :math:`\log q(y \mid x)`; 1 is the bound.

    Raises:
        ValueError: the prior of the model has no labels; in training, there are none, or another number.
    """

    name = "characteristic_elbo"

    def __init__(self, k: int = 1, weight: float = 1.0) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k, the samples per example, must be at least 1, got {k}")
        self.k, self.weight = k, weight

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if not isinstance(draw.prior, CharacteristicDensity):
            raise ValueError("CharacteristicELBO() is for a CharacteristicPrior, whose latents have labels: use ELBO()")
        if draw.free_nats:
            raise ValueError("free bits need a KL in closed form, which this prior has not: leave them out")
        bound = draw.log_px + draw.kl_weight * (draw.log_pz - draw.log_qz)
        if draw.c is None:
            return -bound.mean()
        prior = draw.prior.prior
        values = label_values(draw.c, prior.labels)
        log_qyz = _log_mass(prior.label_logits(draw.z), values)
        drawn = draw.q.rsample(torch.Size((LABEL_DRAWS,)))
        log_qyx = _log_mass(prior.label_logits(drawn), values).logsumexp(0) - math.log(LABEL_DRAWS)
        return -((log_qyz - log_qyx).detach().exp() * bound + self.weight * log_qyx).mean()


def _log_mass(logits: Tensor, values: Tensor) -> Tensor:
    """Return the log-probability of the known labels (B, L), given log-odds (..., B, L): (..., B), nats."""
    known = values.nan_to_num(0.0).expand_as(logits)
    loss = F.binary_cross_entropy_with_logits(logits, known, reduction="none")
    return -loss.masked_fill(values.isnan(), 0.0).sum(-1)
