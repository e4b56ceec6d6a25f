"""Parts of autoregressive networks over codes: embedding of indices, and the probabilities of a position's index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.families import Quantizer

#: The standard deviation of the part of an embedding that is a value's own, and not its code's, where a fit begins.
OWN_EMBEDDING = 0.5


class CodeNetwork(nn.Module, ABC):
    r"""An autoregressive density of indices: :math:`\log p(i) = \sum_p \log p(i_p \mid i_{<p}, c)`.

    A subclass implements :meth:`features` and :meth:`draw`.

    Args:
        positions: P.
        index_sizes: the number of values of each of the H sub-indices of a position.
        width: W, of the features.
    """

    def __init__(self, positions: int, index_sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.embedding = CodeEmbedding(index_sizes, width)
        self.head = CodeHead(positions, index_sizes, width)

    @abstractmethod
    def features(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return what a position's index depends on: (B, P, H) to (B, P, W), each from the positions before it."""

    @abstractmethod
    def draw(self, u: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return indices drawn by uniform numbers: (B, P, H) to (B, P, H)."""

    @torch.no_grad()
    def start_from(self, indices: Tensor, quantizer: Quantizer) -> None:
        """Set where a fit begins: at frequencies of indices (N, P, H), and embeddings that are alike where codes are.

        To the random embedding of a value is added the code with that value, the other sub-indices zero, standardized
        and projected at random.
        """
        self.head.set_frequencies(indices)
        projection: Tensor | None = None
        for h, size in enumerate(quantizer.index_sizes):
            values = torch.zeros(size, 1, len(quantizer.index_sizes), dtype=torch.int64, device=quantizer.device)
            values[:, 0, h] = torch.arange(size, device=quantizer.device)
            codes = quantizer.decode_indices(values)[:, 0].cpu()
            centered = codes - codes.mean(0)
            weight = self.embedding.weight(h)
            if projection is None:
                projection = torch.randn(codes.shape[1], weight.shape[1])
            embedded = centered @ projection
            weight.copy_(OWN_EMBEDDING * weight + embedded / embedded.std().clamp_min(1e-6))

    def log_mass(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return log p(i|c), nats: (B, P, H) to (B,)."""
        return self.head.log_mass(self.features(indices, condition), indices).sum(-1)


class CodeEmbedding(nn.Module):
    """The sum of a learned vector for each sub-index: (..., H) to (..., W)."""

    def __init__(self, index_sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(size, width) for size in index_sizes])

    def weight(self, h: int) -> Tensor:
        """The vectors of a sub-index, (C_h, W)."""
        return cast(nn.Embedding, self.tables[h]).weight

    def forward(self, indices: Tensor) -> Tensor:
        return torch.stack([table(index) for table, index in zip(self.tables, indices.unbind(-1), strict=True)]).sum(0)


class CodeHead(nn.Module):
    r"""The probabilities of a position's index given features, one sub-index after the other.

    .. math:: p(i_{ph} \mid f_p, i_{p1}, \dots, i_{p,h-1}) \propto
        \exp\left( W_h\, s\left(V f_p + \textstyle\sum_{g<h} E_g(i_{pg})\right) + \log \hat p_{ph} \right)

    with the frequency :math:`\hat p_{ph}` of each value at its position among the training examples: with W = 0, where
    a fit begins, positions and sub-indices are independent. The sum over sub-indices is that of NADE (Larochelle &
    Murray 2011; Uria et al. 2016, arXiv 1605.02226).
    """

    log_frequencies: Tensor

    def __init__(self, positions: int, index_sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.index_sizes = tuple(index_sizes)
        self.first = nn.Linear(width, width)
        self.tables = nn.ModuleList([nn.Embedding(size, width) for size in self.index_sizes[:-1]])
        self.outputs = nn.ModuleList([nn.Linear(width, size) for size in self.index_sizes])
        for output in self.outputs:
            nn.init.zeros_(cast(nn.Linear, output).weight)
            nn.init.zeros_(cast(nn.Linear, output).bias)
        self.register_buffer("log_frequencies", torch.zeros(positions, sum(self.index_sizes)))

    def set_frequencies(self, indices: Tensor) -> None:
        """Set the frequencies to those of indices (N, P, H), each position's shrunk to those of all positions."""
        parts = []
        for index, size in zip(indices.unbind(-1), self.index_sizes, strict=True):
            counts = torch.stack([column.bincount(minlength=size) for column in index.T]).double()
            pooled = (counts.sum(0) + 0.5) / (counts.sum() + 0.5 * size)
            parts.append((counts + size * pooled) / (len(indices) + size))
        self.log_frequencies.copy_(torch.cat(parts, -1).log())

    def log_mass(self, features: Tensor, indices: Tensor) -> Tensor:
        """Return the log-probability of each position's index, nats: (..., P, W) and (..., P, H) to (..., P)."""
        hidden, scores = self.first(features), []
        for h, index in enumerate(indices.unbind(-1)):
            scores.append(self._log_probs(hidden, h).gather(-1, index[..., None])[..., 0])
            hidden = self._add_index(hidden, h, index)
        return torch.stack(scores).sum(0)

    def draw(self, features: Tensor, u: Tensor, position: int) -> Tensor:
        """Draw the index of a position by uniform numbers: (B, W) and (B, H) to (B, H)."""
        hidden, drawn = self.first(features), []
        for h, uniform in enumerate(u.unbind(-1)):
            cumulative = self._log_probs(hidden, h, position).exp().cumsum(-1)[..., :-1]
            drawn.append((uniform[..., None] > cumulative).sum(-1))
            hidden = self._add_index(hidden, h, drawn[-1])
        return torch.stack(drawn, -1)

    def _log_probs(self, hidden: Tensor, h: int, position: int | None = None) -> Tensor:
        frequencies = torch.split(self.log_frequencies, list(self.index_sizes), -1)[h]
        logits = self.outputs[h](F.silu(hidden)) + (frequencies if position is None else frequencies[position])
        return torch.log_softmax(logits, -1)

    def _add_index(self, hidden: Tensor, h: int, index: Tensor) -> Tensor:
        return hidden + self.tables[h](index) if h < len(self.tables) else hidden
