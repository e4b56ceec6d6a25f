"""Runs on tables with missing cells: training, imputation, evaluation, anomalies and reports."""

import csv

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.data import load_data, load_like

from .table_files import WHOLE, write_table


def correlated_table(n=400, seed=0, missing=0.15):
    """Return columns of which a number and a category depend on two others, with missing cells, and complete."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(size=(2, n))
    columns = {
        "height": [f"{170 + 10 * v + rng.normal():.3f}" for v in size],
        "weight": [f"{70 + 12 * v + rng.normal():.3f}" for v in size],
        "age": [f"{40 + 9 * v:.3f}" for v in age],
        "school": [("none", "primary", "higher")[int(np.clip(v + 1.5, 0, 2))] for v in age],
    }
    complete = {name: list(cells) for name, cells in columns.items()}
    for cells in columns.values():
        for index in np.flatnonzero(rng.random(n) < missing):
            cells[index] = None
    return columns, complete


SMALL_FLAGS = ["--latent", "2", "--hidden", "32", "--lr", "0.01", "--batch-size", "50", "--device", "cpu"]


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """A folder with a table with missing cells and a run on it with the default likelihood; the complete table."""
    folder = tmp_path_factory.mktemp("table")
    columns, complete = correlated_table()
    write_table(folder / "people.csv", columns)
    source, out = str(folder / "people.csv"), str(folder / "run")
    assert main(["train", "vae", "--data", source, *SMALL_FLAGS, "--epochs", "30", "--out", out]) == 0
    return folder, complete


def test_train_on_missing_cells_with_default_flags(table_run):
    run = er.Run(table_run[0] / "run")
    assert run.record["arguments"]["likelihood"] == "columns:1,1,1,3/320"
    assert [type(c).__name__ for c in run.model().decoder.family.columns] == ["Gaussian"] * 3 + ["Classes"]
    assert run.metrics("test")[-1]["elbo"] > run.metrics("test")[0]["elbo"] + 0.5
    from elbowroom.runs.command import repeat_command

    assert "--likelihood" not in repeat_command(run.record).line


def test_elbo_leaves_out_missing_cells(table_run):
    """Emptied cells take their own log-probability out of the row's, and nothing else changes at the same latent."""
    model, data = er.load(table_run[0] / "run"), er.Run(table_run[0] / "run").data()
    x = data.test.x[~data.test.x.isnan().any(1)][:9]
    p = model.decode(torch.randn(9, 2))
    alone = torch.stack([c.log_prob(x[:, i : i + 1]) for i, c in enumerate(p.columns)], 1)
    gone = torch.rand(x.shape) < 0.4
    torch.testing.assert_close(p.log_prob(x.masked_fill(gone, torch.nan)), alone.masked_fill(gone, 0).sum(1))
    nothing = model.draw(torch.full((2, 4), torch.nan), k=3)
    assert torch.equal(nothing.log_px, torch.zeros(3, 2))
    torch.testing.assert_close(nothing.elbo, -nothing.kl)


