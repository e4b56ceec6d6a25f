"""Trainings from the page: forms of every recipe, words that can only be values, processes that outlive the studio."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import click
import pytest
from starlette.testclient import TestClient

import elbowroom as er
from elbowroom.cli.train import TrainGroup
from elbowroom.recipes import RECIPES
from elbowroom.runs.run import Run
from elbowroom.studio.app import create_app
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import annotations, jobs, processes, train_form
from elbowroom.studio.services.run_index import RunIndex

TRAIN = TrainGroup("train")


def studio(folder, **given):
    return TestClient(create_app(folder, train=TRAIN, **given), base_url="http://localhost")


@pytest.fixture
def client(tmp_path):
    with studio(tmp_path) as client:
        yield client


def command(recipe):
    return TRAIN.get_command(click.Context(TRAIN), recipe.name)


@pytest.fixture(params=list(RECIPES))
def recipe(request):
    return RECIPES[request.param]


def test_every_recipe_has_a_form_whose_values_come_back(client, recipe):
    """What a form shows, sent back, are the arguments that the command line would have taken."""
    form = next(one for one in client.get("/api/recipes").json()["recipes"] if one["name"] == recipe.name)
    assert [field["name"] for field in form["fields"]] == list(recipe.arguments)
    given = {field["name"]: field["default"] for field in form["fields"]}
    words = train_form.train_arguments(recipe, command(recipe), given, {}, "digits")
    read = command(recipe).make_context(recipe.name, words[1:]).params
    assert {name: read[name] for name in recipe.arguments} == {n: a.default for n, a in recipe.arguments.items()}


def test_every_setting_of_the_form_comes_back(client, recipe):
    settings = client.get("/api/recipes").json()["settings"]
    given = {field["name"]: field["default"] for field in settings}
    assert {"epochs", "batch_size", "lr", "seed", "schedule", "clip", "kl_warmup", "free_bits"} <= set(given)
    assert not {"out", "config", "preset", "data"} & set(given)
    words = train_form.train_arguments(recipe, command(recipe), {}, given, "digits")
    usual = command(recipe).make_context(recipe.name, [])
    assert command(recipe).make_context(recipe.name, words[1:]).params == usual.params


VALUES = {
    "epochs": (3, 3),
    "lr": (0.01, 0.01),
    "optimizer": ("sgd(momentum=0.9)", "sgd(momentum=0.9)"),
    "resize": ([28, 20], (28, 20)),
    "validation": (100.0, 100),
    "flip": (True, True),
    "precision": ("bf16", "bf16"),
    "only": ("0,1", "0,1"),
    "clip": (None, None),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_arrives_as_it_was_given(name):
    given, arrived = VALUES[name]
    words = train_form.train_arguments(RECIPES["vae"], command(RECIPES["vae"]), {}, {name: given}, "digits")
    assert command(RECIPES["vae"]).make_context("vae", words[1:]).params[name] == arrived


HOSTILE = [
    ("arguments", {"latent": "2"}, "expected a whole number"),
    ("arguments", {"latent": True}, "expected a whole number"),
    ("arguments", {"hidden": ["--out=/etc"]}, "expected whole numbers"),
    ("arguments", {"out": "/etc"}, "unknown argument of vae 'out'"),
    ("arguments", {"likelihood": "a\nb"}, "that can be seen"),
    ("arguments", {"likelihood": "a\x00b"}, "that can be seen"),
    ("arguments", {"likelihood": "x" * 501}, "at most 500 characters"),
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
    ("settings", {"resize": ["a"]}, "expected a number, a text"),
    ("settings", {"data": 3}, "is no text"),
    ("settings", {"data": "/etc"}, "there is no data"),
    ("settings", {"data": "../../etc"}, "there is no data"),
    ("settings", {"data": "--out=/etc"}, "there is no data"),
    ("settings", {"data": "a\x00b"}, "there is no data"),
    ("settings", {"data": "linked"}, "there is no data"),
    ("settings", {"data": "http://evil.com/x.npy"}, "there is no data"),
    ("recipe", "rm -rf /", "unknown recipe"),
    ("recipe", "../vae", "unknown recipe"),
    ("name", "../x", "makes no directory"),
    ("name", "/etc/x", "makes no directory"),
    ("name", "--out", "makes no directory"),
    ("name", ".hidden", "makes no directory"),
    ("name", "a\x00b", "makes no directory"),
    ("name", "x" * 90, "makes no directory"),
]


@pytest.mark.parametrize(("field", "value", "words"), HOSTILE)
def test_nothing_but_values_of_a_recipe_gets_through(client, tmp_path, monkeypatch, field, value, words):
    (tmp_path / "linked").symlink_to("/etc")
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    answer = client.post("/api/train", json={"recipe": "vae", field: value})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert [path.name for path in tmp_path.iterdir()] == ["linked"]


def test_a_text_is_one_word_with_its_flag_and_no_shell_reads_it(client, monkeypatch):
    seen = []
    monkeypatch.setattr(processes, "start", lambda words, log: seen.extend(words) or SimpleNamespace(pid=2))
    monkeypatch.setattr(processes, "wait_for_start", lambda *_: "starting")
    monkeypatch.setattr(processes, "supervise", lambda *_: None)
    monkeypatch.setattr(processes, "start_time", lambda pid: "then")
    monkeypatch.setattr(annotations, "write_annotations", lambda *_, **__: None)
    hostile = "--out=/etc; $(touch x) `id` | sh"
    client.post("/api/train", json={"recipe": "vae", "arguments": {"likelihood": hostile}, "name": "a b"})
    assert seen[:5] == [sys.executable, "-m", "elbowroom", "train", "vae"]
    assert f"--likelihood={hostile}" in seen
    assert [word for word in seen if word.startswith("--out=")] == [
        f"--out={client.app.state.studio.folder.path / 'a b'}"
    ]


def test_data_lies_in_the_runs_folder_or_in_one_that_was_given(tmp_path):
    for name in ("runs", "data", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.npy").write_bytes(b"")
    (tmp_path / "data" / "out.npy").symlink_to(tmp_path / "other" / "x.npy")
    folder, others = RunIndex(tmp_path / "runs"), [(tmp_path / "data").resolve()]
    for name in ("x.npy", str(tmp_path / "data" / "x.npy")):
        assert train_form.resolve_data(name, folder, others).endswith("x.npy")
    for name in ("../other/x.npy", str(tmp_path / "other" / "x.npy"), str(tmp_path / "data" / "out.npy"), ""):
        if name:
            with pytest.raises(RequestError, match="--data-folder"):
                train_form.resolve_data(name, folder, others)
    assert train_form.resolve_data("digits", folder, others) == "digits"
    assert str(others[0] / "x.npy") in {one["name"] for one in train_form.list_data(folder, others)}
    with pytest.raises(ValueError, match="--data-folder"):
        create_app(tmp_path, data_folders=[tmp_path / "nothing"])


def test_a_studio_without_training_trains_nothing(tmp_path):
    with TestClient(create_app(tmp_path), base_url="http://localhost") as client:
        assert client.get("/api/recipes").json()["recipes"] == []
        answer = client.post("/api/train", json={"recipe": "vae"})
    assert answer.status_code == 503


@pytest.fixture
def sleeper():
    """A process of no training."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def run(tmp_path, digits):
    return er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=()), digits, epochs=1, out=tmp_path / "vae")


