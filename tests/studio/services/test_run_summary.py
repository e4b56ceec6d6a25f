"""Run summary: the same numbers as the run, its images and pace, and damaged files."""

import json

import pytest
from filelock import FileLock

from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.studio.services import run_images
from elbowroom.studio.services.run_index import RunIndex
from tests.studio.helpers import runs_by_name, to_jsonl


def test_a_summary_has_the_metrics_of_the_run(client, trained_run):
    summary, run = runs_by_name(client)["vae"], Run(trained_run)
    best = min(run.metrics("validation"), key=lambda row: row["loss"])
    assert summary["best"] == {"split": "validation"} | {key: best[key] for key in ("loss", "elbo", "epoch")}
    assert summary["headline"] == RunView(run).headline._asdict()
    assert summary["headline"]["value"] == best["elbo"]
    assert summary["spark"] == [row["loss"] for row in run.metrics("validation")]
    assert (summary["state"], summary["live"], summary["resumable"]) == ("finished", False, False)
    assert (summary["epoch"], summary["epochs"], summary["step"], summary["steps_total"]) == (2, 2, 20, 20)
    assert summary["arguments"]["latent"] == summary["settings"]["latent"] == 3
    assert client.get(summary["picture"]).content == (trained_run / "images" / "reconstructions-0002.png").read_bytes()


def test_a_summary_says_what_the_doctor_looked_at_and_whether_the_run_has_collapsed(client, folder):
    """The newest snapshot decides; nothing is said of checks that were not logged."""
    metrics = folder / "vae" / "metrics.jsonl"
    place = {"step": 20, "epoch": 2}
    for nats, is_collapsed in (([[0.001, 0.002]], True), ([[0.001, 0.02]], False), ([[]], False)):
        with metrics.open("ab") as file:
            file.write(to_jsonl([{"event": "look", "nats": nats} | place]))
        assert runs_by_name(client)["vae"]["collapsed"] is is_collapsed
    reasons = {"posterior collapse": "20 steps are too few", "no active unit": "20 steps are too few"}
    with metrics.open("ab") as file:
        row = {"event": "checks", "passed": ["a", "b"], "failed": 1, "not_applicable": reasons | {"c": "no table"}}
        file.write(to_jsonl([row | place]))
    assert runs_by_name(client)["vae"]["checks"] == {
        "summary": "2 checks passed, 1 found something, 3 not applicable",
        "passed": ["a", "b"],
        "not_applicable": {"20 steps are too few": ["posterior collapse", "no active unit"], "no table": ["c"]},
    }
    with metrics.open("ab") as file:
        file.write(to_jsonl([{"event": "checks", "passed": 3} | place]))
    assert runs_by_name(client)["vae"]["checks"] is None


DAMAGE = {
    "half written": b'{"recipe": "vae", "argum',
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "a list": b"[1, 2]",
    "deep": b"[" * 100_000,
    "huge": b" " * (5 << 20),
    "shape": None,
    "arguments": None,
    "sizes": None,
    "callbacks": None,
    "data arguments": None,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_shown_as_damaged_and_breaks_nothing(client, folder, damage):
    record = json.loads((folder / "vae" / "recipe.json").read_text())
    match damage:
        case "shape":
            record["shape"] = "1, 8, 8"
        case "arguments":
            record["arguments"] = 3
        case "sizes":
            record["data"]["sizes"] = {"train": "all"}
        case "callbacks":
            record["training"]["callbacks"] = [1, None]
        case "data arguments":
            record["data"]["arguments"] = [1]
    (folder / "vae" / "recipe.json").write_bytes(
        json.dumps(record).encode() if DAMAGE[damage] is None else DAMAGE[damage]
    )
    summaries = runs_by_name(client)
    assert summaries["sweep/vae-0"]["state"] == "finished"
    if damage != "sizes":  # it may be missing
        assert summaries["vae"]["state"] == "damaged"
        assert "restore it" in summaries["vae"]["problem"]
        assert "\n" not in summaries["vae"]["problem"]
        assert client.get("/api/run", params={"run": "vae"}).json()["record"] is None
    assert client.get("/api/run", params={"run": "vae"}).status_code == 200
    assert client.get("/api/curves", params={"run": "vae"}).status_code == 200


DAMAGED_ROWS = [
    b'{"step": 30, "epoch": 3, "split": "train", "lo',
    b"\x00\xff\xfe\n",
    b"[1, 2]\n" + b"[" * 50_000 + b"\n",
    b'{"step": 30, "epoch": 3, "split": "validation", "loss": NaN, "elbo": Infinity, "seconds": 1}\n',
    b'{"step": 30, "epoch": 3, "split": "validation", "loss": 1e999}\n',
    b'{"step": 30, "epoch": 3, "split": "validation", "loss": ' + b"9" * 400 + b"}\n",
    b'{"step": -1, "epoch": 1' + b"0" * 400 + b', "split": "validation", "loss": 1}\n',
    b'{"step": 30, "epoch": 3, "split": ["validation"], "loss": "1"}\n',
    b'{"step": 30, "epoch": 3, "split": {"a": 1}, "examples_per_second": "many"}\n',
    b'{"step": 30, "epoch": 3, "event": "finding", "title": {"a": [1]}, "severity": null}\n',
    b'{"step": 30, "epoch": 3, "event": "look", "nats": {"a": 1}}\n',
    b"\n" * 100_000,
    b"x" * 300_000,
]


@pytest.mark.parametrize("damage", range(len(DAMAGED_ROWS)))
def test_damaged_rows_are_ignored(client, folder, damage):
    before = runs_by_name(client)["vae"]
    with (folder / "vae" / "metrics.jsonl").open("ab") as file:
        file.write(DAMAGED_ROWS[damage])
    after = runs_by_name(client)["vae"]
    assert after["best"] == before["best"]
    assert client.get("/api/run", params={"run": "vae"}).status_code == 200
    assert client.get("/api/curves", params={"run": "vae"}).status_code == 200


def test_an_unfinished_image_is_not_shown(folder):
    index = RunIndex(folder)
    index.refresh()
    with (folder / "vae" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "epoch": 3, "split": "train", "loss": 1.0}\n')
    complete = (folder / "vae" / "images" / "samples-0002.png").read_bytes()
    image = folder / "vae" / run_images.image_file("reconstructions", 3)
    image.write_bytes(complete[:-20])
    index.refresh()
    assert index.summary("vae")["picture"].endswith("0002.png")
    image.write_bytes(complete)
    index.refresh()
    assert index.summary("vae")["picture"].endswith("0003.png")


def test_seconds_left_follow_the_pace(folder):
    with FileLock(folder / "vae" / ".lock"):
        record = json.loads((folder / "vae" / "recipe.json").read_text())
        record["training"]["epochs"] = 102
        (folder / "vae" / "recipe.json").write_text(json.dumps(record))
        rows = [{"step": 10 * n, "epoch": n, "split": "train", "loss": 1.0, "seconds": 2.0 * n} for n in (1, 2)]
        (folder / "vae" / "metrics.jsonl").write_bytes(to_jsonl(rows))
        summary = RunIndex(folder).summary("vae")
    assert (summary["steps_total"], summary["step"]) == (1020, 20)
    assert summary["seconds_left"] == pytest.approx(200.0)
