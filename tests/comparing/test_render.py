"""The table as JSON and CSV."""

import csv
import io
import json


def test_json_and_csv_say_the_same(with_baselines):
    _, found, _ = with_baselines
    told = json.loads(found.json())
    rows = list(csv.DictReader(io.StringIO(found.csv())))
    assert len(told["rows"]) == len(rows) == len(found.groups)
    for one, line, row in zip(found.groups, rows, told["rows"], strict=True):
        for name in ("elbo", "squared_error"):
            there = row["figures"].get(name)
            assert line[f"{name}_mean"] == (str(there["mean"]) if there else "")
            assert line[f"{name}_sd"] == (str(there["sd"]) if there else "")
        assert row["settings"]["latent"] == one.settings["latent"]
    assert told["figures"]["elbo"] == {"unit": "nats per example", "of": "test"}
    assert told["not comparable"] == found.comparability_notes
