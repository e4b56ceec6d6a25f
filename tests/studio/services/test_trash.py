"""Trash: deleting and restoring runs."""

import shutil

from filelock import FileLock

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


def test_a_run_in_training_is_first_and_cannot_be_deleted(client, folder):
    with FileLock(folder / "sweep" / "vae-0" / ".lock"):
        first = client.get("/api/runs").json()["runs"][0]
        assert (first["run"], first["state"]) == ("sweep/vae-0", "training")
        assert (first["live"], first["pausable"]) == (True, True)
        answer = client.post("/api/run/delete", json={"run": "sweep/vae-0"})
        assert (answer.status_code, answer.json()["error"]) == (409, "'sweep/vae-0' is being trained: stop it first")
    assert not runs_by_name(client)["sweep/vae-0"]["live"]
