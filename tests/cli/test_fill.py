"""Fill: gaps of a table are filled by expectations or by draws, known cells stay as they were written."""

import pytest
import torch

from elbowroom.cli import main
from tests.cli.conftest import QUICK
from tests.cli.table_run import read_rows, write_people
from tests.cli.test_reconstruct import assert_only_gaps_differ


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("fill") / "people.csv")


@pytest.fixture(scope="module")
def table_run(people):
    out = people.parent / "run"
    flags = ["--latent", "2", "--hidden", "16", "--label", "left", *QUICK]
    assert main(["train", "vaeac", "--data", str(people), *flags, "--out", str(out)]) == 0
    return out


def test_known_cells_stay_as_they_were_written(table_run, people, capsys):
    out = people.parent / "filled.csv"
    capsys.readouterr()
    assert main(["fill", str(table_run), "--data", str(people), "--samples", "10", "--out", str(out)]) == 0
    assert_only_gaps_differ(read_rows(out), read_rows(people))
    words = "60 gaps filled with means and most probable categories, of 10 importance samples"
    assert words in capsys.readouterr().out


def test_several_draws_stand_below_each_other(table_run, people):
    out = people.parent / "draws.csv"
    assert main(["fill", str(table_run), "--data", str(people), "--draws", "2", "-n", "10", "--out", str(out)]) == 0
    rows = read_rows(out)
    assert [row.pop("imputation") for row in rows] == ["1"] * 10 + ["2"] * 10
    assert_only_gaps_differ(rows[10:], read_rows(people)[:10])
    assert rows[0]["amount"] != rows[10]["amount"]


def test_other_endings_are_refused_in_one_line(table_run, people, capsys):
    assert main(["fill", str(table_run), "--out", str(people.parent / "x.png")]) == 2
    assert "the name must end in .csv (a table), .tsv (a table) or .parquet (a table)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("anomalies RUN --data LACKS --level 0.2", "lacks the columns 'plan', 'zip'"),
        ("anomalies RUN --level 2", "a level of 2"),
        ("anomalies RUN --heat-map h.png --level 0.2", "no heat maps"),
        ("evaluate RUN --data LACKS", "lacks the columns 'plan', 'zip'"),
        ("encode RUN --data LACKS --out z.csv", "lacks the columns 'plan', 'zip'"),
        ("encode RUN --score ebo --out z.csv", "did you mean 'elbo'"),
        ("fill RUN --data LACKS --out f.csv", "lacks the columns 'plan', 'zip'"),
        ("score-steps RUN --out s.csv", "not series"),
        ("sample RUN --out s.png", "not images"),
        ("sample RUN --out s.txt", "not trained on texts"),
        ("sample RUN --given agee=3 --out s.csv", "did you mean 'age'"),
        ("reconstruct RUN --out r.png", "not images"),
        ("interpolate RUN LACKS LACKS --out i.png", "not images"),
    ],
)
def test_what_names_and_shapes_tell_is_said_before_anything_is_computed(
    table_run, tmp_path, monkeypatch, capsys, command, words
):
    (tmp_path / "lacks.csv").write_text("age,amount\n30,1e6\n")
    paths = {"RUN": table_run, "LACKS": tmp_path / "lacks.csv"}
    monkeypatch.chdir(tmp_path)

    def refuse(*_, **__):
        raise AssertionError("a network was called")

    monkeypatch.setattr(torch.nn.Module, "__call__", refuse)
    assert main([str(paths.get(word, word)) for word in command.split()]) == 2
    assert words in capsys.readouterr().err
