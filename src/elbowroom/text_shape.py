"""Shape of a text that knows the size of its vocabulary, and the likelihood spelled from it."""

from __future__ import annotations

from typing import cast

from elbowroom.table_shape import TableShape

TOKEN_LIKELIHOOD = "tokens"
#: The index of the end of a text, which every position after it has too.
END = 0


class TextShape(TableShape):
    """Shape (T,) of a text of at most T tokens, whose values are indices into a vocabulary; index 0 ends it.

    Networks that know nothing of sequences take it as a row of T categories.

    Args:
        length: T.
        words: the size of the vocabulary, with the end.

    >>> shape = TextShape(20, words=500)
    >>> shape, shape.likelihood
    ((20,), 'tokens:500')
    """

    words: int

    def __new__(cls, length: int, words: int) -> TextShape:
        if length < 1 or words < 2:
            raise ValueError(f"texts of {length} tokens of {words}: expected at least 1, and a vocabulary of 2")
        shape = cast(TextShape, super().__new__(cls, (words,) * length))
        shape.words = words
        return shape

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return len(self), self.words

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such texts."""
        return f"{TOKEN_LIKELIHOOD}:{self.words}"


def resolve_text_shape(likelihood: str, shape: tuple[int, ...]) -> TextShape:
    """Return the text shape that a likelihood spells out, or that ``shape`` is.

    Raises:
        ValueError: the size of the vocabulary is neither spelled out nor known from the shape; not one dimension.

    >>> resolve_text_shape("tokens:500", (20,)).words
    500
    """
    words = likelihood.partition(":")[2]
    if not words and isinstance(shape, TextShape):
        return shape
    if not words.isdecimal() or len(shape) != 1:
        raise ValueError(
            f"likelihood '{likelihood}' is for texts, and examples of {'x'.join(map(str, shape))} are none: give the "
            "shape of texts that were loaded, or the size of their vocabulary, as tokens:500 for examples (T,)"
        )
    return TextShape(shape[0], int(words))
