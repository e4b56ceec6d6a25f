"""Helpers of the tests of comparisons."""

import json

QUICK = ["--steps", "12", "--device", "cpu"]


def rows_of(run, split):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("split") == split]


def group(comparison, **settings):
    (found,) = [g for g in comparison.groups if all(g.settings.get(k) == v for k, v in settings.items())]
    return found
