"""Reconstruct: gaps of a table are filled, several draws stand beside a picture, one picture gives one."""

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from tests.cli.conftest import QUICK
from tests.cli.table_run import read_rows, write_people
from tests.views import write_digit_views


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people") / "people.csv")


@pytest.fixture(scope="module")
def table_run(people):
    out = people.parent / "run"
    flags = ["--latent", "2", "--hidden", "16", "--label", "left", *QUICK]
    assert main(["train", "vae", "--data", str(people), *flags, "--out", str(out)]) == 0
    return out


def fill(run, people, *options, name="filled.csv"):
    out = people.parent / name
    assert main(["reconstruct", str(run), "--input", str(people), *options, "--out", str(out)]) == 0
    return out


def assert_only_gaps_differ(filled, source):
    assert list(filled[0]) == list(source[0])
    for row, was in zip(filled, source, strict=True):
        assert {name: cell for name, cell in row.items() if was[name]} == {n: cell for n, cell in was.items() if cell}
        assert all(row.values())


def test_known_cells_stay_as_they_were_written_and_every_row_is_there(table_run, people, capsys):
    capsys.readouterr()
    assert_only_gaps_differ(read_rows(fill(table_run, people)), read_rows(people))
    words = "60 gaps filled with means and most probable categories of p(x|z), z the mean of q(z|x)"
    assert words in capsys.readouterr().out


def test_rows_that_were_asked_for(table_run, people):
    assert_only_gaps_differ(read_rows(fill(table_run, people, "-n", "7")), read_rows(people)[:7])


@pytest.mark.parametrize("options", [(), ("--gibbs-steps", "3")])
def test_multiple_imputation_stands_in_one_table(table_run, people, options, capsys):
    capsys.readouterr()
    rows, source = read_rows(fill(table_run, people, "--draws", "3", *options)), read_rows(people)
    assert "gaps filled with draws from p(x|z), z ~ q(z|x)" in capsys.readouterr().out
    assert len(rows) == 3 * len(source)
    parts = [[dict(row) for row in rows if row["imputation"] == str(i)] for i in (1, 2, 3)]
    for part in parts:
        assert_only_gaps_differ([{n: cell for n, cell in row.items() if n != "imputation"} for row in part], source)
    assert parts[0][0]["amount"] != parts[1][0]["amount"]


def test_an_array_holds_every_row_and_the_draws(table_run, people):
    held = np.load(fill(table_run, people, "--draws", "2", name="x.npz"))
    assert held["x"].shape == held["reconstruction"].shape == (300, 4)
    assert held["draws"].shape == (2, 300, 4)
    assert "draws: draws from p(x|z), z ~ q(z|x)" in str(held["caption"])


def test_one_image_file_gives_its_reconstruction_alone(run, tmp_path, capsys):
    Image.fromarray(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "a.png")
    out = tmp_path / "b.png"
    assert main(["reconstruct", str(run), "--input", str(tmp_path / "a.png"), "--out", str(out)]) == 0
    assert "means of p(x|z), z the mean of q(z|x)" in capsys.readouterr().out
    x = torch.arange(0, 256, 4).reshape(1, 1, 8, 8) / 255
    with Image.open(out) as image:
        expected = (er.load(run).reconstruct(x)[0, 0].clamp(0, 1) * 255).round()
        np.testing.assert_allclose(np.asarray(image), expected, atol=1)


def test_several_draws_stand_beside_each_image(run, tmp_path, capsys):
    out = tmp_path / "draws.png"
    assert main(["reconstruct", str(run), "-n", "3", "--draws", "8", "--out", str(out)]) == 0
    assert "means of p(x|z), z ~ q(z|x)" in capsys.readouterr().out
    with Image.open(out) as image:
        assert image.width > 9 * 50
        assert image.height > 3 * 50
    assert main(["reconstruct", str(run), "-n", "3", "--draws", "8", "--out", str(tmp_path / "x.npz")]) == 0
    draws = np.load(tmp_path / "x.npz")["draws"]
    assert draws.shape == (8, 3, 1, 8, 8)
    assert np.ptp(draws, axis=0).max() > 0


@pytest.fixture(scope="module")
def views_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    data, out = write_digit_views(folder / "views.npz"), folder / "run"
    assert main(["train", "mvae", "--data", str(data), "--hidden", "16", *QUICK, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--given", "image"), "given image; made digit"),
        (("--given", "digit", "--draws", "2"), "given digit; made image"),
        (("--given", "image,digit"), ""),
        ((), ""),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "npz"])
def test_what_is_made_from_some_views_says_from_which(views_run, tmp_path, capsys, options, words, suffix):
    out = tmp_path / f"made.{suffix}"
    assert main(["reconstruct", str(views_run), *options, "-n", "4", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert words in printed
    assert ("given" in printed) == bool(words)
