"""Residual quantization: every stage quantizes what the stages before leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from elbowroom.distributions import Quantized
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.codebook import Codebook
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: Sums that a search for indices keeps at each stage.
BEAM_WIDTH = 16
#: Distances in memory at once, in a search for indices.
MAX_DISTANCES = 1 << 24


class ResidualQuantizer(Quantizer):
    r"""Residual quantization: the sum of the nearest entries of several codebooks, coarse to fine.

    .. math:: r_1 = e, \quad i_s = \arg\min_i \| r_s - c_i^{(s)} \|, \quad r_{s+1} = r_s - c_{i_s}^{(s)}, \quad
        z = \textstyle\sum_s c_{i_s}^{(s)}

    Zeghidour et al. 2021, arXiv 2107.03312 (each stage its own codebook, dropout of stages); Lee et al. 2022, arXiv
    2203.01941 (one codebook for all stages). Its commitment is the sum of the distances after every stage, as in both.

    Deviation: with dropout, an example's later stages add nothing to its latent, but their indices are chosen and
    scored by the prior.

    Args:
        positions: P, or the sizes of a map of them.
        dim: D, the length of a code.
        codes: the number of entries of a codebook.
        depth: S, the number of stages.
        shared: one codebook for all stages; by default each has its own.
        dropout: whether, in training, each example's latent is the sum of a random number of stages, so that the first
            alone can be decoded, too.
        decay, gradient: as :class:`~elbowroom.families.Codebook` takes them.

    >>> _ = torch.manual_seed(0)
    >>> quantizer = ResidualQuantizer(positions=4, dim=2, codes=8, depth=3)
    >>> quantizer(torch.randn(10, quantizer.size)).indices.shape
    torch.Size([10, 4, 3])
    """

    def __init__(
        self,
        positions: Shape,
        dim: int,
        codes: int = 512,
        depth: int = 4,
        shared: bool = False,
        dropout: bool = False,
        decay: float = 0.99,
        gradient: str = "straight-through",
    ) -> None:
        if depth < 1:
            raise ValueError(f"a residual quantizer needs at least 1 stage, got {depth}")
        super().__init__(positions, dim, (codes,) * depth)
        self.dropout = dropout
        #: One for each stage, or one for all.
        self.books = nn.ModuleList(
            Codebook(positions, dim, codes, decay, gradient=gradient) for _ in range(1 if shared else depth)
        )

    @property
    def is_scalar(self) -> bool:
        return False  # a code is a sum of entries, however many stages and numbers there are

    @property
    def stage_books(self) -> Sequence[Codebook]:
        """The codebook of each stage."""
        books = cast("list[Codebook]", list(self.books))
        return books * (len(self.index_sizes) // len(books))

    def quantize(self, output: Tensor) -> Quantized:
        residuals, codes, indices = [output.detach()], [], []
        for book in self.stage_books:
            indices.append(book.find_indices(residuals[-1]))
            codes.append(book.decode_indices(indices[-1]))
            residuals.append(residuals[-1] - codes[-1])
        chosen, stages = torch.cat(indices, -1), torch.stack(codes).cumsum(0)
        z = self._drop_stages(stages) if self.training and self.dropout else stages[-1]
        if self.training:
            self._update_averages(torch.stack(residuals[:-1]), chosen)
        through = self.stage_books[0].pass_gradient(output, z)
        return Quantized(output, stages[-1], chosen, self.index_sizes, z=through, stages=stages)

    def _drop_stages(self, stages: Tensor) -> Tensor:
        """Return the sum of a random number of stages for each example: (S, B, ..., D) to (B, ..., D)."""
        last = self._draw_last_stages(stages.shape[1], stages.device)
        return stages[last, torch.arange(stages.shape[1], device=stages.device)]

    def _draw_last_stages(self, n: int, device: torch.device) -> Tensor:
        """Draw the index of the last stage of each of n examples: any is as probable."""
        return torch.randint(len(self.index_sizes), (n,), device=device)

    def _update_averages(self, residuals: Tensor, indices: Tensor) -> None:
        """Update the codebooks with what each stage was given, (S, ..., P, D), and chose, (..., P, S)."""
        of_books = zip(
            residuals.chunk(len(self.books)), indices.movedim(-1, 0).chunk(len(self.books)), self.books, strict=True
        )
        for vectors, chosen, book in of_books:
            cast("Codebook", book).update_averages(vectors.flatten(0, -2), chosen.flatten())

    def decode_indices(self, indices: Tensor) -> Tensor:
        parts = zip(self.stage_books, torch.split(indices, 1, -1), strict=True)
        return torch.stack([book.decode_indices(index) for book, index in parts]).sum(0)

    def find_indices(self, z: Tensor) -> Tensor:
        """Return indices whose codes sum to these vectors, or nearly: a beam search of 16 sums per stage.

        The nearest entry at each stage, which :meth:`quantize` takes, need not give a sum back exactly.
        """
        vectors = z.reshape(-1, z.shape[-1])
        chunk = max(1, MAX_DISTANCES // (BEAM_WIDTH * self.index_sizes[0]))
        found = torch.cat([self._search(part) for part in torch.split(vectors, chunk)])
        return found.reshape(*z.shape[:-1], -1)

    def _search(self, vectors: Tensor) -> Tensor:
        """Return the indices of the best sums for each of the vectors, (N, D) to (N, S)."""
        residuals, indices = vectors[:, None], vectors.new_zeros(len(vectors), 1, 0, dtype=torch.long)
        for book in self.stage_books:
            n_codes, entries = len(book.codes), book.codes
            distances = residuals.square().sum(-1, keepdim=True) - 2 * residuals @ entries.T + entries.square().sum(-1)
            best = distances.flatten(1).topk(min(BEAM_WIDTH, distances[0].numel()), largest=False).indices
            parent, code = best // n_codes, best % n_codes
            residuals = residuals.take_along_dim(parent[..., None], 1) - entries[code]
            indices = torch.cat((indices.take_along_dim(parent[..., None], 1), code[..., None]), -1)
        nearest = residuals.square().sum(-1).argmin(-1)
        return indices[torch.arange(len(vectors), device=vectors.device), nearest]


@register_quantizer("residual", "CODESxDEPTH", "512x4")
def make_residual(positions: Shape, dim: int, setting: str) -> Quantizer:
    """A sum of entries, each nearest to what those before leave, every stage with its own codebook."""
    codes, depth = parse_sizes(setting, 2)
    return ResidualQuantizer(positions, dim, codes, depth)


@register_quantizer("shared-residual", "CODESxDEPTH", "512x4")
def make_shared_residual(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Residual with one codebook for all stages."""
    codes, depth = parse_sizes(setting, 2)
    return ResidualQuantizer(positions, dim, codes, depth, shared=True)
