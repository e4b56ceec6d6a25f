"""Kept evaluations: one entry for each protocol, the newest first; damaged and missing files; where they are shown."""

import json

import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.runs.evaluations import FILE_NAME, find_evaluations, read_evaluations


@pytest.fixture
def run(digits, tmp_path):
    return er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=(8,)), digits, steps=3, out=tmp_path / "run")


@pytest.fixture(scope="module")
def digits():
    return er.load_data("digits")


def test_what_is_measured_is_kept_with_its_protocol(run):
    evaluation = er.evaluate(run, samples=3, seed=1)
    (kept,) = read_evaluations(run.path)
    assert kept.protocol == json.loads(json.dumps(evaluation.protocol))
    assert {name: kept.metrics[name]["value"] for name in kept.metrics} == {n: m.value for n, m in evaluation.items()}
    assert kept.value("elbo") == evaluation["elbo"].value
    assert kept.value("kl_per_dimension") is None  # a list
    assert kept.description.startswith("digits test, 3 samples, seed 1, at step 3, measured 2")
    (row,) = [row for row in kept.rows() if row.name == "kl per dimension"]
    assert " to " in row.value


def test_one_entry_for_each_protocol_the_newest_first(run):
    for samples, batch_size in ((2, 100), (3, 100), (2, 50)):
        er.evaluate(run, samples=samples, batch_size=batch_size)
    assert [kept.protocol["samples"] for kept in read_evaluations(run.path)] == [2, 3]
    assert read_evaluations(run.path)[0].protocol["batch_size"] == 50
    er.evaluate(run, samples=2, split="validation")
    er.evaluate(run, samples=2, metrics="reconstruction")
    assert len(read_evaluations(run.path)) == 4


def test_a_model_alone_and_save_false_write_nothing(run, digits):
    er.evaluate(run.model(), digits, samples=1)
    er.evaluate(run, samples=1, save=False)
    assert main(["evaluate", str(run.path), "--samples", "1", "--no-save"]) == 0
    assert read_evaluations(run.path) == []
    assert main(["evaluate", str(run.path), "--samples", "1"]) == 0
    assert len(read_evaluations(run.path)) == 1


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "[1]", "[{}]", '[{"metrics": {}, "protocol": {}, "measured": "", "step": 0}]']
)
def test_a_damaged_file_is_one_line_where_it_is_read_and_stops_no_list(run, text, capsys):
    (run.path / FILE_NAME).write_text(text or "\0")
    with pytest.raises(ValueError, match="is damaged: delete it, and evaluate the run again") as error:
        read_evaluations(run.path)
    assert "\n" not in str(error.value)
    assert find_evaluations(run.path) == ([], str(error.value))
    assert main(["runs", str(run.path.parent)]) == 0
    assert "damaged" in capsys.readouterr().out
    assert er.compare(run.path).groups
    with pytest.warns(UserWarning, match="the evaluation is not kept in the run: .* is damaged"):
        assert er.evaluate(run, samples=1)


def test_a_link_is_not_followed(run, tmp_path):
    (tmp_path / "elsewhere.json").write_text("[]")
    (run.path / FILE_NAME).symlink_to(tmp_path / "elsewhere.json")
    assert "cannot read" in find_evaluations(run.path)[1]


def test_the_list_of_runs_shows_a_metric(run, capsys):
    assert main(["runs", str(run.path.parent)]) == 0
    assert "test" not in capsys.readouterr().out.partition("digits")[2]
    elbo = f"{er.evaluate(run, samples=2)['elbo'].value:.2f}".replace("-", "−")
    for words, expected in (((), ["test elbo", elbo]), (("--metric", "mse"), ["test mse"])):
        assert main(["runs", str(run.path.parent), *words]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert all(word in shown for word in expected)


def test_a_comparison_has_a_column_for_what_no_training_wrote_and_sorts_by_it(digits, tmp_path, capsys):
    runs = [
        er.fit(*er.recipes.vae(digits.shape, latent=latent), digits, steps=3, out=tmp_path / f"{latent}")
        for latent in (2, 4)
    ]
    values = {str(run.path): er.evaluate(run, samples=2)["mse"].value for run in runs}
    comparison = er.compare(tmp_path, sort="mse")
    (column,) = [column for column in comparison.columns if column.name == "mse"]
    assert (column.title, column.unit, comparison.column_split(column)) == ("mse", "squared", "test")
    assert [group.metrics["mse"].mean for group in comparison.groups] == sorted(values.values())
    turned = er.compare(tmp_path, sort="-mse")
    assert [group.name for group in turned.groups] == [group.name for group in comparison.groups][::-1]
    elbos = [group.metrics["elbo"].mean for group in er.compare(tmp_path, sort="elbo").groups]
    assert elbos == sorted(elbos, reverse=True)
    assert main(["compare", str(tmp_path), "--sort", "mse"]) == 0
    assert "mse" in capsys.readouterr().out
    with pytest.raises(ValueError, match="unknown metric 'msr': did you mean 'mse'"):
        er.compare(tmp_path, sort="msr")


def test_a_comparison_takes_no_evaluation_of_a_model_that_trained_on(run):
    er.evaluate(run, samples=2)
    assert any(column.name == "mse" for column in er.compare(run.path).columns)
    run.log({"step": 9, "epoch": 9, "split": "test", "loss": 1.0})
    assert not any(column.name == "mse" for column in er.compare(run.path).columns)


def test_a_comparison_says_when_runs_were_not_evaluated_alike(digits, tmp_path):
    for latent in (2, 4):
        run = er.fit(*er.recipes.vae(digits.shape, latent=latent), digits, steps=2, out=tmp_path / f"{latent}")
        er.evaluate(run, samples=latent)
    (note,) = [note for note in er.compare(tmp_path).notes if "samples" in note]
    assert note.startswith("the runs were evaluated with 2 and 4 samples")
