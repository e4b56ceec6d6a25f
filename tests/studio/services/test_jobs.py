"""Jobs: trainings as processes that outlive the studio, and requests that start none."""

import json
import sys
import time
from types import SimpleNamespace

import pytest
from filelock import FileLock

from elbowroom.cli.train import TrainGroup
from elbowroom.runs.run import PAUSE_FILE, Run
from elbowroom.studio.services import annotations, jobs, processes, train_request
from tests.studio.helpers import open_client, runs_by_name
from tests.warm_process import start_command

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
    monkeypatch.setattr(train_request, "check_training", lambda *_: None)
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


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("stop", "stopped")])
def test_a_training_begun_elsewhere_finds_a_file_and_gets_no_signal(client, run, sleeper, action, state):
    answer = client.post(f"/api/{action}", json={"run": "vae"})
    assert (answer.status_code, answer.json()["error"]) == (409, "'vae' is not being trained: it is finished")
    annotations.write_annotations(run.path, pid=sleeper.pid, began="another time")
    with FileLock(run.path / ".lock"):
        assert client.get("/api/runs").json()["runs"][0]["pausable"]
        assert client.post(f"/api/{action}", json={"run": "vae"}).json() == {"run": "vae", "state": state}
        assert (run.path / PAUSE_FILE).exists()
        assert client.post("/api/resume", json={"run": "vae"}).status_code == 409
    assert sleeper.poll() is None
    run.log(run.metrics()[-1] | {"reason": "interrupted"})
    assert client.get("/api/runs").json()["runs"][0]["state"] == state


def test_a_training_in_a_terminal_is_paused_from_the_page(client, tmp_path):
    words = ["train", "vae", "--hidden=16", "--epochs=100000", "--no-report", "-q", f"--out={tmp_path / 'one'}"]
    process = start_command(*words)
    try:
        wait_for(client, "one", lambda run: run["epoch"] > 1)
        assert client.post("/api/pause", json={"run": "one"}).json() == {"run": "one", "state": "paused"}
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, "elbowroom resume" in out) == (130, True)
    summary = wait_for(client, "one", lambda run: not run["live"])
    assert (summary["state"], summary["resumable"], summary["extendable"]) == ("paused", True, True)


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
        summary = runs_by_name(client).get(run)
        if summary is not None and check(summary):
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


@pytest.mark.parametrize(
    ("request_fields", "field", "words"),
    [
        ({"arguments": {"latent": -1}}, "latent", "give a larger latent"),
        ({"arguments": {"latent": "2"}}, "latent", "expected a whole number"),
        ({"arguments": {"likelihood": "gausian"}}, "likelihood", "gaussian"),
        ({"arguments": {"activation": "rely"}}, "activation", "relu"),
        ({"settings": {"epochs": -3}}, "epochs", "epochs: -3 is not in the range"),
        ({"settings": {"lr": "fast"}}, "lr", "learning rate: 'fast' is not a valid float"),
        ({"settings": {"optimizer": "adaam"}}, "optimizer", "adam"),
        ({"settings": {"schedule": "cosin"}}, "schedule", "cosine"),
        ({"settings": {"freeze": "encoder,,"}, "name": "../x"}, "name", "no directory name"),
        ({"settings": {"data": "digitz"}}, "data", "there is no data 'digitz' here"),
        ({"settings": {"only": "17"}}, "only", "17"),
        ({"settings": {"resize": [4, 4]}}, "resize", "resize=(4, 4) is for images in files"),
        ({"settings": {"init_from": "nothing"}}, "init_from", "there is no run 'nothing'"),
        ({"settings": {"epochs": 2, "steps": 3}}, "epochs", "steps"),
    ],
)
def test_an_error_names_its_field_before_a_process_starts(client, tmp_path, monkeypatch, request_fields, field, words):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    answer = client.post("/api/train", json={"recipe": "vae"} | request_fields)
    error = answer.json()
    assert (answer.status_code, error["field"]) == (400, field), error
    assert words in error["error"]
    assert "--" not in error["error"].replace("--data-folder", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("warm_commands")
def test_the_command_that_is_shown_is_the_one_that_runs(client, tmp_path, monkeypatch):
    """From the working directory, with relative paths."""
    monkeypatch.chdir(tmp_path)
    body = {"recipe": "vae", "arguments": {"latent": 3, "hidden": [8]}, "settings": {"steps": 1, "report": False}}
    shown = client.post("/api/train/command", json=body).json()["command"]
    expected = "train vae --data=digits --latent=3 --hidden=8 --steps=1 --no-report --out=vae-digits-1"
    assert shown == f"elbowroom {expected}"
    assert client.post("/api/train", json=body).json()["run"] == "vae-digits-1"
    assert Run(tmp_path / "vae-digits-1").record["command"].endswith(expected)


def test_the_form_of_a_run_trains_it_again(client, run):
    """Its values give the command that repeats it; what no field can say is told."""
    record = json.loads((run.path / "recipe.json").read_text()) | {"weights_seed": None}
    (run.path / "recipe.json").write_text(json.dumps(record))
    values = client.get("/api/train/values", params={"run": "vae"}).json()
    assert values["recipe"] == "vae"
    assert (values["arguments"]["latent"], values["arguments"]["hidden"]) == (2, [])
    assert (values["settings"]["epochs"], values["settings"]["data"]) == (1, "digits")
    assert values["caveats"][0].startswith("The weights it began with are drawn from no seed")
    body = {name: values[name] for name in ("recipe", "arguments", "settings")}
    command = client.post("/api/train/command", json=body).json()["command"]
    assert {"--latent=2", "--hidden=none", "--epochs=1"} <= set(command.split())
    (run.path / "recipe.json").write_text(json.dumps(record | {"recipe": None}))
    answer = client.get("/api/train/values", params={"run": "vae"})
    assert (answer.status_code, "composed in Python" in answer.json()["error"]) == (409, True)


def test_a_start_can_be_canceled_and_leaves_nothing(client, tmp_path, monkeypatch):
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(jobs, "program", lambda words: program)
    started = client.post("/api/train", json={"recipe": "vae", "name": "one", "wait": 0}).json()
    assert started == {"run": "one", "state": "starting"}
    assert client.get("/api/train/state", params={"run": "one"}).json() == started
    assert client.post("/api/train/cancel", json={"run": "one"}).json() == {"run": "one", "state": "canceled"}
    assert list(tmp_path.iterdir()) == []
    assert client.post("/api/train/cancel", json={"run": "one"}).status_code == 404


def test_a_start_that_fails_says_why_and_leaves_nothing(client, tmp_path, monkeypatch):
    """What no check has found beforehand: the message of the command line, with the field that it speaks of."""
    program = [sys.executable, "-c", "raise SystemExit('elbowroom: the device cuda is not here: leave it out')"]
    monkeypatch.setattr(jobs, "program", lambda words: program)
    answer = client.post("/api/train", json={"recipe": "vae"})
    assert answer.status_code == 400
    assert answer.json() == {"error": "the device cuda is not here: leave it out", "field": "device"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("warm_commands")
def test_a_finished_run_goes_on_to_more_epochs(client, run):
    too_few = client.post("/api/resume", json={"run": "vae", "epochs": 1})
    assert (too_few.status_code, too_few.json()["field"]) == (409, "epochs")
    assert client.post("/api/resume", json={"run": "vae"}).status_code == 409
    assert client.post("/api/resume", json={"run": "vae", "epochs": 2}).json()["run"] == "vae"
    summary = wait_for(client, "vae", lambda run: run["epoch"] == 2 and not run["live"])
    assert (summary["state"], summary["epochs"]) == ("finished", 2)
