"""Live updates: what open pages are told, with bounded queues."""

import asyncio
import json
import shutil

import pytest
from starlette.websockets import WebSocketDisconnect

import elbowroom as er
from elbowroom.runs.run import Run
from elbowroom.studio.api import live_updates
from elbowroom.studio.api.live_updates import PageSubscription
from elbowroom.studio.services.run_summary import RunUpdate
from tests.studio.helpers import open_client


def receive(socket, message_type):
    """Return the next message of a type."""
    for _ in range(50):
        message = json.loads(socket.receive_text())
        if message["type"] == message_type:
            return message
    raise AssertionError(f"no message of type {message_type}")


ROW = {"step": 20, "epoch": 2, "split": "validation", "loss": 3.5, "elbo": -3.5}


def watch(socket, *runs):
    """Watch runs, and wait until the server has read this: the error comes after it."""
    socket.send_text(json.dumps({"watch": list(runs)}))
    socket.send_text("{")
    receive(socket, "error")


def test_a_new_row_is_sent(socket, run):
    watch(socket, "vae")
    run.log(ROW | {"kl": float("nan")})
    message = receive(socket, "rows")
    assert (message["run"], message["rows"]) == ("vae", [ROW | {"kl": None}])
    run.log(ROW | {"step": 30, "loss": 2.5})
    while (summary := receive(socket, "run")["run"])["step"] != 30:
        pass
    assert summary["best"]["loss"] == 2.5


def test_images_resets_and_deletions_are_sent(socket, run):
    watch(socket, "vae")
    run.log(ROW)
    shutil.copy(run.images / "samples-0001.png", run.images / "samples-0002.png")
    assert receive(socket, "picture") == {
        "type": "picture",
        "run": "vae",
        "kind": "samples",
        "epoch": 2,
        "url": "/files?run=vae&path=images/samples-0002.png",
        "grid": "/api/run/grid?run=vae&kind=samples&epoch=2",
    }
    run.rewind(10)
    assert receive(socket, "reset") == {"type": "reset", "run": "vae"}
    shutil.rmtree(run.path)
    assert receive(socket, "gone") == {"type": "gone", "run": "vae"}


def test_a_new_run_is_sent_and_rows_only_of_watched_runs(socket, run, digits):
    watch(socket, "vae")
    other = er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=()), digits, epochs=1, out=run.path.parent / "new")
    while receive(socket, "run")["run"]["run"] != "new":
        pass
    other.log(ROW)
    run.log(ROW)
    assert receive(socket, "rows")["run"] == "vae"


NO_WATCHES = ["", "[]", '{"watch": 3}', '{"watch": [3]}', '{"unwatch": []}', "[" * 60_000, "3"]


@pytest.mark.parametrize("text", NO_WATCHES)
def test_a_wrong_message_gets_an_error_and_the_connection_stays(socket, run, text):
    socket.send_text(text)
    assert "\n" not in receive(socket, "error")["error"]
    watch(socket, "vae", "../etc")
    run.log(ROW)
    assert receive(socket, "rows")["rows"] == [ROW]


def test_pending_updates_are_bounded():
    """Thousands of rows for a page that does not receive them become one message to reload."""

    async def push_many():
        page = PageSubscription(asyncio.get_running_loop())
        page.watched_runs = frozenset({"vae"})
        for n in range(5000):
            page.push("vae", {"step": n}, RunUpdate(rows=[ROW], image_epochs={"samples": n}))
            num_pending = len(page._runs) + len(page._rows["vae"] or ()) + len(page._image_epochs)
            assert num_pending <= live_updates.MAX_PENDING_ROWS + 2
        return [json.loads(message) for message in await page.next_messages()]

    messages = asyncio.run(push_many())
    assert [message["type"] for message in messages] == ["run", "reset", "picture"]
    assert messages[0]["run"] == {"step": 4999}
    assert messages[2]["epoch"] == 4999


def test_no_polling_without_open_pages(tmp_path, run, monkeypatch):
    client, calls = open_client(tmp_path), []
    studio, live = client.app.state.studio, client.app.state.live
    refresh = studio.run_index.refresh
    monkeypatch.setattr(studio.run_index, "refresh", lambda: calls.append(1) or refresh())
    with client:
        with client.websocket_connect("ws://localhost/ws/live") as socket:
            watch(socket, "vae")
            run.log(ROW)
            receive(socket, "run")
        client.get("/api/trash")
        assert calls
        assert not live._subscriptions
        assert not live._has_pages.is_set()


def test_the_number_of_pages_is_limited(tmp_path, run, monkeypatch):
    monkeypatch.setattr(live_updates, "MAX_PAGES", 1)
    with (
        open_client(tmp_path) as client,
        client.websocket_connect("ws://localhost/ws/live"),
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://localhost/ws/live"),
    ):
        pass


def test_many_rows_at_once_become_a_reset(socket, run):
    watch(socket, "vae")
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write("".join(json.dumps(ROW | {"step": n}) + "\n" for n in range(5000)))
    assert receive(socket, "reset")["run"] == "vae"
    assert Run(run.path).metrics()[-1]["step"] == 4999
