"""Actions on a run: the real commands with their results, and what is refused; states outlive the studio."""

import json
import sys
import time
from pathlib import Path

import click
import pytest

from elbowroom.cli.main import commands
from elbowroom.cli.train import TrainGroup
from elbowroom.samplers import full_name
from elbowroom.studio.services import processes
from elbowroom.studio.services.run_actions import ACTIONS, FOLDER_NAME, read_action, write_state
from tests.studio.helpers import error_of, get, ok_json, open_client, post, runs_by_name

TRAIN = TrainGroup("train")


@pytest.fixture
def client(tmp_path):
    with open_client(tmp_path, train=TRAIN) as client:
        yield client


def state_of(client, name):
    return next((one for one in runs_by_name(client)["vae"]["actions"] if one["name"] == name), None)


def wait_for(client, name):
    for _ in range(1200):
        if (state := state_of(client, name))["state"] != "running":
            return state
        time.sleep(0.1)
    raise AssertionError(state)


@pytest.fixture
def programs(client):
    """Puts programs of Python in the place of the commands."""
    actions = client.app.state.studio.actions

    def replace(code):
        actions._program = lambda words: [sys.executable, "-c", code]

    return replace


RESULTS = {"evaluate": "evaluation.json", "report": "report.html", "export": "explorer.html"}


@pytest.mark.usefixtures("warm_commands")
@pytest.mark.parametrize("name", ["evaluate", "export", "fit-sampler"])
def test_an_action_runs_its_command_on_the_run(client, run, name):
    """With the default option; its result is in the run, and its log says what the command printed."""
    assert ok_json(post(client, "run/action", run="vae", action=name))["state"] == "running"
    assert post(client, "run/action", run="vae", action=name).status_code == 409
    state = wait_for(client, name)
    assert (state["state"], state["message"]) == ("done", ""), state
    assert (run.path / {**RESULTS, "fit-sampler": "sampler-mixture-10.safetensors"}[name]).is_file()
    log = ok_json(get(client, "run/log", run="vae", action=name))["text"]
    assert {"evaluate": "elbo", "export": "explorer.html", "fit-sampler": "sampler-mixture-10"}[name] in log
    if name == "export":
        assert client.get(state["result"]).text.startswith("<!doctype html>")
    if name == "evaluate":
        assert runs_by_name(client)["vae"]["evaluations"]


@pytest.mark.parametrize("written", ["mixture:20", "flow", "neighbors:3"])
def test_a_sampler_may_have_an_option_of_ones_own(written):
    assert ACTIONS["fit-sampler"].check_option(written) == full_name(written)


@pytest.mark.parametrize(
    ("written", "words"),
    [("mixture:ten", "mixture:ten"), ("mixtur", "mixture"), ("standard", "needs no fit"), ("prior", "needs no fit")],
)
def test_a_sampler_that_cannot_be_fitted_is_refused(client, run, written, words):
    answer = post(client, "run/action", run="vae", action="fit-sampler", option=written)
    assert answer.status_code == 400
    assert words in error_of(answer)


def test_every_action_names_a_command_that_exists():
    for action in ACTIONS.values():
        name, *words = action.words(Path("run"), next(iter(action.options()), ""))
        context = click.Context(commands)
        assert commands.get_command(context, name).make_context(name, words, parent=context).params["run"]


def test_an_action_that_fails_says_why(client, run, programs):
    programs("raise SystemExit('elbowroom: out of memory: take fewer samples')")
    post(client, "run/action", run="vae", action="report")
    state = wait_for(client, "report")
    assert (state["state"], state["message"]) == ("failed", "out of memory: take fewer samples")


def test_a_canceled_action_is_no_failure(client, run, programs):
    programs("import time; time.sleep(600)")
    post(client, "run/action", run="vae", action="report")
    assert ok_json(post(client, "run/action/cancel", run="vae", action="report"))["state"] == "canceled"
    assert state_of(client, "report")["state"] == "canceled"
    assert "not under way" in error_of(post(client, "run/action/cancel", run="vae", action="report"), 409)


def test_the_state_outlives_the_studio(run, sleeper):
    """Of a process that goes on, and of one that has ended while no studio saw its return code."""
    (run.path / FOLDER_NAME).mkdir()
    state = {"option": "", "pid": sleeper.pid, "began": processes.start_time(sleeper.pid)}
    write_state(run.path, "report", state)
    assert read_action(run.path, "vae", "report")["state"] == "running"
    write_state(run.path, "report", state | {"began": "1.0"})
    assert read_action(run.path, "vae", "report")["state"] == "done"
    (run.path / FOLDER_NAME / "report.log").write_text("elbowroom: no space left: free some\n")
    assert read_action(run.path, "vae", "report")["message"] == "no space left: free some"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": "1"}', json.dumps({"pid": 1, "began": 3})])
def test_a_damaged_state_is_none(run, content):
    (run.path / FOLDER_NAME).mkdir()
    (run.path / FOLDER_NAME / "report.json").write_text(content)
    assert read_action(run.path, "vae", "report").get("state", "done") == "done"


def test_what_cannot_be_started_is_refused(client, tmp_path, run, monkeypatch):
    monkeypatch.setattr(processes, "start", lambda *_: pytest.fail("a process was started"))
    assert "there is no action 'rm'" in error_of(post(client, "run/action", run="vae", action="rm"))
    wrong = post(client, "run/action", run="vae", action="fit-sampler", option="--help")
    assert (wrong.json()["field"], "Known: " in error_of(wrong)) == ("option", True)
    assert post(client, "run/action", run="nothing", action="report").status_code == 404
    with open_client(tmp_path) as other:
        assert "without training" in error_of(post(other, "run/action", run="vae", action="report"), 503)
    record = json.loads((run.path / "recipe.json").read_text())
    record["data"]["source"] = "/etc/passwd"
    (run.path / "recipe.json").write_text(json.dumps(record))
    assert "there is no data" in error_of(post(client, "run/action", run="vae", action="evaluate"))


def test_the_number_of_actions_is_limited(client, run, programs):
    programs("import time; time.sleep(600)")
    for name in ("report", "export"):
        assert ok_json(post(client, "run/action", run="vae", action=name))["state"] == "running"
    try:
        assert "2 actions are under way" in error_of(post(client, "run/action", run="vae", action="evaluate"), 429)
    finally:
        for name in ("report", "export"):
            post(client, "run/action/cancel", run="vae", action=name)
