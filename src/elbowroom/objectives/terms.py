"""Common terms: reconstruction, KL, L2 of the latent, classification."""

from __future__ import annotations

from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.models.semi_supervised import ClassMarginalDraw
from elbowroom.objectives.term import Term


class Reconstruction(Term):
    r"""Reconstruction loss :math:`-\frac1K \sum_k \log p(x \mid z_k)`, summed over dimensions, averaged over the batch.

    Args:
        k: samples per example.
    """

    name = "reconstruction"

    def __init__(self, k: int = 1) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k, the samples per example, must be at least 1, got {k}")
        self.k = k

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return -draw.log_px.mean()


class KL(Term):
    r"""KL divergence :math:`\mathrm{KL}(q(z \mid x) \,\|\, p(z))`, in closed form or else estimated from the draw.

    Raises:
        ValueError: for a delta posterior or without a prior, where it is undefined.
    """

    name = "kl"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return draw.weighted_kl


class LatentL2(Term):
    r"""L2 penalty :math:`\frac12 \| z \|^2` per example: keeps the latents of an autoencoder near the origin.

    Ghosh et al. 2020, arXiv 1903.12436.
    """

    name = "latent_l2"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return 0.5 * (draw.z**2).flatten(2).sum(-1).mean()


class Classification(Term):
    r"""Classification loss of the known labels, :math:`-\log q(y \mid x)`, in nats per labelled example.

    Kingma et al. 2014, arXiv 1406.5298, equation 9; zero for a batch in which no label is known.
    """

    name = "classification"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if not isinstance(draw, ClassMarginalDraw):
            raise ValueError("Classification() is for a SemiSupervised model, which has a classifier: use another term")
        posterior = draw.class_posterior
        loss = -posterior.log_qy.take_along_dim(posterior.label.clamp_min(0)[:, None], -1)[:, 0]
        is_known = posterior.is_known.float()
        return (loss * is_known).sum() / is_known.sum().clamp_min(1)