def test_a_process_is_signalled_only_if_it_is_the_one_that_was_begun(sleeper):
    then = processes.start_time(sleeper.pid)
    assert then is not None
    assert not processes.terminate(sleeper.pid, "another time")
    assert not processes.terminate(sleeper.pid, None)
    assert not processes.terminate(os.getpid(), processes.start_time(os.getpid()))
    assert not processes.terminate(1, processes.start_time(1))
    assert sleeper.poll() is None
    assert processes.terminate(sleeper.pid, then)
    assert sleeper.wait(10) == -signal.SIGTERM
    assert processes.start_time(sleeper.pid) is None


def test_what_is_not_ours_to_pause_is_left_alone(client, run, sleeper):
    from filelock import FileLock

    for action in ("pause", "stop"):
        answer = client.post(f"/api/{action}", json={"run": "vae"})
        assert (answer.status_code, answer.json()["error"]) == (409, "'vae' is not being trained: it is finished")
    with FileLock(run.path / ".lock"):
        assert "was begun elsewhere" in client.post("/api/pause", json={"run": "vae"}).json()["error"]
        annotations.write_annotations(run.path, pid=sleeper.pid, began="another time")
        answer = client.post("/api/pause", json={"run": "vae"})
        assert (answer.status_code, answer.json()["error"][-32:]) == (409, "not ours: press Ctrl-C where it runs"[-32:])
        assert client.post("/api/resume", json={"run": "vae"}).status_code == 409
    assert sleeper.poll() is None
    assert "train a new run" in client.post("/api/resume", json={"run": "vae"}).json()["error"]


