"""A run in a notebook: state, curve and figures, escaped."""

import json
import re

import pytest

import elbowroom as er
from elbowroom.notebook.run import MAX_POINTS

ROWS = [
    *({"step": n, "epoch": 1, "split": "train", "loss": 100.0 / n, "seconds": n / 10} for n in range(1, 1001)),
    {"step": 1000, "epoch": 1, "split": "validation", "loss": -1.5, "kl": 2.0, "seconds": 101.0},
]


@pytest.fixture
def run(tmp_path):
    run = er.Run.create(
        tmp_path / "<b>",
        {
            "recipe": None,
            "arguments": None,
            "shape": [4],
            "data": {"name": "<i>faces</i>", "sizes": {"train": 1000}},
            "training": {"epochs": 3, "steps": None, "batch_size": 1, "callbacks": [], "seed": 0},
        },
    )
    run.write_record()
    return run


def write(run, rows):
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_it_shows_how_far_it_is_its_curve_and_its_last_figures(run):
    write(run, ROWS)
    html = run._repr_html_()
    assert "unfinished, epoch 1 of 3, step 1,000 of 3,000, 101 seconds" in html
    assert "<td>−1.50</td><td>2.00</td>" in html
    assert html.count("<polyline") == 2
    assert len(re.search(r'points="(.*?)"', html)[1].split()) <= MAX_POINTS + 1
    write(run, [*ROWS, {"event": "end", "reason": "finished", "step": 1000, "epoch": 1}])
    assert "finished, epoch 1" in run._repr_html_()


def test_names_are_escaped(run):
    write(run, ROWS)
    assert "<i>" not in run._repr_html_()
    assert "&lt;i&gt;faces" in run._repr_html_()
    assert "&lt;b&gt;</code>" in run._repr_html_()


def test_a_run_without_rows_and_a_folder_that_holds_no_run(run, tmp_path):
    assert "unfinished" in run._repr_html_()
    assert er.Run(tmp_path / "none")._repr_html_() is None
