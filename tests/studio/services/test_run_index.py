"""RunIndex: which runs are found, and which paths are refused."""

import os
import shutil
import threading

import pytest

import elbowroom as er
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.run_index import RunIndex
from tests.studio.helpers import runs_by_name


def test_a_deleted_run_is_gone_and_the_others_stay(client, folder):
    assert set(runs_by_name(client)) == {"vae", "sweep/vae-0"}
    shutil.rmtree(folder / "vae")
    assert set(runs_by_name(client)) == {"sweep/vae-0"}
    for path in ("/api/run", "/api/curves", "/files"):
        answer = client.get(path, params={"run": "vae", "path": "recipe.json"})
        assert answer.status_code == 404
        assert "no run 'vae' here" in answer.json()["error"]


NO_RUNS = ["..", "../trained", "/etc", "vae/..", "vae/../vae", "./vae", "vae/", "", "vae//x", "a\x00b", ".trash/x"]


@pytest.mark.parametrize("run", [*NO_RUNS, "vae\\..", "%2e%2e", "out", "vae/images", "v" * 5000, "\ud800"])
def test_names_that_are_no_run_are_refused(client, folder, run):
    (folder / "out").symlink_to(folder.parent)
    with pytest.raises(RequestError):
        RunIndex(folder).run_path(run)
    if run.isprintable() and "\ud800" not in run:
        assert client.get("/api/run", params={"run": run}).status_code == 404
        assert client.post("/api/run/delete", json={"run": run}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("../sweep/vae-0/recipe.json", "/etc/passwd", "images/../../../x.png", "images", "link.png", "linked/x.png"),
        *("%2e%2e/x.png", "a\x00.png", "model.safetensors", ".lock", "checkpoints/best.safetensors", "pipe.png", ""),
        *("images/link.png", "broken.png", "loop.png"),
    ],
)
def test_files_outside_the_run_or_of_other_types_are_not_served(client, folder, path):
    (folder / "secret.png").write_bytes(b"secret")
    (folder / "vae" / "link.png").symlink_to(folder / "secret.png")
    (folder / "vae" / "images" / "link.png").symlink_to(folder / "secret.png")
    (folder / "vae" / "linked").symlink_to(folder)
    (folder / "vae" / "broken.png").symlink_to(folder / "nothing")
    (folder / "vae" / "loop.png").symlink_to(folder / "vae" / "loop.png")
    os.mkfifo(folder / "vae" / "pipe.png")
    answer = client.get("/files", params={"run": "vae", "path": path})
    assert answer.status_code == 404
    assert b"secret\n" not in answer.content
    assert "\n" not in answer.json()["error"]


def test_links_out_of_the_folder_are_not_followed(folder, trained_run):
    (folder / "linked").symlink_to(trained_run)
    (folder / "outside").mkdir()
    (folder / "outside" / "recipe.json").symlink_to(trained_run / "recipe.json")
    runs = {run["run"]: run for run in RunIndex(folder).refresh()}
    assert set(runs) == {"vae", "sweep/vae-0", "outside"}
    assert runs["outside"]["state"] == "damaged"


def test_threads_never_block_a_training_from_starting(folder, digits):
    """Two threads poll the locks while trainings start and end."""
    stop, index = threading.Event(), RunIndex(folder)

    def poll():
        while not stop.is_set():
            index.refresh()

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for n in range(3):
            recipe = er.recipes.vae(digits.shape, latent=2, hidden=())
            er.fit(*recipe, digits, steps=1, out=folder / f"new-{n}", watch=())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {run["state"] for run in index.refresh()} == {"finished"}


def test_a_run_in_the_folder_itself_is_named_by_a_dot(trained_run):
    index = RunIndex(trained_run)
    assert [run["run"] for run in index.refresh()] == ["."]
    assert index.run_file(".", "recipe.json") == trained_run.resolve() / "recipe.json"


def test_unchanged_files_are_not_read_again(folder, monkeypatch):
    index = RunIndex(folder)
    before = index.refresh()
    monkeypatch.setattr(
        "elbowroom.runs.metrics_log.open_regular_file", lambda path: pytest.fail(f"{path} was read again")
    )
    assert index.refresh() == before
