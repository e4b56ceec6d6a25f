"""The suite of scores of disentanglement."""

import pytest
import torch

import elbowroom as er
from elbowroom.data.catalog import shapes
from elbowroom.evaluation.disentanglement.registry import DISENTANGLEMENT_SCORES
from elbowroom.evaluation.suites import disentanglement
from tests.tiny_recipes import make_tiny

NAMES = [name for row in DISENTANGLEMENT_SCORES.values() for name in row.metrics]


@pytest.fixture
def few_examples(monkeypatch):
    monkeypatch.setattr(disentanglement, "MAX_EXAMPLES", 300)
    monkeypatch.setattr(shapes, "N_HELD_OUT", {"validation": 10, "test": 400})


def test_every_score_of_a_model_on_shapes(few_examples):
    data = er.load_data("shapes", resize=16, examples=200)
    metrics = er.evaluate(make_tiny("vae", data.shape)[0], data, metrics="disentanglement")
    assert list(metrics) == NAMES
    for metric in metrics.values():
        assert 0 <= metric.value <= 1, "a model that was not trained"
        assert metric.examples == 300
        assert metric.split == "test"


def test_codes_of_numbers_are_scored_as_they_are(few_examples):
    """QLAE is made for it: each number of a code takes its values by itself."""
    data = er.load_data("shapes", resize=16, examples=200)
    metrics = er.evaluate(make_tiny("qlae", data.shape)[0], data, metrics="disentanglement")
    assert all(metric.value is not None for metric in metrics.values())


def test_scores_that_hold_a_factor_fixed_are_undefined_where_factors_may_depend_on_each_other(few_examples):
    x, y = torch.rand(400, 1, 8, 8), torch.rand(400, 2).round()
    metrics = er.evaluate(make_tiny("vae")[0], er.load_data((x, y)), metrics="disentanglement")
    undefined = [name for name, metric in metrics.items() if metric.value is None]
    assert sorted(undefined) == ["beta_vae_score", "factor_vae_score", "irs"]
    assert "as in the grid of --data shapes" in metrics["irs"].note


@pytest.mark.parametrize(
    ("recipe", "labels", "reason"),
    [
        ("vae", None, "the data has no labels"),
        ("vae", torch.arange(100) % 3, "one class of each example"),
        ("vq_vae", torch.rand(100, 2).round(), "entries of a codebook"),
    ],
)
def test_undefined_with_a_reason(recipe, labels, reason):
    x = torch.rand(100, 1, 8, 8)
    data = er.load_data(x if labels is None else (x, labels))
    metrics = er.evaluate(make_tiny(recipe)[0], data, metrics="disentanglement")
    assert list(metrics) == NAMES
    assert all(metric.value is None and reason in metric.note for metric in metrics.values())
