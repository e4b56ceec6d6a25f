"""Samples of a table: draws from p(x|z), as rows of the table."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.data import decode_rows
from tests.cli.table_run import read_rows, write_people


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people") / "people.csv")


def train(recipe, data, out, *options):
    flags = ["--latent", "2", "--hidden", "16", "--steps", "60", "--device", "cpu", *options]
    assert main(["train", recipe, "--data", str(data), *flags, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def run(people):
    return train("vae", people, people.parent / "vae", "--columns", "left=category")


@pytest.fixture(scope="module")
def conditional(people):
    return train("cvae", people, people.parent / "cvae", "--label", "left", "--labels", "2")


def sample(run, name, *options):
    out = run.parent / name
    assert main(["sample", str(run), *options, "--out", str(out)]) == 0
    return out


def test_rows_are_draws_with_the_seed(run):
    held = np.load(sample(run, "x.npz", "-n", "50", "--seed", "3"))
    model = er.load(run)
    torch.manual_seed(3)
    z = model.draw_prior(50)
    torch.testing.assert_close(torch.tensor(held["x"]), model.decode(z).sample())
    assert str(held["caption"]) == "draws from p(x|z), z ~ p(z) · seed 3"
    torch.manual_seed(3)
    np.testing.assert_allclose(held["x"], model.sample(50).numpy())


def test_means_where_they_are_asked_for(run, capsys):
    held = np.load(sample(run, "x.npz", "--z", "0,0; 1,1", "--mean"))
    torch.testing.assert_close(torch.tensor(held["x"]), er.load(run).decode(torch.tensor(held["z"])).mean)
    assert "means of p(x|z), z as given" in capsys.readouterr().out


def test_rows_come_back_as_the_table_has_them(run, people, capsys):
    rows, source = read_rows(sample(run, "made.csv", "-n", "400")), read_rows(people)
    assert "400 rows: age, amount, plan, zip, left  draws from p(x|z), z ~ p(z) · seed 0" in capsys.readouterr().out
    assert list(rows[0]) == list(source[0])
    ages = [row["age"] for row in rows]
    assert all(age.isdigit() and 18 <= int(age) <= 90 for age in ages)
    for name in ("plan", "zip", "left"):
        assert {row[name] for row in rows} == {row[name] for row in source}
    assert sum(not row["amount"] for row in rows) / 400 == pytest.approx(0.2, abs=0.08)
    spread, wanted = (np.std([float(row["age"]) for row in table]) for table in (rows, source))
    assert spread == pytest.approx(wanted, rel=0.35)


def test_an_array_of_rows_has_no_gaps_and_the_same_values(run):
    record = er.Run(run).record["data"]
    held = np.load(sample(run, "x.npz", "-n", "20"))
    assert not np.isnan(held["x"]).any()
    rows = read_rows(sample(run, "made.csv", "-n", "20"))
    for row, cells in zip(rows, decode_rows(torch.tensor(held["x"]), record["columns"]), strict=True):
        assert [row["plan"], row["zip"]] == cells[2:4]


@pytest.mark.parametrize(("label", "shares"), [("yes", {"yes": 1.0}), (None, {"no": 0.8, "yes": 0.2})])
def test_the_label_comes_along_as_given_or_by_its_shares(conditional, label, shares):
    rows = read_rows(sample(conditional, "made.csv", "-n", "300", *([] if label is None else ["--label", label])))
    for name in ("no", "yes"):
        share = sum(row["left"] == name for row in rows) / 300
        assert share == pytest.approx(shares.get(name, 0.0), abs=0.1 if label is None else 0)


def test_a_label_that_the_model_does_not_draw_is_named(people, capsys):
    run = train("vae", people, people.parent / "unlabeled", "--label", "left")
    rows = read_rows(sample(run, "made.csv", "-n", "20"))
    assert "left" not in rows[0]
    assert "without the label 'left', which this model does not draw" in capsys.readouterr().out


def test_pictures_are_means_unless_draws_are_asked_for(tmp_path, capsys):
    model, objective = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))
    run = er.fit(model, objective, "digits", steps=2, out=tmp_path / "run", device="cpu").path
    capsys.readouterr()
    values = {option: np.load(sample(run, "x.npz", *option))["x"] for option in ((), ("--mean",), ("--draw",))}
    np.testing.assert_array_equal(values[()], values["--mean",])
    assert set(np.unique(values["--draw",])) == {0.0, 1.0}
    lines = capsys.readouterr().out.splitlines()
    assert ["draws from" in line for line in lines] == [False, False, True]
