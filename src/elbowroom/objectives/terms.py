"""Common terms: reconstruction, KL, L2 of the latent, classification, and a floor under the classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.models.semi_supervised import ClassMarginalDraw
from elbowroom.models.stacked_semi_supervised import StackedDraw
from elbowroom.objectives.schedules import Schedule
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


class SemiSupervisedELBO(Term):
    r"""The negated bound of a semi-supervised model, with labelled examples weighted by their share of the data.

    .. math:: -(1 - s)\, \overline{\mathcal U_\beta} - s\, \overline{\mathcal L_\beta}

    Kingma et al. 2014, arXiv 1406.5298, equations 6 to 8, in nats per example: :math:`\mathcal L` is the bound of
    examples whose label is known, :math:`\mathcal U` that of the others. A few labelled examples are drawn much more
    often than the others (``labeled_share=`` of :func:`elbowroom.load_data`), so that a mean over a batch with half of
    each sort would count each of 100 of 60,000 some six hundred times, and a decoder would learn these by heart. A
    batch of one sort has its plain mean.

    Deviation from the paper: the KL of the latent z may have a weight β, a number or a schedule as
    :func:`elbowroom.ramp`. With the paper's 1 from the start z learns the class before the classifier does, and the
    bound says nothing about the class any more; with a weight that falls to 1 the classes are learned first.

    Args:
        share: s, the share of labelled examples in the data.
        beta: β, the weight of the KL of z within the class; that of the class has none.

    Raises:
        ValueError: the share is not between 0 and 1.
    """

    name = "semi_supervised_elbo"

    def __init__(self, share: float, beta: float | Schedule = 1.0) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise ValueError(f"share is that of the labelled examples, from 0 to 1, got {share:g}")
        self.share, self.beta = share, beta

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if not isinstance(draw, ClassMarginalDraw):
            raise ValueError("SemiSupervisedELBO() is for a SemiSupervised model, whose labels may miss: use ELBO()")
        is_known, bound = draw.class_posterior.is_known, self.bound(draw, step)
        share = is_known.float().mean()
        # Of one sort alone the weights are one, whatever its share should be.
        is_mixed = (share > 0) & (share < 1)
        weight = torch.where(
            is_known, self.share / share.clamp_min(1e-9), (1 - self.share) / (1 - share).clamp_min(1e-9)
        )
        return -(bound * torch.where(is_mixed, weight, 1.0)).mean()

    def bound(self, draw: ClassMarginalDraw, step: Tensor) -> Tensor:
        """Return the bound of each example, (B,), nats."""
        return draw.weighted_elbo(self.beta(draw, step) if isinstance(self.beta, Schedule) else self.beta)


class StackedELBO(SemiSupervisedELBO):
    r"""The negated bounds of M1 and of M2 for its latents, with labelled examples weighted by their share of the data.

    .. math:: -E_{q(z_1|x)}[\log p(x \mid z_1) + B(z_1)] + \beta_1 \mathrm{KL}(q(z_1 \mid x) \| p(z_1))

    Kingma et al. 2014, arXiv 1406.5298, in nats per example: M1+M2, with :math:`B(z_1)` the bound that
    :class:`SemiSupervisedELBO` negates, :math:`\mathcal L(z_1, y)` where the label is known and
    :math:`\mathcal U(z_1)` where it is not, to which :math:`z_1` is a constant; examples are weighted as there.

    Deviation from the paper: both are trained at the same time, and the KL of M1 may have a weight. The prior of M1 is
    what hides the classes: with the weight 1 its latents are nearly normal, and M2 long finds no density of ten classes
    that is better than one normal. What a smaller weight leaves in them M2 learns, which is their prior in the end.

    Args:
        share: s, the share of labelled examples in the data.
        m1_beta: β_1, the weight of the KL of z_1.

    Raises:
        ValueError: the share is not between 0 and 1.
    """

    def __init__(self, share: float, m1_beta: float = 1.0) -> None:
        super().__init__(share)
        self.m1_beta = m1_beta

    def bound(self, draw: ClassMarginalDraw, step: Tensor) -> Tensor:
        if not isinstance(draw, StackedDraw):
            raise ValueError("StackedELBO() is for a StackedSemiSupervised model: use SemiSupervisedELBO()")
        return draw.weighted_elbo(1.0, self.m1_beta)


class Classification(Term):
    r"""Classification loss of the known labels, :math:`-\log q(y \mid x)`, in nats per labelled example.

    Kingma et al. 2014, arXiv 1406.5298, equation 9; zero for a batch in which no label is known.
    """

    name = "classification"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if not isinstance(draw, ClassMarginalDraw):
            raise ValueError("Classification() is for a SemiSupervised model, which has a classifier: use another term")
        posterior = draw.class_posterior
        label = posterior.label.clamp_min(0).expand(posterior.log_qy.shape[:-1])
        loss = -posterior.log_qy.take_along_dim(label[..., None], -1)[..., 0]
        is_known = posterior.is_known.float().expand_as(loss)
        return (loss * is_known).sum() / is_known.sum().clamp_min(1)


class ClassFloor(Term):
    r"""Penalty on classes that the classifier rules out, nats per example.

    .. math:: \sum_y \max(0, \log \tau - \log q(y \mid x))

    Of examples with and without a label. The bound of a semi-supervised model sends the classifier a gradient in
    proportion to q(y|x), so that of a class once ruled out nothing is learned any more, and what a few labels taught
    wrongly stays. Above the floor nothing is changed: a label smoothing would make every answer uncertain. From no
    paper.

    Args:
        floor: τ, the probability that each class should keep.

    Raises:
        ValueError: the floor is not a probability that all classes can have.
    """

    name = "class_floor"

    def __init__(self, floor: float = 0.002) -> None:
        super().__init__()
        if not 0 < floor < 1:
            raise ValueError(f"the floor is a probability between 0 and 1, got {floor:g}: 0.002 suits ten classes")
        self.floor = floor

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if not isinstance(draw, ClassMarginalDraw):
            raise ValueError("ClassFloor() is for a SemiSupervised model, which has a classifier: use another term")
        return (math.log(self.floor) - draw.class_posterior.log_qy).relu().sum(-1).mean()
