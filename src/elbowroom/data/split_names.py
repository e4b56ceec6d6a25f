"""Names of splits: the words by which folders, files and arrays say which split they hold."""

from __future__ import annotations

import re

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
"""The words for a split, in lower case, and the split that each stands for."""


def split_from_word(word: str) -> str | None:
    """Return the split that a word stands for, in any case; None for other words.

    >>> split_from_word("Valid"), split_from_word("cat")
    ('validation', None)
    """
    return SPLIT_WORDS.get(word.lower())


def split_from_words(name: str) -> str | None:
    """Return the split that one of the words of a name stands for; None where none does, or several.

    >>> split_from_words("seg_train"), split_from_words("Test Set 2017"), split_from_words("strain")
    ('train', 'test', None)
    """
    found = {split_from_word(word) for word in re.findall("[a-z]+", name.lower())} - {None}
    return found.pop() if len(found) == 1 else None
