"""Means over seeds, and how they are written."""

import numpy as np
import pytest

from elbowroom.comparing.columns import SeedMean, format_mean, seed_mean


@pytest.mark.parametrize("values", [[1.5], [1.0, 4.0], [-3.0, 2.5, 1e3], [0.1] * 4])
def test_a_figure_is_numpys(values):
    found = seed_mean(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.n == len(values)
    assert found.sd is None if len(values) == 1 else found.sd == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert seed_mean([*values, None]) == found
    assert seed_mean([None]) is None


def test_figures_are_written_with_their_spread():
    assert format_mean(SeedMean(-93.3412, 0.4, 3), 2) == "−93.34 ± 0.40"
    assert format_mean(SeedMean(54468.0, 0.0, 3), 0) == "54,468"
    assert format_mean(SeedMean(20.0, 0.0, 3), 1) == "20"
    assert format_mean(SeedMean(19.5, 0.71, 2), 1) == "19.5 ± 0.7"
