r"""Vector quantization by a codebook that follows the encoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import distributed
from elbowroom.distributions import Quantized, nearest_code_index
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.gradients import find_gradient
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: Share of uniform usage below which an entry is replaced by a vector of the batch.
MIN_USAGE = 0.03


class Codebook(Quantizer):
    r"""Vector quantization: the nearest of ``codes`` learned vectors at each of ``positions`` positions.

    The vectors follow the encoder by exponential moving averages, updated in forward as batch normalisation updates its
    statistics: :math:`N_i \leftarrow \gamma N_i + (1-\gamma) n_i`, :math:`m_i \leftarrow \gamma m_i + (1-\gamma)
    \sum_j e_{ij}`, :math:`c_i = m_i / N_i`. van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937, appendix A.1.

    Deviation from the paper: an entry whose usage falls below 3 % of uniform usage is replaced by a vector of the batch
    (Dhariwal et al. 2020, arXiv 2005.00341, restart codes in this way), which also initializes all entries at the first
    step.

    Args:
        positions: P, the number of entries that make one latent; or the sizes of a map of them.
        dim: D, the length of an entry.
        codes: C, the number of entries of the codebook.
        decay: :math:`\gamma` of the averages.
        cosine: vectors and entries have norm one, so that the nearest is that of the largest cosine (Yu et al. 2022,
            arXiv 2110.04627).
        gradient: that of the encoder: "straight-through", or "rotation"
            (:func:`~elbowroom.families.quantizers.gradients.rotate`).

    >>> _ = torch.manual_seed(0)
    >>> book = Codebook(positions=4, dim=2, codes=8)
    >>> q = book(torch.randn(10, book.size))
    >>> q.mean.shape, q.indices.shape
    (torch.Size([10, 4, 2]), torch.Size([10, 4, 1]))
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self,
        positions: Shape,
        dim: int,
        codes: int = 512,
        decay: float = 0.99,
        cosine: bool = False,
        gradient: str = "straight-through",
    ) -> None:
        if codes < 2:
            raise ValueError(f"a codebook needs at least 2 codes to choose from, got {codes}")
        if cosine and dim < 2:
            raise ValueError(
                f"a unit vector of {dim} number is a sign, which no gradient changes: give a dim of 2 or more"
            )
        super().__init__(positions, dim, (codes,))
        self.decay, self.cosine, self.pass_gradient = decay, cosine, find_gradient(gradient)
        self.register_buffer("codes", self._scale(torch.randn(codes, dim)))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))

    def quantize(self, output: Tensor) -> Quantized:
        output = self._scale(output)
        indices = self.find_indices(output.detach())
        codes = self.decode_indices(indices)
        if self.training:
            self.update_averages(output.detach().flatten(0, -2), indices.flatten())
        return Quantized(output, codes, indices, self.index_sizes, z=self.pass_gradient(output, codes))

    def decode_indices(self, indices: Tensor) -> Tensor:
        return self.codes[indices[..., 0]]

    def find_indices(self, z: Tensor) -> Tensor:
        return nearest_code_index(z, self.codes)[..., None]

    @torch.no_grad()
    def update_averages(self, output: Tensor, indices: Tensor) -> None:
        """Update the averages, and with them the entries, with outputs (N, D) and the indices chosen for them, (N,)."""
        # Sums over all processes.
        counts = distributed.all_reduce_sum(
            torch.zeros_like(self.counts).index_add_(0, indices, output.new_ones(len(indices)))
        )
        sums = distributed.all_reduce_sum(torch.zeros_like(self.sums).index_add_(0, indices, output))
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        uniform = counts.sum() / len(self.codes)
        unused = (self.counts < MIN_USAGE * uniform)[:, None]
        restarts = distributed.draw_rows(output, len(self.codes))
        self.counts.copy_(torch.where(unused[:, 0], uniform, self.counts))
        self.sums.copy_(torch.where(unused, restarts * uniform, self.sums))
        self.codes.copy_(self._scale(self.sums / self.counts[:, None]))

    def _scale(self, vectors: Tensor) -> Tensor:
        return F.normalize(vectors, dim=-1) if self.cosine else vectors


@register_quantizer("codebook", "CODES", "512")
def make_codebook(positions: Shape, dim: int, setting: str) -> Quantizer:
    """The nearest of learned vectors, which follow the encoder by averages."""
    (codes,) = parse_sizes(setting, 1)
    return Codebook(positions, dim, codes)


@register_quantizer("cosine", "CODES", "512")
def make_cosine_codebook(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Codebook of unit vectors: the nearest by cosine."""
    (codes,) = parse_sizes(setting, 1)
    return Codebook(positions, dim, codes, cosine=True)


@register_quantizer("rotation", "CODES", "512")
def make_rotation_codebook(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Codebook with the rotation trick as gradient of the encoder."""
    (codes,) = parse_sizes(setting, 1)
    return Codebook(positions, dim, codes, gradient="rotation")
