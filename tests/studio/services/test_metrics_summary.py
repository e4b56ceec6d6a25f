"""Metrics summary: long logs are summarized as row by row, and curves keep their peaks."""

import random

import pytest

from elbowroom.studio.services import metrics_summary
from elbowroom.studio.services.metrics_summary import MAX_PARSED_BYTES, MetricsSummary
from tests.studio.helpers import to_jsonl


def training_rows(n, latent=8):
    """Rows as a training of n epochs writes them."""
    generator = random.Random(0)
    for epoch in range(1, n + 1):
        for split in ("train", "validation", "test"):
            row = {
                "step": 10 * epoch,
                "epoch": epoch,
                "split": split,
                "loss": 20 + generator.random(),
                "kl": generator.random(),
            }
            yield row | {"elbo": -row["loss"], "seconds": 0.1 * epoch, "examples_per_second": 100.0}
        yield {
            "event": "look",
            "epoch": epoch,
            "step": 10 * epoch,
            "nats": [[generator.random() for _ in range(latent)]],
        }
        if epoch in (3, n // 2):
            finding = {
                "title": f"finding {epoch}",
                "severity": "warning",
                "evidence": 'a "split": "validation", "loss": 1',
            }
            yield {"event": "finding", "epoch": epoch, "step": 10 * epoch} | finding


@pytest.mark.parametrize("known", [True, False])
def test_many_rows_are_summarized_as_one_by_one(known):
    rows = list(training_rows(1200))
    one_by_one, all_at_once = MetricsSummary(), MetricsSummary()
    best = min((row for row in rows if row.get("split") == "validation"), key=lambda row: row["loss"])
    for row in rows:
        one_by_one.add_lines(to_jsonl([row]))
    assert all_at_once.add_lines(to_jsonl(rows), (best["step"], best["loss"]) if known else None) == []
    assert all_at_once.best_rows["validation"] == one_by_one.best_rows["validation"] == best
    assert list(all_at_once.recent_rows) == list(one_by_one.recent_rows)
    assert [f["title"] for f in all_at_once.findings] == ["finding 3", "finding 600"]
    looks = [row for row in rows if row.get("event") == "look"]
    assert all_at_once.newest_events == one_by_one.newest_events == {"look": looks[-1]}
    sparkline = all_at_once.losses["validation"].points()
    losses = [row["loss"] for row in rows if row.get("split") == "validation"]
    assert len(sparkline) == 60
    assert sparkline[0] == losses[0]
    assert sparkline[-1] == losses[-1]
    assert set(sparkline) <= set(losses)


def lowest_validation_loss(rows):
    return min(row["loss"] for row in rows if row.get("split") == "validation")


def test_a_best_loss_that_is_not_in_the_log_is_ignored():
    summary, rows = MetricsSummary(), list(training_rows(1200))
    summary.add_lines(to_jsonl(rows), (50, 3.0))
    assert summary.best_rows["validation"]["loss"] == lowest_validation_loss(rows)


def test_rows_in_another_format_are_parsed_one_by_one():
    rows = [dict(reversed(row.items())) for row in training_rows(400)]
    summary = MetricsSummary()
    summary.add_lines(to_jsonl(rows))
    assert len(to_jsonl(rows)) > MAX_PARSED_BYTES
    assert summary.best_rows["validation"]["loss"] == lowest_validation_loss(rows)


def test_the_summary_is_bounded():
    summary = MetricsSummary()
    for epoch in range(20_000):
        summary.add_lines(to_jsonl([{"step": epoch, "epoch": epoch, "split": "validation", "loss": 1.0}]))
    assert len(summary.losses["validation"]._values) <= 480
    assert len(summary.losses["validation"].points()) == 60
    assert len(summary.recent_rows) == summary.recent_rows.maxlen


def test_thinned_curves_keep_every_peak_of_every_term():
    rows = [row for row in training_rows(8000) if "split" in row]
    rows[3 * 4321 + 1]["kl"], rows[3 * 777 + 1]["elbo"] = 99.0, -99.0
    curve = metrics_summary.thin_curves(rows)["validation"]
    assert len(curve["step"]) <= metrics_summary.MAX_CURVE_POINTS
    assert max(curve["kl"]) == 99.0
    assert min(curve["elbo"]) == -99.0
    assert curve["step"] == sorted(curve["step"])
    assert (curve["step"][0], curve["step"][-1]) == (10, 80_000)
