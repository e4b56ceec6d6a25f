"""Series are drawn as curves, each channel in the units of the source, without the steps that are missing."""

from __future__ import annotations

import math

import numpy as np
import pytest

import elbowroom as er
from elbowroom.plotting.registry import PLOTS
from elbowroom.runs.run_view import RunView

LENGTHS = [9, 6, 4]


@pytest.fixture(scope="module")
def view(tmp_path_factory) -> RunView:
    folder = tmp_path_factory.mktemp("series")
    values = np.random.default_rng(0).normal(100, 5, size=(60, 9, 2))
    for row, one in enumerate(values):
        one[LENGTHS[row % 3] :] = math.nan
    np.savez(folder / "waves.npz", x=values)
    data = er.load_data(folder / "waves.npz", series="long", validation=10, test=20)
    model, objective = er.recipes.vrnn(data.shape, latent=2, width=8)
    run = er.fit(model, objective, data, steps=2, out=folder / "run", report=False, progress=False)
    return RunView(run)


def test_reconstructions_are_curves_of_each_channel_without_gaps(view):
    charts = PLOTS["reconstructions"].build_spec(view).marks
    assert len(charts) == 3 * 2
    for chart, i in zip(charts[::2], range(3), strict=True):
        data, model = chart.lines
        n_steps = int((~view.batch.x[i, 0].isnan()).sum())
        assert list(data.x) == list(range(1, n_steps + 1))
        assert len(model.x) == 9
        assert 80 < np.mean(data.y) < 120  # in the units of the source, not standardized


def test_samples_lie_beside_quantiles_of_the_data(view):
    spec = PLOTS["samples"].build_spec(view)
    charts = spec.marks
    # An image has the protocol under it and no caption, and lines that no legend names.
    assert spec.protocol.endswith("draws from p(x|z), z ~ p(z); nine tenths of the data lie between the grey lines")
    assert [chart.title for chart in charts] == ["channel 0", "channel 1"]
    low, high, *samples = charts[0].lines
    assert all(a < b for a, b in zip(low.y, high.y, strict=True))
    assert len(samples) == 8


@pytest.mark.parametrize("kind", ["nearest", "traversals"])
def test_other_figures_of_outputs_are_curves_too(view, kind):
    charts = PLOTS[kind].build_spec(view).marks
    assert charts
    assert all(chart.x_axis == "step" for chart in charts)