def test_a_run_brought_from_elsewhere_reads_no_data_that_the_studio_may_not(client, run, monkeypatch):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    record = json.loads((run.path / "recipe.json").read_text())
    record["training"]["epochs"], record["data"]["source"] = 100, "/etc/passwd"
    (run.path / "recipe.json").write_text(json.dumps(record))
    answer = client.post("/api/resume", json={"run": "vae"})
    assert (answer.status_code, "there is no data '/etc/passwd' here" in answer.json()["error"]) == (400, True)


def test_as_many_trainings_as_there_may_be_and_no_more(client, tmp_path, sleeper, monkeypatch):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    for n in range(jobs.MAX_TRAININGS):
        (tmp_path / f"busy-{n}").mkdir()
        annotations.write_annotations(tmp_path / f"busy-{n}", pid=sleeper.pid, began=processes.start_time(sleeper.pid))
    answer = client.post("/api/train", json={"recipe": "vae"})
    assert (answer.status_code, answer.json()["error"][:28]) == (429, "4 trainings run already: wai")
    assert not (tmp_path / "vae-digits-1").exists()


def test_a_training_that_broke_off_says_why(client, run):
    rows = [row for row in run.metrics() if "reason" not in row]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = "elbowroom: warning: collapse\nTraceback\nelbowroom: loss became nan: lower --lr\n"
    (run.path / "studio.log").write_text(log)
    summary = client.get("/api/runs").json()["runs"][0]
    assert (summary["state"], summary["problem"]) == ("unfinished", "loss became nan: lower --lr")


def wait(client, run, until):
    for _ in range(600):
        summary = next(one for one in client.get("/api/runs").json()["runs"] if one["run"] == run)
        if until(summary):
            return summary
        time.sleep(0.1)
    raise AssertionError(summary)


def test_a_training_is_begun_paused_by_another_server_gone_on_with_and_stopped(tmp_path):
    asked = {
        "recipe": "vae",
        "arguments": {"latent": 3, "hidden": [16]},
        "settings": {"epochs": 100_000},
        "name": "one",
    }
    with studio(tmp_path) as client:
        assert client.post("/api/train", json=asked).json() == {"run": "one", "state": "training"}
        assert client.post("/api/train", json=asked).status_code == 409
    with studio(tmp_path) as client:
        try:
            summary = wait(client, "one", lambda one: one["epoch"] > 2)
            assert (summary["state"], summary["pausable"], summary["live"]) == ("training", True, True)
            assert summary["seconds_left"] > 0
            assert client.post("/api/pause", json={"run": "one"}).json() == {"run": "one", "state": "paused"}
            summary = wait(client, "one", lambda one: not one["live"])
            assert (summary["state"], summary["resumable"], summary["problem"]) == ("paused", True, None)
            assert client.post("/api/resume", json={"run": "one"}).json() == {"run": "one", "state": "training"}
            wait(client, "one", lambda one: one["step"] > summary["step"] and one["live"])
        finally:
            client.post("/api/stop", json={"run": "one"})
        assert wait(client, "one", lambda one: not one["live"])["state"] == "stopped"
    assert Run(tmp_path / "one").record["arguments"]["hidden"] == [16]
    steps = [row["step"] for row in Run(tmp_path / "one").metrics("train")]
    assert steps == sorted(set(steps))


def test_a_training_that_cannot_be_says_so_and_leaves_nothing(client, tmp_path):
    answer = client.post("/api/train", json={"recipe": "vae", "arguments": {"latent": -1}})
    assert answer.status_code == 400
    assert "give a larger latent" in answer.json()["error"]
    assert list(tmp_path.iterdir()) == []
