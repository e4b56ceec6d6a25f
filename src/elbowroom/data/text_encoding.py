"""Coding of texts: tokens, that is words or characters, by their index in a vocabulary, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.text_shape import END

TokenKind = Literal["words", "characters"]

END_TOKEN, UNKNOWN_TOKEN = "<end>", "<unknown>"
"""The first two tokens of every vocabulary."""
UNKNOWN = 1
"""The index of a token that the vocabulary does not have."""
MAX_WORDS = 10_000
"""Tokens of a vocabulary that is made, the most frequent ones."""
MAX_LENGTH: dict[str, int] = {"words": 40, "characters": 120}
"""Tokens of a text, with its end, where no length is given; longer texts are cut."""
TOKEN_PATTERNS = {"words": re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]"), "characters": re.compile(r".")}
"""What a token is: a word or a mark between words; or a character."""
SPACE_BEFORE_MARK = re.compile(r" (?=[,.;:!?)\]}’])")


def is_texts(source: Any) -> bool:
    """Return whether an object is a list or tuple of texts.

    >>> is_texts(["one text", "another"]), is_texts([1.0, 2.0]), is_texts([])
    (True, False, False)
    """
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(text, str) for text in source)


def encode_texts(texts: Sequence[str], options: ReadOptions, where: str) -> RawDataset:
    """Return texts as rows of tokens, (N, T), of one length: shorter ones have the end from theirs on.

    Raises:
        ValueError: a text of no token.

    >>> raw = encode_texts(["a cat.", "a dog"], ReadOptions(), "x")
    >>> raw.vocabulary, raw.train.x.tolist()
    (('<end>', '<unknown>', 'a', '.', 'cat', 'dog'), [[2.0, 4.0, 3.0, 0.0], [2.0, 5.0, 0.0, 0.0]])
    """
    kind = options.tokens
    tokens = [TOKEN_PATTERNS[kind].findall(text) for text in texts]
    empty = next((i for i, one in enumerate(tokens) if not one), None)
    if empty is not None:
        raise ValueError(f"text {empty} of {where} has no {kind}: leave it out")
    vocabulary = parse_vocabulary(options.vocabulary) or make_vocabulary(chain.from_iterable(tokens))
    longest = max(map(len, tokens)) + 1
    length = options.length or min(longest, MAX_LENGTH[kind])
    index_of = {token: index for index, token in enumerate(vocabulary)}
    x = torch.full((len(tokens), length), float(END))
    for row, one in zip(x, tokens, strict=True):
        indices = [index_of.get(token, UNKNOWN) for token in one[:length]]
        row[: len(indices)] = torch.tensor(indices, dtype=x.dtype)
    cut = sum(len(one) > length for one in tokens)
    steps = [f"{kind} of a vocabulary of {len(vocabulary):,}", f"{cut:,} texts cut to {length} {kind}" if cut else ""]
    return RawDataset(
        InMemorySplit(x), vocabulary=vocabulary, tokens=kind, preprocessing="; ".join(filter(None, steps)), name="texts"
    )


def make_vocabulary(tokens: Iterable[str]) -> tuple[str, ...]:
    """Return the most frequent tokens, those as frequent in the order of the alphabet, after the end and the unknown.

    >>> make_vocabulary("abcb")
    ('<end>', '<unknown>', 'b', 'a', 'c')
    """
    counts = Counter(tokens)
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return (END_TOKEN, UNKNOWN_TOKEN, *ordered[: MAX_WORDS - 2])


def parse_vocabulary(given: Any) -> tuple[str, ...] | None:
    """Return a vocabulary that is given as names, or as one text of names between commas; None where none is."""
    names = given.split(",") if isinstance(given, str) else tuple(given or ())
    return tuple(dict.fromkeys((END_TOKEN, UNKNOWN_TOKEN, *names))) if names else None


def require_texts(record: Mapping[str, Any]) -> None:
    """Raise a ValueError for a record of data that was no texts."""
    if "vocabulary" not in record:
        raise ValueError("this model was not trained on texts: give an --out that ends in .npz")


def decode_texts(x: Tensor, record: Mapping[str, Any]) -> list[str]:
    """Return rows of tokens (N, T) as texts, each up to its end.

    Args:
        x: indices of tokens.
        record: of the data, ``Data.protocol`` or the field ``data`` of a run's record.

    Raises:
        ValueError: the record is not one of texts.

    >>> decode_texts(torch.tensor([[2.0, 3.0, 0.0]]), {"vocabulary": ["<end>", "<unknown>", "cat", "."]})
    ['cat.']
    """
    require_texts(record)
    vocabulary, is_words = record["vocabulary"], record.get("tokens", "words") == "words"
    rows = x.long().clamp(0, len(vocabulary) - 1).tolist()
    texts = [[vocabulary[index] for index in row[: row.index(END) if END in row else None]] for row in rows]
    return [SPACE_BEFORE_MARK.sub("", " ".join(tokens)) if is_words else "".join(tokens) for tokens in texts]
