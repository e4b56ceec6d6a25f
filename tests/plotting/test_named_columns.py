"""Figures of tables whose columns have names: their cells as the source has them."""

import re

import numpy as np
import pytest

import elbowroom as er
from elbowroom.data.readers.table_encoding import decode_rows
from elbowroom.plotting import PLOTS
from elbowroom.plotting.figure import CellTable
from elbowroom.plotting.matplotlib_backend import draw_figure
from elbowroom.runs.run_view import RunView
from elbowroom.web.marks import MarkRenderer


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("people"), np.random.default_rng(0)
    rows = [f"{rng.integers(20, 70)},{'ab'[rng.integers(2)]}<i>,{rng.normal(1e4, 2e3):.2f}" for _ in range(200)]
    (folder / "people.csv").write_text("\n".join(["age,group,income", *rows]))
    data = er.load_data(folder / "people.csv")
    made = er.recipes.vae(data.shape, latent=2, hidden=(8,), likelihood="columns")
    return RunView(er.fit(*made, data, steps=5, out=folder / "run", device="cpu"), data, examples=60)


@pytest.mark.parametrize("kind", ["reconstructions", "samples", "traversals", "interpolations", "nearest"])
def test_every_figure_of_examples_names_the_columns(view, kind):
    spec = PLOTS[kind].build_spec(view)
    assert spec.marks
    assert all(isinstance(mark, CellTable) for mark in spec.marks)
    for mark in spec.marks:
        assert [name for name, _ in mark.rows] == ["age", "group", "income"]
        assert {len(cells) for _, cells in mark.rows} == {len(mark.heads)}
    html = str(MarkRenderer().render(spec.marks))
    assert "<i>" not in html, "cells are text"
    assert draw_figure(spec).axes


def test_the_data_is_written_in_its_own_units(view):
    first = PLOTS["reconstructions"].build_spec(view).marks[0]
    age, group, income = decode_rows(view.batch.x[:1], view.record["data"]["columns"])[0]
    written = {name: cells[0] for name, cells in first.rows}
    assert (written["age"], written["group"]) == (str(age), group)
    assert float(written["income"].replace(",", "")) == pytest.approx(income, rel=1e-3)


def test_columns_of_drawn_rows_stand_beside_the_data_in_its_unit(view):
    table, *charts = PLOTS["columns"].build_spec(view).marks
    assert sorted(name for name, _ in table.rows) == ["age", "group", "income"]
    likeness = [float(cells[0].rstrip("%")) for _, cells in table.rows]
    assert likeness == sorted(likeness)
    income = next(chart for chart in charts if chart.title == "income")
    column = next(c for c in view.record["data"]["columns"] if c["name"] == "income")
    middle = view.batch.x[:, 2].quantile(0.5).item() * column["sd"] + column["mean"]
    assert income.lines[0].x[50] == pytest.approx(middle, rel=1e-4)
    ages = next(cells[1:] for name, cells in table.rows if name == "age")
    assert all(re.fullmatch(r"\d+ \(\d+ to \d+\)", cell) for cell in ages), "whole numbers are whole"


def test_strange_rows_come_by_their_surprise_with_its_reason(view):
    (table,) = PLOTS["strange-rows"].build_spec(view).marks
    assert table.row_head == "row"
    surprise = [float(cells[0]) for _, cells in table.rows]
    assert surprise == sorted(surprise, reverse=True)
    assert all("expected" in cells[1] for _, cells in table.rows)
