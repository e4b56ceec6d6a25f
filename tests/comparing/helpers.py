"""Helpers of the tests of comparisons: a sweep, its rows, its groups."""

import json

from elbowroom.cli import main

QUICK = ["--steps", "12", "--device", "cpu", "--no-report"]


def train_sweep(folder):
    """Train two latent sizes and an impossible one, on two seeds, into a folder."""
    assert main(["sweep", "vae", "--latent", "0,2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]) == 1
    return folder


def read_rows(run, split):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("split") == split]


def find_group(comparison, **settings):
    (found,) = [g for g in comparison.groups if all(g.settings.get(k) == v for k, v in settings.items())]
    return found
