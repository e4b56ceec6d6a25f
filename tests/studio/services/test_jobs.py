"""Jobs: trainings as processes that outlive the studio, and requests that start none."""

import json
import sys
import time
from types import SimpleNamespace

import pytest

from elbowroom.cli.train import TrainGroup
from elbowroom.runs.run import Run
from elbowroom.studio.services import annotations, jobs, processes
from tests.studio.helpers import open_client

TRAIN = TrainGroup("train")


@pytest.fixture
def client(tmp_path):
    with open_client(tmp_path, train=TRAIN) as client:
        yield client


HOSTILE = [
    ("arguments", {"latent": "2"}, "expected a whole number"),
    ("arguments", {"latent": True}, "expected a whole number"),
    ("arguments", {"hidden": ["--out=/etc"]}, "expected whole numbers"),
    ("arguments", {"out": "/etc"}, "unknown argument of vae 'out'"),
    ("arguments", {"likelihood": "a\nb"}, "printable characters"),
    ("arguments", {"likelihood": "a\x00b"}, "printable characters"),
    ("arguments", {"likelihood": "x" * 501}, "at most 500 printable characters"),
    ("settings", {"out": "/etc"}, "unknown setting 'out'"),
    ("settings", {"config": "/etc/passwd"}, "unknown setting 'config'"),
    ("settings", {"--out": "/etc"}, "unknown setting '--out'"),
    ("settings", {"help": True}, "unknown setting 'help'"),
    ("settings", {"epochs": "; rm -rf /"}, "is not a valid integer"),
    ("settings", {"epochs": "3 --out=/etc"}, "is not a valid integer"),
    ("settings", {"lr": "nan"}, "is not a finite number"),
    ("settings", {"seed": -1}, "is not in the range"),
    ("settings", {"precision": "float8"}, "is not one of"),
    ("settings", {"optimizer": {"a": 1}}, "expected a number, a text"),
    ("settings", {"resize": ["a"]}, "is not a list of whole numbers"),
    ("settings", {"data": 3}, "is not a text"),
    ("settings", {"data": "/etc"}, "there is no data"),
    ("settings", {"data": "../../etc"}, "there is no data"),
    ("settings", {"data": "--out=/etc"}, "there is no data"),
    ("settings", {"data": "a\x00b"}, "there is no data"),
    ("settings", {"data": "linked"}, "there is no data"),
    ("settings", {"data": "http://evil.com/x.npy"}, "there is no data"),
    ("recipe", "rm -rf /", "unknown recipe"),
    ("recipe", "../vae", "unknown recipe"),
    ("name", "../x", "is no directory name"),
    ("name", "/etc/x", "is no directory name"),
    ("name", "--out", "is no directory name"),
    ("name", ".hidden", "is no directory name"),
    ("name", "a\x00b", "is no directory name"),
    ("name", "x" * 90, "is no directory name"),
]


@pytest.mark.parametrize(("field", "value", "words"), HOSTILE)
def test_invalid_values_start_nothing(client, tmp_path, monkeypatch, field, value, words):
    (tmp_path / "linked").symlink_to("/etc")
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    answer = client.post("/api/train", json={"recipe": "vae", field: value})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert [path.name for path in tmp_path.iterdir()] == ["linked"]


def test_a_text_is_one_word_with_its_flag_without_a_shell(client, monkeypatch):
    command = []
    monkeypatch.setattr(processes, "start", lambda words, log: command.extend(words) or SimpleNamespace(pid=2))
    monkeypatch.setattr(processes, "wait_for_start", lambda *_: "starting")
    monkeypatch.setattr(processes, "supervise", lambda *_: None)
    monkeypatch.setattr(processes, "start_time", lambda pid: "started")
    monkeypatch.setattr(annotations, "write_annotations", lambda *_, **__: None)
    hostile = "--out=/etc; $(touch x) `id` | sh"
    client.post("/api/train", json={"recipe": "vae", "arguments": {"likelihood": hostile}, "name": "a b"})
    assert command[:6] == [sys.executable, "-P", "-m", "elbowroom", "train", "vae"]
    assert f"--likelihood={hostile}" in command
    assert [word for word in command if word.startswith("--out=")] == [
        f"--out={client.app.state.studio.run_index.path / 'a b'}"
    ]


def test_a_studio_without_training_starts_none(tmp_path):
    with open_client(tmp_path) as client:
        assert client.get("/api/recipes").json()["recipes"] == []
        answer = client.post("/api/train", json={"recipe": "vae"})
    assert answer.status_code == 503


