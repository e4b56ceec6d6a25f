"""Distribution of texts: tokens at each position until one that ends the text."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes, sample_categorical
from elbowroom.text_shape import END


class TokenSequence(UncheckedDistribution):
    r"""Texts of at most T tokens, each position independent of the others, up to the token 0 that ends a text.

    .. math:: \log p(x) = \sum_{t \le n} \log p_t(x_t), \quad n = \min \{T\} \cup \{t : x_t = 0\}

    Positions after the end are 0 and add nothing. Its ``mean`` are the most probable tokens.

    Args:
        logits: (..., T, words).

    >>> p = TokenSequence(torch.zeros(3, 2))  # eight sequences, of which four are texts: of one, two and three tokens
    >>> texts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    >>> p.log_prob(texts).exp(), p.log_prob(texts).exp().sum()
    (tensor([0.5000, 0.2500, 0.1250, 0.1250]), tensor(1.))
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits.log_softmax(-1)
        super().__init__(logits.shape[:-2], logits.shape[-2:-1])

    def log_prob(self, value: Tensor) -> Tensor:
        shape = broadcast_shapes(value.shape, self.logits.shape[:-1])
        words = self.logits.shape[-1]
        is_token = (value >= 0) & (value < words) & (value == value.round())
        index = torch.where(is_token, value, 0).long().expand(shape)
        scores = self.logits.expand(*shape, words).gather(-1, index[..., None])[..., 0]
        return scores.where(is_token, -torch.inf).where(count_ends_before(value) == 0, 0.0).sum(-1)

    @property
    def mean(self) -> Tensor:
        return cut_after_end(self.logits.argmax(-1).to(self.logits.dtype))

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return cut_after_end(sample_categorical(self.logits, sample_shape).to(self.logits.dtype))


def count_ends_before(tokens: Tensor) -> Tensor:
    """Return how many ends are before each position, (..., T): 0 in the text and at its end."""
    is_end = (tokens == END).long()
    return is_end.cumsum(-1) - is_end


def cut_after_end(tokens: Tensor) -> Tensor:
    """Return tokens (..., T) with the end at every position after the first.

    >>> cut_after_end(torch.tensor([3.0, 0, 2]))
    tensor([3., 0., 0.])
    """
    return tokens.where(count_ends_before(tokens) == 0, float(END))
