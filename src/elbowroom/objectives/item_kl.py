"""KL weighted by the items of an example (RecVAE)."""

from __future__ import annotations

from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class ItemKL(Term):
    r"""KL divergence in proportion to how many items an example has: those who have seen more are known more surely.

    .. math:: \frac1B \sum_i \gamma\, n_i\, \mathrm{KL}(q(z \mid x_i) \,\|\, p(z \mid x_i)), \quad n_i = \sum_d x_{id}

    Shenbin et al. 2020, arXiv 1912.11160. Counts that are missing (NaN) are no items.

    Args:
        gamma: :math:`\gamma`, the weight for each item.

    Raises:
        ValueError: with free bits.
    """

    name = "item_kl"

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if draw.free_nats:
            raise ValueError("free bits change the mean KL, and ItemKL() weighs that of each example: leave them out")
        items = draw.x.nan_to_num().flatten(1).sum(1)
        return draw.kl_weight * (self.gamma * items * draw.kl).mean()