def test_trainings_started_elsewhere_are_left_alone(client, run, sleeper):
    from filelock import FileLock

    for action in ("pause", "stop"):
        answer = client.post(f"/api/{action}", json={"run": "vae"})
        assert (answer.status_code, answer.json()["error"]) == (409, "'vae' is not being trained: it is finished")
    with FileLock(run.path / ".lock"):
        assert "was started elsewhere" in client.post("/api/pause", json={"run": "vae"}).json()["error"]
        annotations.write_annotations(run.path, pid=sleeper.pid, began="another time")
        answer = client.post("/api/pause", json={"run": "vae"})
        assert (answer.status_code, answer.json()["error"][-32:]) == (409, "not ours: press Ctrl-C where it runs"[-32:])
        assert client.post("/api/resume", json={"run": "vae"}).status_code == 409
    assert sleeper.poll() is None
    assert "train a new run" in client.post("/api/resume", json={"run": "vae"}).json()["error"]


def test_a_copied_run_cannot_read_data_outside_the_allowed_folders(client, run, monkeypatch):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    record = json.loads((run.path / "recipe.json").read_text())
    record["training"]["epochs"], record["data"]["source"] = 100, "/etc/passwd"
    (run.path / "recipe.json").write_text(json.dumps(record))
    answer = client.post("/api/resume", json={"run": "vae"})
    assert (answer.status_code, "there is no data '/etc/passwd' here" in answer.json()["error"]) == (400, True)


def test_the_number_of_trainings_is_limited(client, tmp_path, sleeper, monkeypatch):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    for n in range(jobs.MAX_TRAININGS):
        (tmp_path / f"busy-{n}").mkdir()
        annotations.write_annotations(tmp_path / f"busy-{n}", pid=sleeper.pid, began=processes.start_time(sleeper.pid))
    answer = client.post("/api/train", json={"recipe": "vae"})
    assert (answer.status_code, answer.json()["error"][:28]) == (429, "4 trainings run already: wai")
    assert not (tmp_path / "vae-digits-1").exists()


def test_a_training_that_failed_shows_its_error(client, run):
    rows = [row for row in run.metrics() if "reason" not in row]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = "elbowroom: warning: collapse\nTraceback\nelbowroom: loss became nan: lower --lr\n"
    (run.path / "studio.log").write_text(log)
    summary = client.get("/api/runs").json()["runs"][0]
    assert (summary["state"], summary["problem"]) == ("unfinished", "loss became nan: lower --lr")


def wait_for(client, run, check):
    for _ in range(600):
        summary = next(entry for entry in client.get("/api/runs").json()["runs"] if entry["run"] == run)
        if check(summary):
            return summary
        time.sleep(0.1)
    raise AssertionError(summary)


def test_start_pause_from_another_server_resume_and_stop(tmp_path, monkeypatch):
    """From a folder with a file named as a module, which the training must not import."""
    (tmp_path / "html.py").write_text("raise SystemExit('the wrong html')")
    monkeypatch.chdir(tmp_path)
    body = {
        "recipe": "vae",
        "arguments": {"latent": 3, "hidden": [16]},
        "settings": {"epochs": 100_000},
        "name": "one",
    }
    with open_client(tmp_path, train=TRAIN) as client:
        assert client.post("/api/train", json=body).json() == {"run": "one", "state": "training"}
        assert client.post("/api/train", json=body).status_code == 409
    with open_client(tmp_path, train=TRAIN) as client:
        try:
            summary = wait_for(client, "one", lambda run: run["epoch"] > 2)
            assert (summary["state"], summary["pausable"], summary["live"]) == ("training", True, True)
            assert summary["seconds_left"] > 0
            assert client.post("/api/pause", json={"run": "one"}).json() == {"run": "one", "state": "paused"}
            summary = wait_for(client, "one", lambda run: not run["live"])
            assert (summary["state"], summary["resumable"], summary["problem"]) == ("paused", True, None)
            assert client.post("/api/resume", json={"run": "one"}).json() == {"run": "one", "state": "training"}
            wait_for(client, "one", lambda run: run["step"] > summary["step"] and run["live"])
        finally:
            client.post("/api/stop", json={"run": "one"})
        assert wait_for(client, "one", lambda run: not run["live"])["state"] == "stopped"
    assert Run(tmp_path / "one").record["arguments"]["hidden"] == [16]
    steps = [row["step"] for row in Run(tmp_path / "one").metrics("train")]
    assert steps == sorted(set(steps))


def test_a_training_that_cannot_start_leaves_nothing(client, tmp_path):
    answer = client.post("/api/train", json={"recipe": "vae", "arguments": {"latent": -1}})
    assert answer.status_code == 400
    assert "give a larger latent" in answer.json()["error"]
    assert list(tmp_path.iterdir()) == []
