"""Evaluation protocols: which runs are comparable."""

import json

import numpy as np
import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.comparing import compare
from elbowroom.comparing.page_data import comparison_data
from elbowroom.data.readers import numpy
from elbowroom.recipes import registry


@pytest.mark.parametrize(
    ("flags", "words", "shared"),
    [
        (
            ["--likelihood", "gaussian"],
            "its likelihood is Gaussian of learned scale, log-density (in A: Bernoulli",
            True,
        ),
        (["--likelihood", "gaussian:0.5"], "its likelihood is Gaussian of scale 0.5, log-density", True),
        (["--binarize", "threshold"], "its binarize is threshold (in A: none)", False),
        (["--validation", "100"], "its train examples is 1,338 (in A: 1,258)", False),
    ],
)
def test_runs_of_another_protocol_are_marked(train, flags, words, shared):
    found = compare(train("a"), train("b", *flags))
    assert [protocol.letter for protocol in found.protocols] == ["A", "B"]
    (said,) = [line for line in found.comparability_notes if line.startswith("B is not comparable with A")]
    assert words in said
    assert ("Squared errors can be compared" in said) is shared
    best = {column.name: found.best_groups(column) for column in found.columns}
    assert best["elbo"] == []
    assert len(best["squared_error"]) == shared
    data = comparison_data(found)
    assert said in data["incomparable"]
    assert [data["groups"][row["group"]]["protocol"] for row in data["tables"]["groups"]["rows"]] == [0, 1]
    assert [protocol["letter"] for protocol in data["protocols"]] == ["A", "B"]


def test_what_an_earlier_version_could_not_be_asked_for_is_no_difference(train):
    """A record of before an argument of the data was there means its default."""
    runs = [train("a"), train("b")]
    record = json.loads((runs[0] / "recipe.json").read_text())
    record["data"]["arguments"] = {"binarize": "none", "validation": 0.1, "test": 0.2, "seed": 0}
    (runs[0] / "recipe.json").write_text(json.dumps(record))
    assert compare(*runs).comparability_notes == []


def test_different_values_under_one_description_are_different_data(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        data = er.load_data(rng.random((200, 1, 6, 6), dtype=np.float32))
        er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out=tmp_path / name, device="cpu")
    found = compare(tmp_path)
    assert len(found.protocols) == 2
    assert "its fingerprint is" in found.comparability_notes[0]


def test_seeds_that_divide_the_data_anew_are_one_protocol_and_it_says_so(swept):
    found = compare(swept)
    assert len(found.protocols) == 1
    assert [note for note in found.notes if "divides the data anew" in note] == [
        "each seed divides the data anew, so the spread over seeds is that of the examples, too"
    ]


@pytest.mark.parametrize(
    ("flags", "is_noted"),
    [
        (["--seed", "1"], True),
        (["--latent", "3", "--seed", "1"], True),
        (["--latent", "3"], False),
        (["--binarize", "threshold", "--seed", "1"], False),
    ],
)
def test_rows_of_seeds_that_divide_the_data_anew_say_so(train, flags, is_noted, tmp_path, capsys):
    """Of rows that are compared; those of other data are not."""
    found = compare(train("a"), train("b", *flags))

    def is_said(text):
        return "divides the data anew" in text or "rows are of different seeds" in text

    assert is_said(" ".join(found.notes)) is is_noted
    capsys.readouterr()
    assert main(["compare", str(tmp_path), "--out", str(tmp_path / "page.html")]) == 0
    for page in (capsys.readouterr().out, (tmp_path / "page.html").read_text()):
        assert is_said(" ".join(page.split())) is is_noted


