"""Rows of a table in standard deviations of their columns."""

from types import SimpleNamespace

import numpy as np
import torch

from elbowroom.data import InMemorySplit
from elbowroom.plotting import PLOTS, table_rows


def test_a_table_is_shown_in_standard_deviations_of_its_columns(views):
    view = views("table")
    x = view.data.train.first(1000).x
    torch.testing.assert_close(table_rows.standardize(view, x).mean(0), torch.zeros(13), atol=1e-4, rtol=0)
    torch.testing.assert_close(table_rows.standardize(view, x).std(0, correction=0), torch.ones(13), atol=1e-4, rtol=0)
    chart = PLOTS["reconstructions"].build_spec(view).marks[0]
    np.testing.assert_allclose(chart.lines[0].y, table_rows.standardize(view, view.batch.x[:1])[0], atol=1e-5)
    assert chart.lines[1].y != chart.lines[0].y


def test_a_column_that_never_changes_is_in_its_own_unit():
    x = torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    view = SimpleNamespace(
        shape=(2,),
        has_series=False,
        get_split=lambda name: (name, InMemorySplit(x)),
        get_or_compute=lambda _, compute: compute(),
    )
    shown = table_rows.standardize(view, torch.tensor([[0.5, 5.0]]))
    torch.testing.assert_close(shown, torch.tensor([[0.5, 3.0]]))
