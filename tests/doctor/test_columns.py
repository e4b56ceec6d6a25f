"""Diagnoses of columns and classes, on runs that were trained with them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data.readers.table_encoding import Column
from elbowroom.doctor import examine
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.examine import diagnose
from tests.doctor.runs import get_finding, train

N = 200
GENERATOR = np.random.default_rng(0)
#: Encoded columns of numbers and categories, by what they are.
COLUMNS = {
    "age": (Column("age", "number", sd=10), GENERATOR.integers(0, 60, N) / 10),
    "size": (Column("size", "number", sd=10), GENERATOR.normal(size=N)),
    "kind": (Column("kind", "category", ("a", "b", "c")), GENERATOR.integers(0, 3, N)),
    "row": (Column("row", "number", sd=N / 3.46), GENERATOR.permutation(N) / (N / 3.46)),
    "code": (Column("code", "category", tuple(map(str, range(N)))), GENERATOR.permutation(N)),
    "empty": (Column("empty", "number"), np.full(N, np.nan)),
    "unit": (Column("unit", "number", sd=1), np.zeros(N)),
}
BRIEF = {"steps": 3, "watch": (), "report": False, "callbacks": []}


@pytest.fixture
def run(tmp_path):
    """A run on a table, whose columns are then as the tests say."""
    rows = "\n".join(f"{i % 7},{'ab'[i % 2]}" for i in range(60))
    (tmp_path / "table.csv").write_text(f"x,y\n{rows}\n")
    data = er.load_data(str(tmp_path / "table.csv"))
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,))
    return train(data, tmp_path / "run", model, objective, **BRIEF), data


def evidence_of(run, names):
    """The evidence of a run as if it had been trained on these columns."""
    run, data = run
    columns = tuple(COLUMNS[name][0] for name in names)
    x = torch.tensor(np.stack([COLUMNS[name][1] for name in names], 1), dtype=torch.float32)
    table = replace(data, train=er.data.InMemorySplit(x), validation=None, test=None, columns=columns)
    return Evidence(run, table)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_that_tell_nothing_are_named(name, run):
    findings = {one.title: one for one in diagnose(evidence_of(run, ["age", "kind", name]))}
    expected = {"row": "columns that are ids", "code": "columns that are ids", "empty": "constant columns",
                "unit": "constant columns"}.get(name)  # fmt: skip
    assert {"columns that are ids", "constant columns"} & findings.keys() == ({expected} if expected else set())
    if expected:
        assert findings[expected].evidence.startswith(f"{name}: ")
        assert f"--columns {name}=drop" in findings[expected].advice


def test_a_table_as_it_was_read_has_none(run):
    assert not {one.title for one in examine(run[0])} & {"columns that are ids", "constant columns"}
    assert {"columns that are ids", "constant columns"} <= set(examine(run[0]).performed_names)


def test_images_have_no_columns(digits, tmp_path):
    trained = train(digits, tmp_path / "run", *er.recipes.vae(digits.shape, latent=2), **BRIEF)
    findings = examine(trained)
    assert "no table" in findings.skip_reasons["columns that are ids"]
    assert "classes missing in held-out splits" in findings.performed_names
    assert "classes missing in held-out splits" not in {one.title for one in findings}


def test_classes_that_no_held_out_example_has(digits, tmp_path):
    trained = train(digits, tmp_path / "run", *er.recipes.vae(digits.shape, latent=2), **BRIEF)
    x, y = digits.test.first(359)[:2]
    few = replace(digits, test=er.data.InMemorySplit(x[y > 1], y[y > 1]))
    finding = get_finding(diagnose(Evidence(trained, few)), "classes missing in held-out splits")
    assert finding.evidence.startswith("0, 1: in the training split, and in none of ")
    assert "test examples" in finding.evidence
    assert "--test 0.3" in finding.advice


def test_test_examples_that_are_in_validation(digits, tmp_path):
    trained = train(digits, tmp_path / "run", *er.recipes.vae(digits.shape, latent=2), **BRIEF)
    shared = replace(digits, validation=digits.test.subset(torch.arange(200)))
    finding = get_finding(diagnose(Evidence(trained, shared)), "test examples in validation")
    assert finding.evidence.startswith("56% of 359 test examples")
