"""Metrics as JSON and table."""

import io
import json

import numpy as np
import pytest
import torch
from rich.console import Console

import elbowroom as er
from tests.evaluation.models import make_model


@pytest.mark.parametrize(
    ("recipe", "reason"), [("autoencoder", "point posterior"), ("avb", "the density of an implicit posterior")]
)
def test_an_undefined_metric_has_a_note_in_json_and_table(digits, recipe, reason):
    model, _ = make_model(recipe, latent=2)
    evaluation = er.evaluate(model, digits, samples=2)
    elbo = json.loads(evaluation.json())["metrics"]["elbo"]
    assert elbo["value"] is None
    assert "undefined" in elbo["note"]
    screen = Console(width=300, file=io.StringIO())
    screen.print(evaluation.table())
    (line,) = [line for line in screen.file.getvalue().splitlines() if line.startswith("elbo")]
    assert "undefined" in line
    assert reason in line


def test_the_table_shows_every_estimator_as_it_is_written():
    """Brackets are not markup, and each metric shows its number of examples."""
    how = "E[log q(z|x) − log q(z)]"
    evaluation = er.Evaluation({"a": er.Metric(1.0, "nats", how, 0.5, examples=1234, suite="one")}, {})
    screen = Console(width=200, file=io.StringIO())
    screen.print(evaluation.table())
    assert how in screen.file.getvalue()
    assert "1,234" in screen.file.getvalue()


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (-1234.567, 0.4321, ("−1,234.57", "0.43")),
        (-0.012345, 0.00004, ("−0.01235", "4·10⁻⁵")),
        ([-2.5, -0.5], None, ("−2.50 to −0.50", "")),
        (-0.0, 12.0, ("0", "12")),
        (None, None, ("undefined", "")),
    ],
)
def test_numbers_have_minus_signs_as_in_every_table(value, error, shown):
    evaluation = er.Evaluation({"a": er.Metric(value, "nats", "mean", error)}, {})
    ((_, (_, *cells)),) = evaluation.rows()
    assert tuple(cells[:2]) == shown
    assert "-" not in repr(evaluation)


def labelled_data(kind, n):
    """Examples of two numbers, n of them to be evaluated, with a class or two factors of each."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (n + 200, 2))
    x = torch.as_tensor(rng.normal(size=(n + 200, 2)) + y, dtype=torch.float32)
    labels = torch.as_tensor(y[:, 0] if kind == "classes" else y.astype(np.float32))
    return er.load_data((x[n:], labels[n:]), test=(x[:n], labels[:n]), validation=0)


@pytest.mark.parametrize(
    ("suite", "kind"), [("probes", "classes"), ("clusters", "classes"), ("disentanglement", "factors")]
)
@pytest.mark.parametrize(("n", "has_note"), [(6, True), (100, False)])
def test_scores_of_few_examples_say_so(suite, kind, n, has_note):
    recipe = "vade" if suite == "clusters" else "vae"
    model, _ = er.recipes.find(recipe)((2,), latent=2, hidden=(4,), likelihood="gaussian")
    metrics = er.evaluate(model, labelled_data(kind, n), metrics=suite)
    measured = [metric for metric in metrics.values() if metric.value is not None]
    assert measured
    words = f"of {n} examples alone, so that chance may be most of it"
    assert all((words in (metric.note or "")) == has_note for metric in measured)
