"""Annotations: names and notes are kept, damaged files ignored."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from elbowroom.studio.services import annotations
from elbowroom.studio.services.run_index import RunIndex
from tests.studio.helpers import open_client, runs_by_name


def test_names_and_notes_are_saved_and_limited(client, folder):
    assert client.post("/api/run/rename", json={"run": "vae", "name": " the best\t<b>one</b> "}).status_code == 200
    assert client.post("/api/run/note", json={"run": "vae", "note": "two\nlines"}).status_code == 200
    with open_client(folder) as other:
        summary = runs_by_name(other)["vae"]
    assert (summary["name"], summary["note"]) == ("the best <b>one</b>", "two\nlines")
    assert client.post("/api/run/rename", json={"run": "vae", "name": ""}).json()["name"] == "vae"
    for fields, words in [
        ({"name": "x" * 81}, "at most 80"),
        ({"name": "a\x1bb"}, "cannot be printed"),
        ({}, "missing"),
    ]:
        answer = client.post("/api/run/rename", json={"run": "vae"} | fields)
        assert answer.status_code == 400
        assert words in answer.json()["error"]
    assert "at most 4,000" in client.post("/api/run/note", json={"run": "vae", "note": "x" * 5000}).json()["error"]


def test_name_and_note_are_saved_together_or_not_at_all(client):
    both = {"run": "vae", "name": "best", "note": "lower lr"}
    assert client.post("/api/run/about", json=both).json()["note"] == "lower lr"
    for wrong, field in (({"name": "x" * 81}, "name"), ({"note": "x" * 5000}, "note")):
        answer = client.post("/api/run/about", json=both | {"name": "other", "note": "other"} | wrong)
        assert (answer.status_code, answer.json()["field"]) == (400, field)
    summary = runs_by_name(client)["vae"]
    assert (summary["name"], summary["note"]) == ("best", "lower lr")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"name": 3, "pid": "1", "began": 2}', b"\xff\xfe", b"[" * 90_000])
def test_a_damaged_file_counts_as_empty(folder, text):
    (folder / "vae" / "studio.json").write_bytes(text)
    assert annotations.read_annotations(folder / "vae") == {}
    summaries = {run["run"]: run for run in RunIndex(folder).refresh()}
    assert (summaries["vae"]["name"], summaries["vae"]["state"]) == ("vae", "finished")


def test_changes_of_several_requests_at_once_are_all_kept(folder):
    path = folder / "vae"
    with ThreadPoolExecutor(8) as pool:
        for n in range(20):
            changes = [{"name": f"name {n}"}, {"note": f"note {n}"}, {"pid": n}, {"began": f"{n}"}, {"asked": f"{n}"}]
            list(pool.map(lambda change: annotations.write_annotations(path, **change), changes))
            assert annotations.read_annotations(path) == {k: v for change in changes for k, v in change.items()}
