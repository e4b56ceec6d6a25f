"""The benchmark of filling: what is hidden, and the unit of its errors."""

import numpy as np


def test_errors_are_in_deviations_of_whole_columns_also_where_known_cells_are_equal(
    load_script, monkeypatch, root, tmp_path
):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    gaps = load_script("benchmarks/gaps.py")
    values = np.stack([np.arange(100.0), 0.1 + (np.arange(100) >= 95)], 1)
    monkeypatch.setattr(gaps, "read_numbers", lambda *_: (values, (1, 1)))
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    table = gaps.read_table("steps", 100, 0.5, 0, "value")
    assert np.isnan(table.x[table.truth[:, 1] > 1, 1]).all(), "the largest of a column hide themselves"
    np.testing.assert_allclose(table.truth.std(0), 1)
    np.testing.assert_allclose(np.nanmean(table.x, 0), 0, atol=1e-12)
