"""Evaluation protocols: which runs are comparable."""

import json

import numpy as np
import pytest

import elbowroom as er
from elbowroom.comparing import compare
from elbowroom.comparing.page_data import comparison_data


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
    assert any("each seed divides the data anew" in note for note in found.notes)
