"""Corpora as bags of words: OCTIS' format, splits and classes, errors."""

import pytest
import torch

from elbowroom.data import load_data

LINES = ["cat dog cat\ttrain\tpets", "tree cat\ttrain\twoods", "tree unknown\tval\twoods", "dog\ttest\tpets"]


@pytest.fixture
def write(tmp_path):
    """A function that writes a corpus and its vocabulary, and returns the path of the corpus."""

    def write_files(lines, words="cat\ndog\ntree\n"):
        (tmp_path / "news_vocabulary.txt").write_text(words, encoding="utf-8")
        (tmp_path / "news.tsv").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / "news.tsv"

    return write_files


def test_texts_are_counts_of_the_words_in_their_splits(write):
    data = load_data(write(LINES))
    batch = data.train.first(2)
    assert batch.x.tolist() == [[2, 1, 0], [1, 0, 1]]
    assert batch.x.dtype == torch.float32
    assert [data.classes[int(y)] for y in batch.y] == ["pets", "woods"]
    assert (data.validation.first(1).x.tolist(), data.test.first(1).x.tolist()) == ([[0, 0, 1]], [[0, 1, 0]])
    assert data.protocol["items"] == ["cat", "dog", "tree"]


def test_texts_alone_are_divided(write):
    data = load_data(write(["cat dog"] * 10))
    assert data.protocol["sizes"] == {"train": 8, "validation": 1, "test": 1}
    assert data.classes is None


@pytest.mark.parametrize(
    ("lines", "words", "message"),
    [
        (LINES, "", "vocabulary.txt is empty"),
        ([""], "cat", "news.tsv is empty"),
        ([*LINES, "cat"], "cat", "line 5 of .*as in all lines"),
        (["cat\tdev\tpets"], "cat", "splits are train, val"),
        (["cat\ttest\tpets"], "cat", "no line of the split train"),
    ],
)
def test_damaged_corpora_are_refused(write, lines, words, message):
    with pytest.raises(ValueError, match=message):
        load_data(write(lines, words))


def test_a_corpus_without_its_vocabulary_is_told_what_it_is_called(write):
    path = write(["cat dog " * 100, "tree cat"])
    path.with_name("news_vocabulary.txt").unlink()
    with pytest.raises(ValueError, match=r"or, of a corpus, its words beside it, in news_vocabulary\.txt"):
        load_data(path)
