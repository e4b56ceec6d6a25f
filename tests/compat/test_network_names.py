"""Runs of before networks were an argument of every recipe, whose record says ``network: "plain"``: it is conv now."""

import json
import warnings

import pytest
import torch

import elbowroom as er
from elbowroom.runs import Run, repeat_command


@pytest.fixture
def plain_run(digits, tmp_path):
    """A run whose record has the name and the arguments of then, and its model as it was trained."""
    run = er.fit(
        *er.recipes.conv_vae(digits.shape, latent=2, widths=(4, 8), seed=0),
        er.load_data("digits"),
        steps=2,
        out=tmp_path / "run",
        report=False,
    )
    path = run.path / "recipe.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    then = ("latent", "size", "widths", "likelihood")
    record["arguments"] = {name: record["arguments"][name] for name in then} | {"network": "plain"}
    trained = er.load(run.path)
    path.write_text(json.dumps(record), encoding="utf-8")
    return run.path, trained


def test_a_run_of_then_loads_without_a_warning_and_is_repeated_under_the_new_name(plain_run):
    path, trained = plain_run
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        record = Run(path).record
        model = er.load(path)
    assert record["arguments"]["network"] == "conv"
    assert "plain" not in str(repeat_command(record))
    weights, expected = model.state_dict(), trained.state_dict()
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())
