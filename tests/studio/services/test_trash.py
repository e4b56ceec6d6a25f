"""Trash: deleting and restoring runs."""

import io
import shutil

from filelock import FileLock
from PIL import Image

from elbowroom.runs.run import list_runs
from elbowroom.studio.services import annotations
from tests.studio.helpers import runs_by_name


def test_a_deleted_run_can_be_restored(client, folder):
    item = client.post("/api/run/delete", json={"run": "sweep/vae-0"}).json()["item"]
    assert set(runs_by_name(client)) == {"vae"}
    assert [run.path.name for run in list_runs(folder)] == ["vae"]
    assert [entry["run"] for entry in client.get("/api/trash").json()["trash"]] == ["sweep/vae-0"]
    assert client.post("/api/trash/restore", json={"item": item}).json() == {"run": "sweep/vae-0"}
    assert runs_by_name(client)["sweep/vae-0"]["state"] == "finished"
    for wrong in ("..", "../vae", "", "nothing", "/etc"):
        assert client.post("/api/trash/restore", json={"item": wrong}).status_code == 404


def test_a_restored_run_does_not_replace_another(client, folder, trained_run):
    item = client.post("/api/run/delete", json={"run": "vae"}).json()["item"]
    shutil.copytree(trained_run, folder / "vae")
    assert client.post("/api/trash/restore", json={"item": item}).json() == {"run": "vae-2"}


def test_a_run_cannot_be_restored_outside_the_folder(client, folder):
    item = client.post("/api/run/delete", json={"run": "vae"}).json()["item"]
    annotations.write_annotations(folder / ".trash" / item, trashed="../../elsewhere")
    assert client.post("/api/trash/restore", json={"item": item}).status_code == 404
    assert (folder / ".trash" / item).is_dir()


def test_the_trash_says_what_a_run_was_and_shows_it(client, folder):
    client.post("/api/run/about", json={"run": "vae", "name": "the best", "note": "lower lr"})
    size = sum(file.stat().st_size for file in (folder / "vae").rglob("*") if file.is_file())
    item = client.post("/api/run/delete", json={"run": "vae"}).json()["item"]
    [entry] = client.get("/api/trash").json()["trash"]
    described = {"item": item, "run": "vae", "name": "the best", "note": "lower lr", "recipe": "vae", "data": "digits"}
    assert entry | described == entry
    assert (entry["epoch"], entry["picture"]) == (2, True)
    assert abs(entry["bytes"] - size) < 200  # the annotations now have the path
    picture = Image.open(io.BytesIO(client.get("/api/trash/picture", params={"item": item}).content))
    # Eight images and their reconstructions, each 56 pixels wide, three between them.
    assert picture.size == (8 * 56 + 7 * 3, 2 * 56 + 3)
    assert client.get("/api/trash/picture", params={"item": ".."}).status_code == 404


def test_deleted_for_good_is_deleted(client, folder):
    item = client.post("/api/run/delete", json={"run": "vae"}).json()["item"]
    for wrong in ("..", "", "nothing", f"{item}/images"):
        assert client.post("/api/trash/delete", json={"item": wrong}).status_code == 404
    assert client.post("/api/trash/delete", json={"item": item}).json()["bytes"] > 0
    assert client.get("/api/trash").json()["trash"] == []
    assert not (folder / ".trash" / item).exists()
    assert set(runs_by_name(client)) == {"sweep/vae-0"}


def test_a_run_in_training_is_first_and_cannot_be_deleted(client, folder):
    with FileLock(folder / "sweep" / "vae-0" / ".lock"):
        first = client.get("/api/runs").json()["runs"][0]
        assert (first["run"], first["state"]) == ("sweep/vae-0", "training")
        assert (first["live"], first["pausable"]) == (True, True)
        answer = client.post("/api/run/delete", json={"run": "sweep/vae-0"})
        assert (answer.status_code, answer.json()["error"]) == (409, "'sweep/vae-0' is being trained: stop it first")
    assert not runs_by_name(client)["sweep/vae-0"]["live"]
