"""Suites by name: selection, registration, names of version 0.1."""

import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.registry import RENAMED_SUITES, SUITES, select_suites, suite
from tests.evaluation.models import make_model


@pytest.fixture
def own_suites():
    """Remove the suites that a test registers."""
    before = list(SUITES)
    yield
    for name in set(SUITES) - set(before):
        del SUITES[name]


def test_suites_are_selected_by_name_each_with_a_description(digits):
    assert [name for name, suite in SUITES.items() if suite.is_default] == ["likelihood", "latent", "reconstruction"]
    assert all(suite.name == name and suite.description for name, suite in SUITES.items())
    model, _ = make_model(latent=2)
    default = er.evaluate(model, digits, samples=2)
    selected = er.evaluate(model, digits, samples=2, metrics="latent, reconstruction,likelihood,latent")
    assert selected.protocol["metrics"] == ["latent", "reconstruction", "likelihood"]
    assert {name: m.value for name, m in selected.items()} == {name: m.value for name, m in default.items()}
    assert [m.suite for m in er.evaluate(model, digits, metrics=["reconstruction"]).values()] == ["reconstruction"]


def test_unknown_and_no_metrics_are_errors(digits):
    model, _ = make_model(latent=2)
    with pytest.raises(ValueError, match="unknown suite of metrics 'likelyhood': did you mean 'likelihood'"):
        er.evaluate(model, digits, metrics="likelyhood")
    with pytest.raises(ValueError, match="no metrics were given: choose from likelihood"):
        er.evaluate(model, digits, metrics=" , ")


def test_your_own_suite_is_one_of_them(digits, own_suites):
    @suite("mine", "how many examples there are")
    def mine(context):
        drawn = torch.randn(()).item()
        return {
            "count": er.Metric(len(context.eval_split), "examples", "counted"),
            "drawn": er.Metric(drawn, "", "drawn"),
        }

    model, _ = make_model(latent=2)
    before = torch.get_rng_state()
    alone = er.evaluate(model, digits, metrics="mine")
    after = er.evaluate(model, digits, metrics="reconstruction,mine", samples=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert alone["count"].value == len(digits.test)
    # What it draws depends on the seed, and not on the suites before it.
    assert alone["drawn"].value == after["drawn"].value
    assert list(SUITES)[-1] == "mine"


@pytest.mark.parametrize(("old", "new"), RENAMED_SUITES.items())
def test_an_old_name_selects_the_suite_with_a_warning(old, new):
    with pytest.warns(DeprecationWarning, match=f"the suite of metrics '{old}' is now called '{new}'") as caught:
        assert [suite.name for suite in select_suites(f"latent,{old}")] == ["latent", new]
    assert len(caught) == 1


def test_a_suite_reads_the_old_fields_of_the_context_with_a_warning(digits, own_suites):
    @suite("old", "a suite of version 0.1")
    def old(subject):
        return {"count": er.Metric(len(subject.part), subject.split, "counted")}

    with pytest.warns(DeprecationWarning, match=r"EvalContext\.(part|split) is now called"):
        metric = er.evaluate(make_model(latent=2)[0], digits, metrics="old")["count"]
    assert (metric.value, metric.unit) == (len(digits.test), "test")


def test_a_metric_of_two_suites_is_the_same_metric(digits):
    model, _ = make_model(latent=2, hidden=(8,))
    separate = {name: er.evaluate(model, digits, metrics=name, samples=2) for name in SUITES if name != "ais"}
    together = er.evaluate(model, digits, metrics=list(separate), samples=2)
    assert set(together) == {name for metrics in separate.values() for name in metrics}
    for metrics in separate.values():
        for name, metric in metrics.items():
            assert metric.value == together[name].value, name


def test_the_help_names_every_suite():
    from click.testing import CliRunner

    from elbowroom.cli.evaluate_sample import evaluate

    text = CliRunner().invoke(evaluate, ["--help"]).output
    assert all(name in text for name in SUITES)
