"""Residual quantization whose hierarchy of stages is truncated at random in training."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer
from elbowroom.families.quantizers.residual import ResidualQuantizer


class HierarchicalQuantizer(ResidualQuantizer):
    r"""Residual quantization with depth dropout: in training the stages of an example end early at random.

    .. math:: z = \sum_{s \le m} c_{i_s}^{(s)}, \quad P(m = s) = p (1 - p)^{s - 1} \text{ for } s < S, \quad
        P(m = S) = (1 - p)^{S - 1}

    So the entries of the first stages alone can be decoded, and those of later ones refine them. Hosking, Tang & Lapata
    2022, arXiv 2203.03463 (ACL 2022, long.178).

    Deviation: entries are the nearest ones, with the straight-through gradient, and follow the encoder by averages,
    where the paper draws them by the Gumbel-softmax and learns them; averages of residuals shrink from stage to stage
    by themselves, so the paper's decay of the first norms and its loss on later ones are left out.

    Args:
        positions, dim, codes, depth: as :class:`~elbowroom.families.ResidualQuantizer` takes them.
        truncation: p, the probability that the stages end after any but the last; 0 never drops any.

    Raises:
        ValueError: truncation is not in [0, 1).

    >>> _ = torch.manual_seed(0)
    >>> quantizer = HierarchicalQuantizer(positions=1, dim=2, codes=8, depth=3, truncation=0.5)
    >>> quantizer.depth_probabilities
    tensor([0.5000, 0.2500, 0.2500])
    """

    def __init__(self, positions: Shape, dim: int, codes: int = 64, depth: int = 4, truncation: float = 0.3) -> None:
        if not 0 <= truncation < 1:
            raise ValueError(f"the probability of a truncation is at least 0 and below 1, got {truncation:g}")
        super().__init__(positions, dim, codes, depth, dropout=truncation > 0)
        self.truncation = truncation

    @property
    def depth_probabilities(self) -> Tensor:
        """The probabilities that an example of the training has 1 to S stages, (S,)."""
        depth = len(self.index_sizes)
        probabilities = self.truncation * (1 - self.truncation) ** torch.arange(depth)
        probabilities[-1] = (1 - self.truncation) ** (depth - 1)
        return probabilities

    def _draw_last_stages(self, n: int, device: torch.device) -> Tensor:
        return torch.multinomial(self.depth_probabilities, n, replacement=True).to(device)


@register_quantizer("hierarchical", "CODESxDEPTHxSHARE", "64x4x0.3")
def make_hierarchical(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Residual whose stages end early in training, each with this probability."""
    sizes, _, share = setting.rpartition("x")
    codes, depth = parse_sizes(sizes, 2)
    try:
        truncation = float(share)
    except ValueError:
        raise ValueError(f"'{share}' is not the probability of a truncation") from None
    return HierarchicalQuantizer(positions, dim, codes, depth, truncation)
