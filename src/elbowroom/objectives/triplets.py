"""Supervision of latents by triplets: examples of one class lie nearer to each other than to those of another."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import noise
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import LabelSummary, Term


class TripletDistance(Term):
    r"""Triplet loss of the posterior means, mean over the anchors of a batch; squared distances, not nats.

    .. math:: \max\left( 0, \| \mu(x_a) - \mu(x_p) \|^2 - \| \mu(x_a) - \mu(x_n) \|^2 + m \right)

    Ishfaq, Hoogi & Rubin 2018, arXiv 1802.04403. Each example is an anchor a; p is drawn from the others of its class
    in the batch, and n from those of other classes. Examples of an unknown class (−1) are in no triplet, as are those
    without another of their class, or of another, in the batch; a batch without any triplet adds zero.

    Deviation: triplets are drawn within the batch, and not read as such.

    Args:
        margin: m, by which the distance to another class is to be larger.

    Raises:
        ValueError: the margin is not above 0; in training, the labels are no classes.

    >>> TripletDistance(1.0)
    triplet
    """

    name = "triplet"

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        if not margin > 0:
            raise ValueError(f"the margin of triplets must be above 0, got {margin:g}")
        self.margin = margin

    def check_labels(self, find_labels: Callable[[], LabelSummary]) -> None:
        data, kind, count = find_labels()
        if kind != "classes" or count == 1:
            found = {"classes": "one class alone", "values": "values of each", "none": "no labels"}[kind]
            raise ValueError(
                f"triplets need two classes at least, and {data} has {found}: give data with classes as labels, or "
                "train vae"
            )

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        label = draw.c
        if label is None or label.dim() != 1 or label.is_floating_point():
            raise ValueError("triplets need a class for each example: give data with classes as labels, or train vae")
        mean = draw.q.mean.flatten(1)
        is_known = (label >= 0)[:, None] & (label >= 0)
        is_same = label[:, None] == label
        is_other = ~torch.eye(len(label), dtype=torch.bool, device=label.device)
        positive, has_positive = self._choose(is_known & is_same & is_other, mean)
        negative, has_negative = self._choose(is_known & ~is_same, mean)
        near, far = ((mean - mean[index]).square().sum(1) for index in (positive, negative))
        is_triplet = has_positive & has_negative
        loss = F.relu(near - far + self.margin) * is_triplet
        return loss.sum() / is_triplet.sum().clamp_min(1)

    @staticmethod
    def _choose(candidates: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Draw one of the candidates of each row, (B, B) to indices (B,), and whether there is any."""
        eps = noise.standard_normal(candidates.shape, like.detach())
        return eps.masked_fill(~candidates, -torch.inf).argmax(1), candidates.any(1)
