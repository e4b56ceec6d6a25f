"""What open pages are told, and that a page that does not listen costs nothing."""

import asyncio
import json

import pytest
from starlette.testclient import TestClient

import elbowroom as er
from elbowroom.runs.run import Run
from elbowroom.studio.api import live_updates
from elbowroom.studio.api.live_updates import PageSubscription
from elbowroom.studio.app import create_app
from elbowroom.studio.services.run_summary import RunUpdate


@pytest.fixture
def run(tmp_path, digits):
    return er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=()), digits, epochs=1, out=tmp_path / "vae")


@pytest.fixture
def socket(tmp_path, run):
    with (
        TestClient(create_app(tmp_path), base_url="http://localhost") as client,
        client.websocket_connect("ws://localhost/ws/live") as socket,
    ):
        client.get("/api/runs")
        yield socket


def until(socket, kind):
    """The next message of a kind."""
    for _ in range(50):
        message = json.loads(socket.receive_text())
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind} came")


ROW = {"step": 20, "epoch": 2, "split": "validation", "loss": 3.5, "elbo": -3.5}


def watching(socket, *runs):
    """Watch, and be sure that this has been heard: an error comes after it."""
    socket.send_text(json.dumps({"watch": list(runs)}))
    socket.send_text("{")
    until(socket, "error")


def test_a_line_that_is_written_is_told(socket, run):
    watching(socket, "vae")
    run.log(ROW | {"kl": float("nan")})
    told = until(socket, "rows")
    assert (told["run"], told["rows"]) == ("vae", [ROW | {"kl": None}])
    run.log(ROW | {"step": 30, "loss": 2.5})
    while (summary := until(socket, "run")["run"])["step"] != 30:
        pass
    assert summary["best"]["loss"] == 2.5


def test_pictures_beginnings_anew_and_ends_are_told(socket, run):
    import shutil

    watching(socket, "vae")
    run.log(ROW)
    shutil.copy(run.images / "samples-0001.png", run.images / "samples-0002.png")
    assert until(socket, "picture") == {
        "type": "picture",
        "run": "vae",
        "kind": "samples",
        "epoch": 2,
        "url": "/files?run=vae&path=images/samples-0002.png",
    }
    run.rewind(10)
    assert until(socket, "reset") == {"type": "reset", "run": "vae"}
    shutil.rmtree(run.path)
    assert until(socket, "gone") == {"type": "gone", "run": "vae"}


def test_a_run_that_begins_is_told_and_one_that_is_not_watched_only_in_sum(socket, run, digits):
    watching(socket, "vae")
    other = er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=()), digits, epochs=1, out=run.path.parent / "new")
    while until(socket, "run")["run"]["run"] != "new":
        pass
    other.log(ROW)
    run.log(ROW)
    assert until(socket, "rows")["run"] == "vae"


WISHES = ["", "[]", '{"watch": 3}', '{"watch": [3]}', '{"unwatch": []}', "[" * 60_000, "3"]


@pytest.mark.parametrize("said", WISHES)
def test_what_is_no_wish_is_answered_and_the_page_stays(socket, run, said):
    socket.send_text(said)
    assert "\n" not in until(socket, "error")["error"]
    watching(socket, "vae", "../etc")
    run.log(ROW)
    assert until(socket, "rows")["rows"] == [ROW]


def test_what_waits_for_a_page_is_bounded():
    """A night's rows for a page that does not listen come to a word: begin anew."""

    async def night():
        page = PageSubscription(asyncio.get_running_loop())
        page.watched_runs = frozenset({"vae"})
        for n in range(5000):
            page.push("vae", {"step": n}, RunUpdate(rows=[ROW], image_epochs={"samples": n}))
            held = len(page._runs) + len(page._rows["vae"] or ()) + len(page._image_epochs)
            assert held <= live_updates.MAX_PENDING_ROWS + 2
        return [json.loads(message) for message in await page.next_messages()]

    said = asyncio.run(night())
    assert [message["type"] for message in said] == ["run", "reset", "picture"]
    assert said[0]["run"] == {"step": 4999}
    assert said[2]["epoch"] == 4999


def test_nobody_looks_where_no_page_is_open(tmp_path, run, monkeypatch):
    app = create_app(tmp_path)
    studio, looks = app.state.studio, []
    look = studio.folder.look
    monkeypatch.setattr(studio.folder, "look", lambda: looks.append(1) or look())
    with TestClient(app, base_url="http://localhost") as client:
        with client.websocket_connect("ws://localhost/ws/live") as socket:
            watching(socket, "vae")
            run.log(ROW)
            until(socket, "run")
        client.get("/api/trash")
        assert looks
        assert not studio.live._subscriptions
        assert not studio.live._wanted.is_set()


def test_more_pages_than_there_is_room_for_are_sent_away(tmp_path, run, monkeypatch):
    monkeypatch.setattr(live_updates, "MAX_PAGES", 1)
    from starlette.websockets import WebSocketDisconnect

    with (
        TestClient(create_app(tmp_path), base_url="http://localhost") as client,
        client.websocket_connect("ws://localhost/ws/live"),
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://localhost/ws/live"),
    ):
        pass


def test_many_lines_at_once_are_not_told_one_by_one(socket, run):
    watching(socket, "vae")
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write("".join(json.dumps(ROW | {"step": n}) + "\n" for n in range(5000)))
    assert until(socket, "reset")["run"] == "vae"
    assert Run(run.path).metrics()[-1]["step"] == 4999
