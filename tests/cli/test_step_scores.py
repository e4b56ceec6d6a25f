"""The command score-steps: a row for each step with a value, of windows put together to their series."""

from __future__ import annotations

import csv

import numpy as np

from elbowroom.cli.main import main


def test_steps_of_a_series_that_was_cut_into_windows(tmp_path, capsys):
    series = np.sin(np.arange(200) / 3)[:, None]
    series[50] = np.nan
    np.save(tmp_path / "one.npy", series)
    data = [
        "--data",
        str(tmp_path / "one.npy"),
        *["--window", "16", "--stride", "4", "--validation", "0", "--test", "0"],
    ]
    settings = ["--size", "s", "--latent", "2", "--steps", "2", "--no-report", "-q"]
    assert main(["train", "time_vae", *data, *settings, "--out", str(tmp_path / "run")]) == 0
    out = tmp_path / "steps.csv"
    assert main(["score-steps", str(tmp_path / "run"), "--split", "train", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    steps = [int(row["step"]) for row in rows]
    assert {row["series"] for row in rows} == {"0"}
    assert steps == [step for step in range(200) if step != 50]
    assert "strangest: step" in capsys.readouterr().out
