"""Rows of training metrics: dense at first, bounded later, or as asked for."""

import pytest

from elbowroom.training.metrics_rows import row_interval
from tests.training.helpers import train


@pytest.mark.parametrize(("steps", "rows"), [(10, 10), (100, 100), (938, 183), (100_000, 1180)])
def test_rows_are_dense_at_first_and_bounded(steps, rows):
    count = sum(step % row_interval(step) == 0 for step in range(1, steps + 1))
    assert count == rows
    assert count <= steps / 100 + 181


@pytest.mark.parametrize(
    ("log_every", "steps"), [(None, [*range(1, 26)]), (4, [4, 8, 10, 12, 16, 20, 24, 25]), (100, [10, 20, 25])]
)
def test_every_epoch_and_the_last_step_have_a_row(digits, tmp_path, log_every, steps):
    run = train(digits, tmp_path / "run", steps=25, log_every=log_every)
    rows = run.metrics("train")
    assert [row["step"] for row in rows] == steps
    assert sum(row["examples"] for row in rows) == 2 * len(digits.train) + 5 * 128
