"""Configuration of a run: what a reader sees of its record."""

import re

import pytest

import elbowroom as er
from elbowroom.recipes import RECIPES
from elbowroom.runs.objective_text import format_objective
from elbowroom.studio.services.configuration import list_settings


@pytest.mark.parametrize("name", list(RECIPES))
def test_an_objective_is_one_sum(name):
    """Of each player, without nested parentheses, each term once; of the β-VAE with the β that was asked for.

    In parentheses are the length of a ramp, what a term compares in, and what a constraint holds at a value.
    """
    _, objective = RECIPES[name]((1, 8, 8))
    text = format_objective(repr(objective))
    for loss in text.split("; "):
        bare = re.sub(r"(ramp|perceptual|structural similarity|multiplier·)\([^()]*\)", r"\1", loss)
        terms = [word.strip().split("·")[-1] for word in bare.split(" + ")]
        assert len(set(terms)) == len(terms)
        assert "(" not in bare
    expected = {"vae": "reconstruction + KL", "beta_vae": "reconstruction + 4·KL", "iwae": "importance bound"}
    assert text == expected.get(name, text)


def test_what_was_changed_is_told_from_defaults(tmp_path, digits):
    parts = er.recipes.beta_vae(digits.shape, latent=3, hidden=(16,), beta=2)
    run = er.fit(*parts, digits, steps=1, lr=0.01, report=False, out=tmp_path / "run")
    rows = {row["name"]: row for row in list_settings(run.record)}
    assert rows["objective"]["value"] == "reconstruction + 2·KL"
    assert (rows["lr"]["label"], rows["lr"]["value"]) == ("learning rate", "0.01")
    assert rows["hidden"]["value"] == "16"
    for name, is_default in {"latent": False, "hidden": False, "beta": False, "lr": False, "activation": True}.items():
        assert rows[name]["is_default"] is is_default, name
    assert [row["name"] for row in list_settings(run.record)][:3] == ["recipe", "data", "objective"]
    assert "epochs" not in rows
