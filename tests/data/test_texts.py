"""Texts: one coding for files and lists, kept in the record, by which new texts are coded and made ones are written."""

import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.plotting.registry import PLOTS
from elbowroom.runs.run_view import RunView
from elbowroom.text_shape import TextShape
from tests.tiny_recipes import make_tiny

SENTENCES = [f"{who} {what}{end}" for who in ("a cat", "the dog") for what in ("sleeps", "can't eat") for end in ".!"]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "sentences.txt"
    file.write_text("\n\n".join(SENTENCES * 10), encoding="utf-8")
    return file


def test_a_file_and_a_list_are_the_same_texts(path):
    data, other = er.load_data(path), er.load_data(SENTENCES * 10)
    assert isinstance(data.shape, TextShape)
    assert data.shape == (6,)
    assert data.protocol["vocabulary"][:2] == ["<end>", "<unknown>"]
    assert data.protocol["vocabulary"] == other.protocol["vocabulary"]
    assert data.train.x.equal(other.train.x)
    assert set(er.data.decode_texts(data.train.x, data.protocol)) <= set(SENTENCES)


def test_characters_come_back_as_they_were():
    data = er.load_data(SENTENCES * 10, tokens="characters", validation=0, test=0)
    assert er.data.decode_texts(data.train.x, data.protocol) == SENTENCES * 10


def test_new_texts_are_coded_by_the_record(path):
    data = er.load_data(path)
    new = er.data.load_like(["the cat meows.", "a dog " * 9], data.protocol)
    assert er.data.decode_texts(new.train.x, data.protocol) == ["the cat <unknown>.", "a dog a dog a dog"]
    assert "1 texts cut to 6 words" in new.protocol["preprocessing"]
    with pytest.raises(ValueError, match="its vocabulary has other tokens"):
        er.data.load_measured(er.load_data(["other words"] * 9), data.protocol)


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        (["a", " "], {}, "text 1 of x has no words: leave it out"),
        (SENTENCES, {"length": 1}, "length=1: expected a whole number, at least 2"),
        (SENTENCES, {"tokens": "syllables"}, "tokens"),
        (torch.rand(9, 3), {"length": 4}, "length=4 is for texts"),
    ],
)
def test_errors_advise(source, options, error):
    with pytest.raises(ValueError, match=error):
        er.load_data(source, **options)


def test_a_file_without_texts_or_of_another_encoding_is_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes("élan".encode("latin-1"))
    with pytest.raises(ValueError, match="has no text in it: expected one to a line"):
        er.load_data(tmp_path / "empty.txt")
    with pytest.raises(ValueError, match="is not UTF-8 at byte 0: convert it"):
        er.load_data(tmp_path / "latin.txt")


@pytest.mark.parametrize("recipe", ["text_vae", "vae"])
def test_every_command_writes_sentences(recipe, path, tmp_path, capsys):
    data, out = er.load_data(path), str(tmp_path / "out.txt")
    run = er.fit(*make_tiny(recipe, data.shape), data, steps=3, out=tmp_path / "run", device="cpu")
    words = set(" ".join(SENTENCES).replace(".", " .").replace("!", " !").split()) | {"<unknown>"}
    for command in (
        ["sample", str(run.path), "-n", "5", "--out", out],
        ["reconstruct", str(run.path), "-n", "5", "--out", out],
        ["interpolate", str(run.path), str(path), str(path), "--steps", "5", "--out", out],
    ):
        assert main(command) == 0, capsys.readouterr().err
        lines = (tmp_path / "out.txt").read_text().split("\n")
        assert len(lines) == 6
        assert set(lines[0].replace(".", " .").replace("!", " !").split()) <= words
        assert lines[0] in capsys.readouterr().out
    (table, *_) = PLOTS["reconstructions"].build_spec(RunView(run, data)).marks
    assert table.heads == ["text"]
    assert table.rows[0][1][0] in SENTENCES
    model = er.load(run.path)
    assert model.encode(["the cat sleeps."]).shape == (1, *model.latent_shape)
    metrics = er.evaluate(run, samples=2, metrics="likelihood,perplexity")
    assert metrics["elbo"].value < 0
    assert 1 < metrics["perplexity"].value < 2 * len(data.protocol["vocabulary"])