@pytest.mark.parametrize(("name", "is_noted"), [("one.npy", True), ("parted", False)])
def test_seeds_that_divide_a_large_file_say_so_too(train, name, is_noted, tmp_path, monkeypatch):
    """Known by the hash of its files, without labels; not where its splits come with it."""
    monkeypatch.setattr(numpy, "PARTIAL_HASH_BYTES", 1000)
    x = np.random.default_rng(0).random((100, 1, 8, 8), dtype=np.float32)
    np.save(tmp_path / "one.npy", x)
    (tmp_path / "parted").mkdir()
    for split, part in (("train", x[:60]), ("validation", x[60:80]), ("test", x[80:])):
        np.save(tmp_path / "parted" / f"x_{split}.npy", part)
    flags = ("--data", str(tmp_path / name), "--batch-size", "20")
    paths = [train(f"seed-{seed}", *flags, "--seed", seed) for seed in "01"]
    found = compare(*paths)
    assert len(found.protocols) == 1
    assert any("divides the data anew" in note for note in found.notes) is is_noted
    # Of a run from before its division was recorded nothing is said.
    record = json.loads((paths[0] / "recipe.json").read_text())
    del record["data"]["division"]
    (paths[0] / "recipe.json").write_text(json.dumps(record))
    assert not any("divides the data anew" in note for note in compare(*paths).notes)


def test_unknown_likelihoods_are_not_taken_for_the_same(tmp_path):
    """Of modules of one's own, whose records say nothing of it."""
    data = er.load_data("digits")
    quick = {"steps": 2, "device": "cpu", "report": False, "sampler": "none", "progress": False}
    for name, family in (("a", er.Bernoulli(data.shape)), ("b", er.Gaussian(data.shape))):
        q = er.Conditional.mlp(data.shape, er.DiagonalNormal(2))
        model = er.Model(q, er.Conditional.mlp(2, family), er.StandardNormal(2))
        er.fit(model, er.ELBO(), data, out=tmp_path / name, **quick)
    er.fit(*er.recipes.vae(data.shape, latent=2), data, out=tmp_path / "c", **quick)
    words = "unknown, since no recipe made their models: compare their bounds only if you gave them the same"
    for names, is_noted in (("ab", True), ("abc", True), ("ac", False)):
        found = compare(*(tmp_path / name for name in names))
        assert any(words in note for note in found.notes) is is_noted
        assert sum("unknown" in line for line in found.comparability_notes) == ("c" in names)


RECIPE = """
import elbowroom as er

@er.recipe("Example 2026", extends=er.recipes.vae)
def other_vae(shape, **rest):
    "A VAE."
    return er.recipes.vae(shape, **rest)
"""


@pytest.fixture
def of_a_file(tmp_path, monkeypatch, train):
    """Two runs of a recipe in a file that ELBOWROOM_RECIPES names, and what forgets it."""
    file = tmp_path / "mine.py"
    file.write_text(RECIPE)
    monkeypatch.setenv("ELBOWROOM_RECIPES", str(file))
    yield [train(name, "--likelihood", name, recipe="other_vae") for name in ("bernoulli", "gaussian")]
    er.recipes.RECIPES.pop("other_vae", None)
    registry._LOADED_FILES.discard(file.resolve())


def test_a_recipe_of_a_file_is_known_where_the_file_is_named(of_a_file, monkeypatch):
    known = compare(*of_a_file)
    assert known.protocols[1].likelihood == "Gaussian of learned scale, log-density"
    assert known.notes == []
    monkeypatch.delenv("ELBOWROOM_RECIPES")
    del er.recipes.RECIPES["other_vae"]
    found = compare(*of_a_file)
    assert [p.likelihood for p in found.protocols] == [
        f"{name} of the recipe other_vae, which cannot be made here" for name in ("bernoulli", "gaussian")
    ]
    (note,) = found.notes
    assert note.startswith("the recipe other_vae is not known here")
    assert note.endswith("set ELBOWROOM_RECIPES to the file that defines it")
    assert not any("Squared errors can be compared" in line for line in found.comparability_notes)
    monkeypatch.setenv("ELBOWROOM_RECIPES", "nowhere.py")
    assert "which is not a file" in compare(*of_a_file).notes[0]