def test_reconstruct_fills_missing_cells_and_keeps_the_others(table_run, capsys):
    folder, complete = table_run
    for split in ("train", "test"):
        out = ["--split", split, "-n", "400", "--out", str(folder / "f.csv")]
        assert main(["reconstruct", str(folder / "run"), *out]) == 0
        with open(folder / "f.csv", newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        assert names == list(complete)
        part = getattr(er.Run(folder / "run").data(), split)
        empty = part.x.isnan().numpy()
        truth = np.array([[complete[name][i] for name in names] for i in part.source_rows.tolist()])
        filled = np.array(rows)
        assert (filled != "").all()
        kept, given = filled[:, :3][~empty[:, :3]].astype(float), truth[:, :3][~empty[:, :3]].astype(float)
        assert kept == pytest.approx(given, abs=1e-3)
        assert (filled[:, 3] == truth[:, 3])[~empty[:, 3]].all()
    capsys.readouterr()


def test_missing_cells_are_predicted_from_the_others(table_run):
    folder, _ = table_run
    model, data = er.load(folder / "run"), er.Run(folder / "run").data()
    x = data.train.x[~data.train.x.isnan().any(1)]
    for column in (0, 1):
        again = model.reconstruct(x.index_fill(1, torch.tensor([column]), torch.nan))[:, column]
        assert (again - x[:, column]).square().mean() < 0.35 * x[:, column].var()
    school = model.reconstruct(x.index_fill(1, torch.tensor([3]), torch.nan))[:, 3]
    majority = x[:, 3].long().bincount().max() / len(x)
    assert (school == x[:, 3]).float().mean() > majority + 0.1


def test_evaluate_leaves_out_missing_cells(table_run):
    figures = er.evaluate(table_run[0] / "run", samples=5)
    assert {"mse", "category_error"} <= set(figures)
    for name in ("elbo", "importance_bound", "mse", "category_error"):
        assert figures[name].value == figures[name].value, name
    assert 0 <= figures["category_error"].value < 0.5
    assert figures["mse"].value < 0.5
    data, model = er.Run(table_run[0] / "run").data(), er.load(table_run[0] / "run")
    x = data.test.x[:, :3]
    off = (model.reconstruct(data.test.x)[:, :3] - x).square()
    by_row = [off[i][~x[i].isnan()].mean().item() for i in range(len(x)) if not x[i].isnan().all()]
    assert figures["mse"].value == pytest.approx(np.mean(by_row), rel=1e-4)


def test_anomalies_with_missing_cells(table_run, capsys):
    """The other table is coded as the first: only so are its heights strange."""
    folder, _ = table_run
    columns, _ = correlated_table(60, seed=9)
    columns["height"] = [cell and f"{float(cell) + 60:.3f}" for cell in columns["height"]]
    write_table(folder / "tall.csv", columns)
    found = er.anomalies(folder / "run", str(folder / "tall.csv"), score=["elbo", "likelihood_ratio"], samples=3)
    assert found["elbo"]["auroc"].value > 0.85
    assert found.protocol["other"]["columns"] == er.Run(folder / "run").record["data"]["columns"]
    capsys.readouterr()


def test_unseen_category_is_scored_with_the_mass_left_for_it(table_run):
    """Of two rows that differ in the category alone, the unseen one has 1 / (rows + 1) of it."""
    folder, _ = table_run
    row = {"height": ["170", "170"], "weight": ["70", "70"], "age": ["40", "40"], "school": ["night", ""]}
    write_table(folder / "new.csv", row)
    with pytest.warns(UserWarning, match=r"1 cell in 'school' holds a category that training never saw, .* 1/321"):
        data = load_like(folder / "new.csv", er.Run(folder / "run").record["data"])
    assert "training never saw" in data.protocol["preprocessing"]
    assert data.train.x[0, 3] == 3
    p = er.load(folder / "run").decode(torch.zeros(2, 2))
    unseen, missing = p.log_prob(data.train.x)
    assert (unseen - missing).item() == pytest.approx(-np.log(321), abs=1e-4)
    known = torch.zeros(3, 4)
    known[:, 3] = torch.arange(3)
    nothing = known.masked_fill(torch.tensor([False, False, False, True]), torch.nan)
    p = er.load(folder / "run").decode(torch.zeros(3, 2))
    total = (p.log_prob(known) - p.log_prob(nothing)).exp().sum()
    assert total.item() == pytest.approx(1 - 1 / 321, abs=1e-5)


def test_reconstruct_and_sample_write_tables(table_run, capsys):
    folder, _ = table_run
    columns, _ = correlated_table(12, seed=3)
    write_table(folder / "other.csv", columns | {"school": [None] * 12})
    made = ["--input", str(folder / "other.csv"), "--out", str(folder / "o.csv")]
    assert main(["reconstruct", str(folder / "run"), *made]) == 0
    assert main(["sample", str(folder / "run"), "-n", "7", "--out", str(folder / "s.csv")]) == 0
    for name, count in (("o.csv", 12), ("s.csv", 7)):
        with open(folder / name, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == count
        assert {row["school"] for row in rows} <= {"none", "primary", "higher"} | ({""} if name == "s.csv" else set())
        assert all(100 < float(row["height"]) < 240 for row in rows if row["height"] or name == "o.csv")
    assert main(["sample", str(folder / "run"), "--out", str(folder / "s.png")]) == 2
    assert "give an --out that ends in .npz, of a table in .csv" in capsys.readouterr().err


def test_resume_on_a_table_is_bit_exact(tmp_path, table_run):
    from elbowroom import serialization
    from elbowroom.training.state import STEP, STOP

    data = load_data(table_run[0] / "people.csv")

    @er.on.step
    def halt(state):
        state[STOP] = "interrupted" if state[STEP] == 7 else ""

    for out, callbacks in (("whole", ()), ("half", (halt,))):
        torch.manual_seed(0)
        er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=16, out=tmp_path / out, callbacks=callbacks)
    er.resume(tmp_path / "half", callbacks=())
    for name, tensor in serialization.named_tensors(er.load(tmp_path / "whole")).items():
        assert torch.equal(serialization.named_tensors(er.load(tmp_path / "half"))[name], tensor), name


@pytest.mark.report
def test_report_of_a_table(tmp_path, table_run):
    out = tmp_path / "run"
    data = str(table_run[0] / "people.csv")
    assert main(["train", "conv_vae", "--data", data, "--size", "s", "--steps", "6", "--out", str(out)]) == 0
    assert er.Run(out).record["arguments"]["likelihood"] == "columns:1,1,1,3/320"
    assert "cells missing" in (out / "report.html").read_text(encoding="utf-8")


def test_unsuitable_likelihood_is_refused_with_the_flag_that_helps(tmp_path, table_run, capsys):
    flags = ["--data", str(table_run[0] / "people.csv"), "--out", str(tmp_path / "run")]
    assert main(["train", "vae", *flags, "--likelihood", "gaussian"]) == 2
    said = capsys.readouterr().err
    assert "holds nan" in said
    assert "or use --likelihood columns" in said
    assert main(["train", "vae", "--likelihood", "columns", "--out", str(tmp_path / "run")]) == 2
    assert "likelihood 'columns' is for tables, and examples of 1x8x8 are none" in capsys.readouterr().err


def test_evaluate_refuses_codes_beyond_that_of_an_unseen_category(table_run):
    x = np.array([[0.0, 0.0, 0.0, 3.0], [0.0, 0.0, 0.0, 4.0]])
    data = load_data(x, **WHOLE)
    with pytest.raises(ValueError, match=r"value 4 in column 4, row 1 of the source .*none of the Classes of 0 to 3"):
        er.evaluate(er.load(table_run[0] / "run"), data, split="train", samples=1)


def test_table_of_numbers_with_another_likelihood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = {name: [i % 17 / n for i in range(90)] for n, name in ((3, "a"), (7, "b"))}
    write_table(tmp_path / "people.csv", {"id": [f"n{i}" for i in range(90)], **numbers, "kind": ["x", "y", "z"] * 30})
    wishes = ["--data", "people.csv", "--label", "kind", "--columns", "id=drop", "--likelihood", "gaussian"]
    small = ["--latent", "2", "--hidden", "8", "--steps", "3", "--batch-size", "8", "--out", "run", "--device", "cpu"]
    assert main(["train", "vae", *wishes, *small]) == 0
    about = er.Run("run").record["data"]
    assert er.Run("run").record["arguments"]["likelihood"] == "gaussian"
    assert about["arguments"]["columns"] == "id=drop"
    assert [column["name"] for column in about["columns"]] == ["a", "b"]
    assert er.Run("run").data().classes == ("x", "y", "z")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_that_is_given_may_hold_a_category_that_training_never_saw(split):
    """As in files: it has a probability of its own, by the rows that are left to train on."""
    rows = {"kind": ["a", "b"] * 100, "n": [0.5, 2.5, 3.0, 4.5] * 50}
    sizes = {"validation": 0.1, "test": 0.1} | {split: {"kind": ["c", "a"], "n": [1.0, 2.0]}}
    with pytest.warns(UserWarning, match="never saw, which has the probability 1/181"):
        data = er.load_data(rows, label="", **sizes)
    assert data.columns[0].rows == 180
    assert data.splits[split].x[:, 0].tolist() == [2.0, 0.0]
