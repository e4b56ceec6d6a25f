"""Figures of tables whose columns have names: their cells as the source has them."""

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
