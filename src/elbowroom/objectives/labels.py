"""What the known labels cost."""

from __future__ import annotations

from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.models.semi_supervised import ClassMarginalDraw
from elbowroom.objectives.term import Term


class Classification(Term):
    r"""What the known labels cost the classifier, :math:`-\log q(y \mid x)`, in nats per labelled example.

    Kingma et al. 2014, arXiv 1406.5298, equation 9; zero for a batch in which no label is known.
    """

    name = "classification"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:  # noqa: D102
        if not isinstance(draw, ClassMarginalDraw):
            raise ValueError("Classification() is for a SemiSupervised model, which has a classifier: use another term")
        classes = draw.class_posterior
        cost = -classes.log_qy.take_along_dim(classes.label.clamp_min(0)[:, None], -1)[:, 0]
        known = classes.is_known.float()
        return (cost * known).sum() / known.sum().clamp_min(1)
