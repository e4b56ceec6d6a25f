"""The figure of data: images under their labels, the columns of a table in their own units, series as lines."""

import numpy as np
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.plotting.examples import examples_figure
from elbowroom.plotting.figure import Bars, Chart, ImageGrid
from tests.cli.table_run import write_people


def test_images_stand_above_their_labels():
    (grid,) = examples_figure(er.load_data("digits")).marks
    assert isinstance(grid, ImageGrid)
    train = er.load_data("digits").train.first(2000)
    for images, names in zip(grid.images, grid.captions, strict=True):
        for image, name in zip(images, names, strict=True):
            row = (train.x == image).flatten(1).all(1).nonzero()[0]
            assert str(int(train.y[row])) == name


def test_columns_are_counted_in_their_own_units(tmp_path):
    data = er.load_data(write_people(tmp_path / "people.csv"), validation=0, test=0, label="left")
    spec = examples_figure(data)
    age, amount, plan, code = spec.marks
    assert all(isinstance(mark, Bars) for mark in spec.marks)
    assert age.title == "age"
    assert float(age.labels[0]) == 18
    assert sum(age.heights) == 300
    assert amount.title == "amount, 20% of the cells empty"
    assert plan.labels == ["basic", "plus", "pro"]
    assert set(code.labels) == {"01234", "10115"}


def test_columns_that_are_not_shown_are_said(monkeypatch, tmp_path):
    """Under the figure, as a file shows nothing else."""
    monkeypatch.setattr("elbowroom.plotting.examples.MAX_TABLE_COLUMNS", 3)
    spec = examples_figure(er.load_data(write_people(tmp_path / "people.csv"), label="left"))
    assert len(spec.marks) == 3
    assert "the first 3 of 4 columns" in spec.protocol


def test_rows_of_numbers_are_lines():
    (chart,) = examples_figure(er.load_data(np.random.default_rng(0).normal(size=(40, 9)))).marks
    assert isinstance(chart, Chart)
    assert len(chart.lines[0].x) == 9


def test_data_is_drawn_before_any_run(tmp_path, capsys):
    assert main(["plot", "data", "--data", "digits", "--out", str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").stat().st_size > 1000
    assert main(["plot", "data", "--out", str(tmp_path / "y.png")]) == 2
    assert "name its directory after the kind, or give --data SOURCE" in capsys.readouterr().err
    assert main(["plot", "samples", "--out", str(tmp_path / "y.png")]) == 2
    assert "plot samples needs a run" in capsys.readouterr().err


def test_the_figure_of_a_run_is_that_of_its_data(views):
    from elbowroom.plotting import PLOTS

    view = views("vae")
    of_run, of_data = PLOTS["data"].build_spec(view).marks[0], examples_figure(view.data).marks[0]
    assert torch.equal(of_run.images, of_data.images)
