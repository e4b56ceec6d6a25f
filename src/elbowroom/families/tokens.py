"""Family of texts: a token at each position."""

from __future__ import annotations

import torch.distributions as td
from torch import Tensor

from elbowroom.distributions.tokens import TokenSequence
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood
from elbowroom.text_shape import TOKEN_LIKELIHOOD, TextShape, resolve_text_shape


class Tokens(Family):
    """:class:`elbowroom.distributions.tokens.TokenSequence` of texts of this shape.

    >>> import torch
    >>> family = Tokens(TextShape(4, words=10))
    >>> family.size, family(torch.zeros(3, 40)).log_prob(torch.tensor([2.0, 1.0, 0.0, 0.0]))
    (40, tensor([-6.9078, -6.9078, -6.9078]))
    """

    def __init__(self, shape: TextShape) -> None:
        super().__init__(shape, per_element=shape.words)
        self.support, self.levels = (0.0, shape.words - 1.0), shape.words

    def forward(self, phi: Tensor) -> td.Distribution:
        return TokenSequence(self.split_parameters(phi).movedim(0, -1))


@register_likelihood(TOKEN_LIKELIHOOD, "a token of the vocabulary at each position of a text", "WORDS")
def text_tokens(shape: Shape, words: str = "") -> Tokens:
    """Return the likelihood of texts, whose vocabulary the shape knows or ``words`` is the size of."""
    plain = (shape,) if isinstance(shape, int) else shape if isinstance(shape, TextShape) else tuple(shape)
    return Tokens(resolve_text_shape(f"{TOKEN_LIKELIHOOD}:{words}", plain))
